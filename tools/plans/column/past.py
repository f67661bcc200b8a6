"""The next tracer test after measured ones: what to repeat, what to change, and what it would add.

The next run keeps the pore-water velocity of the past one, so that both tell of the same parameters. Its information
adds to that of the data,

    C_after^-1 = C_past^-1 + F_next,

C the covariance of the logarithms of the parameters, F_next the Fisher information of the new readings with the
scatter that the data showed (`physics.design.information`). The precision is the half-width of the interval, t sd,
t the quantile for the readings of all runs together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from physics import units
from physics.design.candidate import Candidate, Limits, Unknown
from physics.design.curves import evaluate
from physics.design.information import Noise, fisher
from physics.design.predict_interval import Band, draw_posterior, predict_interval
from physics.design.propose import Proposal, Run, propose
from physics.design.tracer import TIME_POWERS, tracer_models
from physics.errors import ParameterError
from physics.experiments.column import EXPERIMENT, scheme_of
from tools.errors import Failed
from tools.plans.column.facts import BAND_LEVEL, LEVEL
from tools.plans.column.next_facts import data, facts
from tools.plans.column.next_run import Bench, Next
from tools.plans.column.next_text import outline
from tools.plans.column.runs import AFTERWARDS, MINUTES, rounded
from tools.plans.numbers import bounds_on, number
from tools.records import Curve, Evidence, Source
from tools.simulate import balance_checks

FITTED = (
    "length", "position", "retardation", "decay", "inlet", "outlet", "reading", "input", "pulse_duration",
    "mobile_fraction", "exchange",
)  # fmt: skip
PULSES = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0)  # pore volumes
TOLERANCE = 1e-6
CURVE_POINTS = 81
DRAWS = 128
ROUNDS = 3
FEWEST = 20  # readings that a run may take even where the past one had fewer
MOST_RUNS = 8  # that one plan may ask for


def fit_settings(curve: Curve) -> dict[str, str]:
    """Return the settings with which a measured curve is fitted.

    Where only the sensor's place is known the bed is taken to go on behind it: the outlet is then far away.
    """
    known = {name: text for name, text in curve.settings.items() if name in FITTED}
    if "length" not in known and "position" in known:
        known |= {"length": known["position"], "outlet": "semi-infinite"}
    known["input"] = curve.input
    if curve.input != "pulse":
        known.pop("pulse_duration", None)
    return known


def systematic(curve: Curve) -> dict[str, float]:
    """Return the relative standard deviation that no number of readings lowers, by parameter: none is counted."""
    return {}


def limits(past: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the limits that the past run sets where the request says none, each with the sentence that says so."""
    enough = past["points"] >= FEWEST
    why = "as many as the last curve has" if enough else "since the last curve has too few to repeat"
    found = [
        {
            "name": "samples",
            "upper": float(max(past["points"], FEWEST)),
            "unit": "",
            "sentence": f"At most {{past_samples}} readings are planned, {why}.",
        }
    ]
    interval = math.floor(past["interval"] / 60) if past["interval"] >= 60 else past["interval"] / 60
    if interval > 0:
        found.append(
            {
                "name": "shortest_interval",
                "lower": float(interval),
                "unit": "min",
                "sentence": "Readings follow each other no closer than {past_shortest_interval}, as in the last curve.",
            }
        )
    return found


def assumed(curve: Curve) -> tuple[str, ...]:
    """Say what is taken of the run that was measured, beyond what request and file name."""
    fed = {"step": "tracer entered from the start to the end", "pulse": "tracer entered for a while and then stopped"}
    clean = "the column was full of tracer at the start and then washed"
    found = [f"The shape of the measured curve says that {fed.get(curve.input, clean)}."]
    if "outlet" not in curve.settings and "length" not in curve.settings:
        found.append("The bed is taken to go on behind the sensor, so that its end does not shape the curve.")
    return tuple(found)


def design(
    request: Mapping[str, Any],
    past: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose the run that follows measured ones; see `tools.design.design`.

    Raises:
        InputError: a setting or a limit is wrong; the message says which.
        Failed: no run inside the limits could be computed.
    """
    bench = _bench(request, past)
    models = tracer_models(scheme_of({**bench.base, "input": "step"}))
    progress(0.1, "comparing runs that could follow")
    proposal = _propose(bench, models)
    proposal, runs = _repeat(bench, proposal)
    chosen = proposal.recommended
    progress(0.7, "running the solver")
    shown = torch.unique(torch.cat([torch.linspace(0, chosen.duration, CURVE_POINTS).double(), chosen.times]))
    band = _band(bench, chosen, shown)
    solution = EXPERIMENT.simulate(
        solver_settings(bench, chosen), shown, tolerance=TOLERANCE * tolerance_factor, device=device
    )
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    others = {"fastest": proposal.fastest, "precise": proposal.most_precise}
    found = Next(
        bench=bench,
        proposal=proposal,
        band=band,
        solution=solution,
        before=bench.half_width(bench.covariance, 0),
        after=_after(bench, chosen, runs),
        others={name: (other, _after(bench, other)) for name, other in others.items()},
        repeated=_repeated(bench, past),
        runs=runs,
        asked=request["settings"],
        same_place=math.isclose(bench.position, _place(past)),
    )
    entered = facts(found, Source(tool="design", run=run, inputs=dict(request["settings"])))
    told = data(found)
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(entered),
        checks=tuple(balance_checks(solution)),
        outline=outline({fact.id: fact for fact in entered}, told, request, past),
        data=told,
    )


def _bench(request: Mapping[str, Any], past: Mapping[str, Any]) -> Bench:
    settings = {**past["settings"], **_moved(request["settings"], past["settings"])}
    base = {name: EXPERIMENT.parameter(name).read(text) for name, text in settings.items() if name != "pulse_duration"}
    bounds = request["bounds"]
    said = {bound["name"] for bound in bounds if bound["source"] == "request"}
    noise = past["noise"]
    if "reading_error" in request["settings"]:
        noise = units.convert(*units.parse(request["settings"]["reading_error"]), "")
    medians = dict(zip(past["names"], past["median"], strict=True))
    factor = _factor(request["settings"], bounds, medians["velocity"])
    interval = max(bounds_on(bounds, "shortest_interval", "s")[0], 1.0)
    longest = bounds_on(bounds, "duration", "s")[1]
    return Bench(
        base=base,
        names=tuple(past["names"]),
        median={name: factor * value for name, value in medians.items()},
        factor=factor,
        covariance=torch.tensor(past["covariance"], dtype=torch.float64),
        freedom=int(past["freedom"]),
        noise=noise,
        limits=Limits(
            duration=longest,
            samples=int(bounds_on(bounds, "samples", "")[1]),
            interval=interval,
            raster=MINUTES if interval >= 60 else Limits.raster,
        ),
        target=str(request["target"]),
        wanted=request["precision"] / 100,
        asked=bool(request["asked"]),
        most_runs=1 if {"duration", "samples"} & said else MOST_RUNS,
        settings=settings,
    )


def _factor(asked: Mapping[str, str], bounds: Sequence[Mapping[str, Any]], velocity: float) -> float:
    """Return by what the velocity must differ from the past one, since the pump does not give that: one as a rule.

    Dispersion is taken to be proportional to velocity, so that the logarithms of both tell the same at either.
    """
    slowest, fastest = bounds_on(bounds, "flow", "m**3/s")
    if not {"diameter", "porosity"} <= set(asked) or not math.isfinite(fastest):
        return 1.0
    flow = math.pi * number(asked, "diameter", "m") ** 2 / 4 * number(asked, "porosity", "") * velocity
    return min(max(flow, slowest), fastest) / flow


def _moved(asked: Mapping[str, str], past: Mapping[str, str]) -> dict[str, str]:
    """Return what the next run has otherwise than the past one: another place of the sensor, a bed of known length."""
    moved = {name: asked[name] for name in ("length", "position") if name in asked}
    if "position" in moved and "length" not in moved and past.get("outlet") == "semi-infinite":
        moved["length"] = moved["position"]
    return moved


def _candidates(bench: Bench) -> list[Candidate]:
    """Return steps and pulses at the velocity of the data, each as long as its front needs."""
    retardation = float(bench.base.get("retardation", 1.0))
    pore_volume = retardation * bench.position / bench.median["velocity"]
    known: dict[str, float] = {
        "length": float(bench.base["length"]),
        "position": bench.position,
        "decay": float(bench.base.get("decay", 0.0)),
        "retardation": retardation,
        **{name: float(bench.base[name]) for name in ("mobile_fraction", "exchange") if name in bench.base},
    }
    unknown = {
        name: Unknown(bench.median[name], math.sqrt(float(bench.covariance[j, j])))
        for j, name in enumerate(bench.names)
    }
    found: dict[tuple[float, float], Candidate] = {}
    for pulse in (math.inf, *PULSES):
        fed = pulse * pore_volume
        step = math.isinf(pulse)
        for volumes in AFTERWARDS:
            duration = min((volumes + (0.0 if step else pulse)) * pore_volume, bench.limits.duration)
            if duration <= 0.5 * pore_volume:
                continue
            candidate = Candidate(
                settings={"input": "step" if step else "pulse"},
                known=known if step else {**known, "pulse_duration": fed},
                unknown=unknown,
                duration=duration,
                own_time=pore_volume,
                input_duration=fed,
                material_rate=1.0,  # per second of feeding: the flow is not known
                model="step" if step else "pulse",
            )
            found[candidate.input_duration, duration] = rounded(candidate)
    if not found:
        raise ParameterError(
            f"a run of {bench.limits.duration / 3600:.3g} h ends before the front reaches the sensor, which takes "
            f"{pore_volume / 3600:.3g} h at the velocity of the data; allow more time"
        )
    return list(found.values())


def _propose(bench: Bench, models: Mapping[str, Any]) -> Proposal:
    """Return the shortest run that brings the target to its precision together with the data, else the most precise.

    What the run alone must reach follows from what the data have, first as if the parameters were independent; the
    joint covariance of the run that is found then says by how much to ask for more.
    """
    place = bench.names.index(bench.target)
    z = float(norm.ppf(0.5 + LEVEL / 2))
    quantile = float(student.ppf(0.5 + LEVEL / 2, bench.freedom + bench.limits.samples))
    lacking = (quantile / bench.wanted) ** 2 - 1 / float(bench.covariance[place, place])
    alone = z / math.sqrt(lacking) if lacking > 0 else 10.0 * bench.wanted
    candidates = _candidates(bench)
    for _ in range(ROUNDS):
        proposal = propose(
            models,
            candidates,
            bench.limits,
            {bench.target: alone},
            Noise(absolute=bench.noise),
            time_powers=TIME_POWERS,
            level=LEVEL,
            robust="mean",
        )
        reached = _after(bench, proposal.recommended)[bench.target]
        if not proposal.met or reached <= bench.wanted:
            break
        alone *= 0.98 * bench.wanted / reached
    return replace(proposal, met=reached <= bench.wanted)


def _information(bench: Bench, candidate: Candidate, times: Tensor) -> Tensor:
    """Return the Fisher information of readings at `times` (s) at the medians, shape (P, P)."""
    certain = {name: Unknown(value, 0.0) for name, value in bench.median.items()}
    models = tracer_models(scheme_of({**bench.base, "input": "step"}))
    curves = evaluate(models, [replace(candidate, unknown=certain)], TIME_POWERS, times / candidate.own_time)
    return fisher(curves.slope[0, 0], Noise(absolute=bench.noise).deviation(curves.curve[0, 0]))


def _after(bench: Bench, run: Run, times: int = 1) -> dict[str, float]:
    """Return the half-widths that data and run, made `times` times, give together."""
    information = torch.linalg.inv(bench.covariance) + times * _information(bench, run.candidate, run.times)
    return bench.half_width(torch.linalg.inv(information), times * run.samples)


def _repeat(bench: Bench, proposal: Proposal) -> tuple[Proposal, int]:
    """Return how often to make a run: more than once only where one does not reach the precision that was asked."""
    if proposal.met or not bench.asked:
        return proposal, 1
    best = proposal.most_precise
    known, added = torch.linalg.inv(bench.covariance), _information(bench, best.candidate, best.times)
    for times in range(2, bench.most_runs + 1):
        covariance = torch.linalg.inv(known + times * added)
        if bench.half_width(covariance, times * best.samples)[bench.target] <= bench.wanted:
            return replace(proposal, recommended=best, met=True), times
    return proposal, 1


def _repeated(bench: Bench, past: Mapping[str, Any]) -> dict[str, float]:
    """Return the half-widths after the past run has been made again as it was; empty where its input was another."""
    kind = past["settings"]["input"]
    times = [time for time in past["times"] if time > 0]
    place = _place(past)
    usable = kind in ("step", "pulse") and bool(times) and math.isclose(bench.position, place)
    if not usable or times[-1] > bench.limits.duration or len(times) > bench.limits.samples or bench.factor != 1:
        return {}
    candidate = next(item for item in _candidates(bench) if item.model == "step")
    if kind == "pulse":
        fed = number(past["settings"], "pulse_duration", "s")
        candidate = replace(
            candidate, model="pulse", input_duration=fed, known={**candidate.known, "pulse_duration": fed}
        )
    again = _information(bench, candidate, torch.tensor(times, dtype=torch.float64))
    covariance = torch.linalg.inv(torch.linalg.inv(bench.covariance) + again)
    return bench.half_width(covariance, len(times))


def _place(past: Mapping[str, Any]) -> float:
    """Return where the sensor stood in the past run, m."""
    return number(past["settings"], "position" if "position" in past["settings"] else "length", "m")


def _band(bench: Bench, chosen: Run, times: Tensor) -> Band:
    """Return the predicted curve with the interval of a reading: what the data leave open, and their scatter."""
    u = torch.tensor([math.log(bench.median[name]) for name in bench.names], dtype=torch.float64)
    logarithmic = torch.ones(len(bench.names), dtype=torch.bool)
    draws = draw_posterior(bench.names, u, bench.covariance, logarithmic, DRAWS)
    known = {name: torch.full((DRAWS,), value, dtype=torch.float64) for name, value in chosen.candidate.known.items()}
    models = tracer_models(scheme_of({**bench.base, "input": "step"}))
    return predict_interval(
        models[chosen.candidate.model], {**known, **draws}, times, level=BAND_LEVEL, noise=bench.noise
    )


def solver_settings(bench: Bench, chosen: Run) -> dict[str, Any]:
    """Return the SI settings of the recommended run, with the parameters that the data gave."""
    return {**bench.base, **chosen.candidate.known, **bench.median, "input": chosen.candidate.model}
