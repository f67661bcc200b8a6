"""A proposed run as facts and data: the numbers of the text in bench units, and what only the JSON and figures show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from physics import units
from physics.design.predict_interval import Band
from physics.design.propose import Proposal, Run
from physics.solution import Solution
from tools.plans.column.runs import BAND_TOLERANCE, Space
from tools.plans.numbers import digits, duration, upwards
from tools.records import Fact, Source

LEVEL = 0.95  # of the interval whose half-width is the precision
BAND_LEVEL = 0.9  # of the interval of the predicted curve

Make = Callable[..., Fact]


@dataclass(frozen=True)
class Plan:
    """A proposal with the predicted curve and the verified run behind it."""

    found: Space
    proposal: Proposal
    band: Band
    solution: Solution

    @property
    def chosen(self) -> Run:
        """The recommended run."""
        return self.proposal.recommended

    def flow(self, run: Run) -> float:
        """Return a run's flow in the user's unit, free of the noise of conversion."""
        return float(f"{units.convert(run.candidate.material_rate, 'm**3/s', self.found.flow_unit):.10g}")


def facts(plan: Plan, source: Source) -> list[Fact]:
    """Enter every number of the proposal as a fact, in the units that people use at the bench."""

    def fact(key: str, name: str, value: float, unit: str, **more: float) -> Fact:
        return Fact(id=key, name=name, value=value, unit=unit, source=source, **more)

    return [*_run(plan, fact), *_precision(plan, fact), *_samples(plan, fact)]


def _run(plan: Plan, fact: Make) -> list[Fact]:
    """Return what is set and what follows from it."""
    chosen, candidate = plan.chosen, plan.chosen.candidate
    minutes = [float(t) / 60 for t in chosen.times]
    interval = min([b - a for a, b in pairwise(minutes)] or [minutes[0]])
    pore_volume = candidate.material_rate * candidate.own_time / plan.found.base.get("retardation", 1.0)
    between = candidate.material_rate * interval * 60
    velocity = units.convert(candidate.unknown["velocity"].median, "m/s", "cm/h")
    found = [
        fact("flow", "flow rate of the pump", plan.flow(chosen), plan.found.flow_unit),
        fact("velocity", "pore-water velocity", digits(velocity), "cm/h"),
        fact("pore_volume", "pore volume", _millilitres(pore_volume), "mL"),
        fact("residence_time", "mean residence time", digits(candidate.own_time / 3600), "h"),
        fact("duration", "duration of the run", *duration(chosen.duration)),
        fact("injected_volume", "tracer solution", _millilitres(chosen.material), "mL"),
        fact("samples", "number of samples", float(chosen.samples), ""),
        fact("first_sample", "time of the first sample", minutes[0], "min"),
        fact("last_sample", "time of the last sample", minutes[-1], "min"),
        fact("shortest_interval", "shortest time between two samples", interval, "min"),
        fact("sample_volume", "effluent between two samples", units.convert(between, "m**3", "mL"), "mL"),
        fact("numerical_error", "numerical error", plan.solution.error, ""),
    ]
    if candidate.model == "pulse":
        found.append(fact("pulse_duration", "duration of the tracer pulse", candidate.input_duration / 60, "min"))
    return found


def _precision(plan: Plan, fact: Make) -> list[Fact]:
    """Return what the recommended run and its alternatives are expected to tell."""
    found = [
        fact("level", "level of the curve's interval", 100 * BAND_LEVEL, "percent"),
        fact("precision_level", "level of the precision", 100 * LEVEL, "percent"),
    ]
    others = (("fastest_", plan.proposal.fastest), ("precise_", plan.proposal.most_precise))
    for prefix, run in others:
        found.append(fact(f"{prefix}flow", "flow rate of the alternative", plan.flow(run), plan.found.flow_unit))
        found.append(fact(f"{prefix}duration", "duration of the alternative", *duration(run.duration)))
    widths = [(prefix, run.half_width) for prefix, run in (("", plan.chosen), *others)]
    for prefix, half_widths in (*widths, ("worst_", plan.chosen.worst)):
        for name, half_width in half_widths.items():
            if math.isfinite(half_width):
                label = f"expected half-width of the interval of {name}"
                found.append(fact(f"{prefix}precision_{name}", label, upwards(100 * half_width), "percent"))
    return found


def _samples(plan: Plan, fact: Make) -> list[Fact]:
    """Return the sampling times and the concentration predicted at each of them.

    The interval is widened by the numerical error of the curves it was drawn from, so that no digit below it is shown.
    """
    band, found = plan.band, []
    lower = (band.lower - BAND_TOLERANCE).clamp_min(0.0)
    upper = (band.upper + BAND_TOLERANCE).clamp_max(1.0)
    median = band.median.clamp(0.0, 1.0)
    places = torch.searchsorted(band.times, plan.chosen.times).tolist()
    for index, (time, place) in enumerate(zip(plan.chosen.times.tolist(), places, strict=True)):
        found.append(fact(f"time_{index:03d}", "sampling time", time / 60, "min"))
        found.append(
            fact(
                f"conc_{index:03d}",
                "concentration",
                float(median[place]),
                "",
                lower=float(lower[place]),
                upper=float(upper[place]),
                level=BAND_LEVEL,
                numerical_error=plan.solution.error,
            )
        )
    return found


def _millilitres(volume: float) -> float:
    return digits(units.convert(volume, "m**3", "mL"))


def data(plan: Plan, target: str, apparatus: Mapping[str, str]) -> dict[str, Any]:
    """Return what is not a number of the text: settings, the drawn curve, alternatives and what would help."""
    chosen, proposal = plan.chosen, plan.proposal
    settings = {
        **{name: text for name, text in apparatus.items() if name in plan.found.base},
        "dispersion": f"{chosen.candidate.unknown['dispersion'].median!r} m**2/s",
        "flow": f"{plan.flow(chosen)!r} {plan.found.flow_unit}",
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
    samples = range(chosen.samples)
    return {
        "settings": settings,
        "shown_settings": _shown(plan, apparatus),
        "variant": chosen.candidate.model,
        "predictions": [f"precision_{name}" for name in chosen.half_width if math.isfinite(chosen.half_width[name])],
        "schedule": [f"time_{index:03d}" for index in samples],
        "predicted_at": {f"conc_{index:03d}": f"time_{index:03d}" for index in samples},
        "alternative_inputs": {name: run.candidate.model for name, run in different.items()},
        "alternatives": [_alternative(plan, name, run, target) for name, run in different.items()],
        "curve": _curve(plan.band, plan.solution),
        "met": proposal.met,
        "need": _need(proposal, target),
    }


def _shown(plan: Plan, apparatus: Mapping[str, str]) -> list[dict[str, Any]]:
    chosen = plan.chosen
    kept = [name for name in ("length", "diameter", "porosity") if name in apparatus]
    rows = [{"name": name, **_quantity(apparatus[name])} for name in kept]
    rows.append({"name": "flow", "value": plan.flow(chosen), "unit": plan.found.flow_unit})
    rows.append({"name": "input", "value": chosen.candidate.model, "unit": ""})
    if chosen.candidate.model == "pulse":
        rows.append({"name": "pulse_duration", "value": chosen.candidate.input_duration / 60, "unit": "min"})
    value, unit = duration(chosen.duration)
    rows.append({"name": "duration", "value": value, "unit": unit})
    return rows


def _quantity(text: str) -> dict[str, Any]:
    value, unit = units.parse(text)
    return {"value": value, "unit": unit}


def _alternative(plan: Plan, name: str, run: Run, target: str) -> dict[str, Any]:
    return {
        "name": "fastest" if name == "fastest" else "most precise",
        "flow": {"value": plan.flow(run), "unit": plan.found.flow_unit},
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
        "label": "relative concentration",
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
