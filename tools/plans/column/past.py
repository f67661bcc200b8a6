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
from typing import Any

import torch
from torch import Tensor

from physics import units
from physics.design.candidate import Limits
from physics.design.predict_interval import Band, draw_posterior, predict_interval
from physics.design.propose import Run
from physics.design.tracer import tracer_models
from physics.experiments.column import EXPERIMENT, scheme_of
from tools.errors import Failed
from tools.plans.column.facts import BAND_LEVEL
from tools.plans.column.next_facts import data, facts
from tools.plans.column.next_run import Bench, Next
from tools.plans.column.next_search import after, best_runs, place_of, repeat, repeated
from tools.plans.column.next_text import outline
from tools.plans.column.runs import MINUTES
from tools.plans.numbers import bounds_on, number
from tools.records import Curve, Evidence, Source
from tools.simulate import balance_checks

FITTED = (
    "length", "position", "retardation", "decay", "inlet", "outlet", "reading", "input", "pulse_duration",
    "mobile_fraction", "exchange",
)  # fmt: skip
TOLERANCE = 1e-6
CURVE_POINTS = 81
DRAWS = 128
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
    proposal = best_runs(bench, models)
    proposal, runs = repeat(bench, proposal)
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
        after=after(bench, chosen, runs),
        others={name: (other, after(bench, other)) for name, other in others.items()},
        repeated=repeated(bench, past),
        runs=runs,
        asked=request["settings"],
        same_place=math.isclose(bench.position, place_of(past)),
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
