"""Propose an experiment: the settings and times that reach a precision soonest, inside all limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch

from physics import units
from physics.design.candidate import Candidate
from physics.design.predict_interval import Band, draw_prior, predict_interval
from physics.design.propose import Proposal, Run, propose
from physics.design.tracer import TIME_POWERS
from physics.errors import InputError
from physics.experiments.column import EXPERIMENT
from physics.solution import Solution
from tools.errors import Failed, Retry
from tools.plans import column_runs
from tools.plans.column_runs import Space
from tools.records import Evidence, Fact, Source
from tools.simulate import balance_checks

LEVEL = 0.95  # of the interval whose half-width is the precision
BAND_LEVEL = 0.9  # of the interval of the predicted curve
TOLERANCE = 1e-6
CURVE_POINTS = 81
DRAWS = 128
ROBUST = "mean"  # over the dispersivities that the prior admits; the worst of them is reported beside it

Progress = Callable[[float, str], None]


def design(
    request: Mapping[str, Any],
    *,
    run: str | None = None,
    tolerance_factor: float = 1.0,
    device: str = "auto",
    progress: Progress | None = None,
) -> Evidence:
    """Propose how to run a tracer column and when to sample it.

    `request` names the experiment, its settings (apparatus and what is assumed), the bounds that every proposal must
    keep, the target parameter and the relative precision wanted (percent). Returns the recommended run, a faster and
    a more precise one, the predicted curve with its interval, and the balance of the run that was computed.

    Raises:
        Retry: a setting or a limit is wrong; the message says which.
        Failed: no run inside the limits could be computed.
    """
    start = perf_counter()
    tell = progress or (lambda share, what: None)
    try:
        found = column_runs.space(request["settings"], request["bounds"])
        targets = {request["target"]: request["precision"] / 100}
        tell(0.1, f"comparing {len(found.candidates)} runs")
        broad = _propose(found, found.candidates, targets)
        tell(0.6, "settling the best of them")
        finalists = (broad.recommended, broad.fastest, broad.most_precise)
        distinct = {id(run.candidate): column_runs.rounded(run.candidate) for run in finalists}
        proposal = _propose(found, list(distinct.values()), targets)
        tell(0.8, "running the solver")
        chosen = proposal.recommended
        shown = torch.unique(torch.cat([torch.linspace(0, chosen.duration, CURVE_POINTS).double(), chosen.times]))
        band = _band(found, chosen, shown)
        solution = EXPERIMENT.simulate(
            solver_settings(found, chosen), shown, tolerance=TOLERANCE * tolerance_factor, device=device
        )
    except InputError as error:
        raise Retry(str(error)) from error
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    source = Source(tool="design", run=run, inputs=dict(request["settings"]))
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(_facts(found, proposal, band, solution, source)),
        checks=tuple(balance_checks(solution)),
        data=_data(found, proposal, band, solution, request["target"], request["settings"]),
        seconds={"solver": perf_counter() - start},
    )


def _propose(found: Space, candidates: list[Candidate], targets: Mapping[str, float]) -> Proposal:
    return propose(
        found.models,
        candidates,
        found.limits,
        targets,
        found.noise,
        time_powers=TIME_POWERS,
        level=LEVEL,
        robust=ROBUST,
        prior_level=column_runs.PRIOR_LEVEL,
    )


def _band(found: Space, chosen: Run, times: torch.Tensor) -> Band:
    """Return the predicted curve with the interval that the prior leaves."""
    draws = draw_prior(chosen.candidate.unknown, DRAWS)
    known = {name: torch.full((DRAWS,), value, dtype=torch.float64) for name, value in chosen.candidate.known.items()}
    return predict_interval(found.bands[chosen.candidate.model], {**known, **draws}, times, level=BAND_LEVEL)


def solver_settings(found: Space, chosen: Run) -> dict[str, Any]:
    """Return the SI settings of the recommended run, the unknowns at their medians."""
    medians = {name: prior.median for name, prior in chosen.candidate.unknown.items()}
    apparatus = {name: value for name, value in found.base.items() if name not in ("diameter", "porosity")}
    return {**apparatus, **chosen.candidate.known, **medians, "input": chosen.candidate.model}


def _facts(found: Space, proposal: Proposal, band: Band, solution: Solution, source: Source) -> list[Fact]:
    """Enter every number of the proposal as a fact, in the units that people use at the bench."""
    chosen = proposal.recommended

    def fact(key: str, name: str, value: float, unit: str, **more: float) -> Fact:
        return Fact(id=key, name=name, value=value, unit=unit, source=source, **more)

    minutes = [float(t) / 60 for t in chosen.times]
    gaps = [b - a for a, b in pairwise(minutes)] or [minutes[0]]
    pore_volume = chosen.candidate.material_rate * chosen.candidate.own_time / found.base.get("retardation", 1.0)
    facts = [
        fact("flow", "flow rate of the pump", _flow(found, chosen), found.flow_unit),
        fact(
            "velocity",
            "pore-water velocity",
            _digits(_in(chosen.candidate.unknown["velocity"].median, "m/s", "cm/h")),
            "cm/h",
        ),
        fact("pore_volume", "pore volume", _digits(_in(pore_volume, "m**3", "mL")), "mL"),
        fact("residence_time", "mean residence time", _digits(chosen.candidate.own_time / 3600), "h"),
        fact("duration", "duration of the run", chosen.duration / 3600, "h"),
        fact("injected_volume", "tracer solution", _digits(_in(chosen.material, "m**3", "mL")), "mL"),
        fact("samples", "number of samples", float(chosen.samples), ""),
        fact("first_sample", "time of the first sample", minutes[0], "min"),
        fact("last_sample", "time of the last sample", minutes[-1], "min"),
        fact("shortest_interval", "shortest time between two samples", min(gaps), "min"),
        fact(
            "sample_volume",
            "effluent between two samples",
            _in(chosen.candidate.material_rate * min(gaps) * 60, "m**3", "mL"),
            "mL",
        ),
        fact("level", "level of the curve's interval", 100 * BAND_LEVEL, "percent"),
        fact("precision_level", "level of the precision", 100 * LEVEL, "percent"),
        fact("numerical_error", "numerical error", _error(solution), ""),
    ]
    if chosen.candidate.model == "pulse":
        facts.append(
            fact("pulse_duration", "duration of the tracer pulse", chosen.candidate.input_duration / 60, "min")
        )
    for prefix, other in (("", chosen), ("fastest_", proposal.fastest), ("precise_", proposal.most_precise)):
        if prefix:
            facts.append(fact(f"{prefix}flow", "flow rate of the alternative", _flow(found, other), found.flow_unit))
            facts.append(fact(f"{prefix}duration", "duration of the alternative", other.duration / 3600, "h"))
        for name, half_width in other.half_width.items():
            if math.isfinite(half_width):
                key = f"{prefix}precision_{name}"
                facts.append(
                    fact(key, f"expected half-width of the interval of {name}", _upwards(100 * half_width), "percent")
                )
    for name, half_width in chosen.worst.items():
        if math.isfinite(half_width):
            label = f"half-width of the interval of {name} at the worst of the prior"
            facts.append(fact(f"worst_precision_{name}", label, _upwards(100 * half_width), "percent"))
    places = torch.searchsorted(band.times, chosen.times)
    for index, (minute, place) in enumerate(zip(minutes, places.tolist(), strict=True)):
        facts.append(fact(f"time_{index:03d}", "sampling time", minute, "min"))
        facts.append(
            fact(
                f"conc_{index:03d}",
                "concentration",
                float(band.median[place]),
                "",
                lower=float(band.lower[place]),
                upper=float(band.upper[place]),
                level=BAND_LEVEL,
            )
        )
    return facts


def _digits(value: float, count: int = 3) -> float:
    """Round to the digits that a derived quantity carries when its inputs have two or three."""
    return round(value, count - 1 - math.floor(math.log10(abs(value)))) if value else value


def _upwards(value: float) -> float:
    """Round up to two digits: a precision is never promised better than it was computed."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / step - 1e-9) * step, 12)


def _flow(found: Space, run: Run) -> float:
    """Return the flow in the user's unit, free of the noise of conversion."""
    return float(f"{units.convert(run.candidate.material_rate, 'm**3/s', found.flow_unit):.10g}")


def _error(solution: Solution) -> float:
    return max((float(o.error.abs().max()) for o in solution.outputs.values() if o.error is not None), default=0.0)


def _in(value: float, source: str, target: str) -> float:
    return units.convert(value, source, target)


def _data(
    found: Space, proposal: Proposal, band: Band, solution: Solution, target: str, apparatus: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is not a number of the text: settings, the drawn curve, alternatives and what would help."""
    chosen = proposal.recommended
    settings = {
        **{name: text for name, text in apparatus.items() if name in found.base},
        "dispersion": f"{chosen.candidate.unknown['dispersion'].median!r} m**2/s",
        "flow": f"{_flow(found, chosen)!r} {found.flow_unit}",
        "input": chosen.candidate.model,
    }
    if chosen.candidate.model == "pulse":
        settings["pulse_duration"] = f"{chosen.candidate.input_duration / 60!r} min"
    alternatives = {"fastest": proposal.fastest, "precise": proposal.most_precise}
    different = {
        name: run
        for name, run in alternatives.items()
        if (run.candidate, run.duration) != (chosen.candidate, chosen.duration)
    }
    return {
        "settings": settings,
        "shown_settings": _shown(found, chosen, apparatus),
        "input": chosen.candidate.model,
        "predictions": [f"precision_{name}" for name in chosen.half_width if math.isfinite(chosen.half_width[name])],
        "alternative_inputs": {name: run.candidate.model for name, run in different.items()},
        "alternatives": [_alternative(found, name, run, target) for name, run in different.items()],
        "curve": _curve(band, solution),
        "met": proposal.met,
        "need": _need(proposal, target),
        "compared": len(found.candidates),
    }


def _shown(found: Space, chosen: Run, apparatus: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = [
        {"name": name, **_quantity(apparatus[name])} for name in ("length", "diameter", "porosity") if name in apparatus
    ]
    rows.append({"name": "flow", "value": _flow(found, chosen), "unit": found.flow_unit})
    rows.append({"name": "input", "value": chosen.candidate.model, "unit": ""})
    if chosen.candidate.model == "pulse":
        rows.append({"name": "pulse_duration", "value": chosen.candidate.input_duration / 60, "unit": "min"})
    rows.append({"name": "duration", "value": chosen.duration / 3600, "unit": "h"})
    return rows


def _quantity(text: str) -> dict[str, Any]:
    value, unit = units.parse(text)
    return {"value": value, "unit": unit}


def _alternative(found: Space, name: str, run: Run, target: str) -> dict[str, Any]:
    return {
        "name": "fastest" if name == "fastest" else "most precise",
        "flow": {"value": _flow(found, run), "unit": found.flow_unit},
        "input": run.candidate.model,
        "duration": {"value": run.duration / 3600, "unit": "h"},
        "samples": run.samples,
        "precision": {"name": target, "value": 100 * run.half_width[target], "unit": "percent"},
        "meets": run.meets,
    }


def _curve(band: Band, solution: Solution) -> dict[str, Any]:
    """Return the curve to draw: the solver's at the medians, and the band around it."""
    output = solution.outputs["concentration"]
    times = band.times
    return {
        "time": (times / 60).tolist(),
        "time_unit": "min",
        "values": output.values[0].tolist(),
        "lower": band.lower.tolist(),
        "upper": band.upper.tolist(),
        "level": BAND_LEVEL,
    }


def _need(proposal: Proposal, target: str) -> str:
    """Say what would bring the best run to its target."""
    need = proposal.need
    if need is None:
        return ""
    best = 100 * proposal.recommended.half_width[target]
    ways = []
    if need.samples is not None:
        ways.append(f"about {need.samples} samples")
    if need.noise_factor is not None:
        ways.append(f"a reading error {need.noise_factor:.2g} times smaller")
    if need.duration is not None:
        ways.append(f"{need.duration / 3600:.3g} h of time")
    helping = f"; what would help: {', or '.join(ways)}" if ways else ""
    return f"the best run inside the limits knows {target} within {best:.3g} %{helping}"
