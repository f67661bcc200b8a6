"""The run that follows measured ones as facts and data: bench units in the text, the rest in the JSON and figures."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch

from physics import units
from physics.design.propose import Run
from physics.errors import InputError
from tools.plans.column.facts import BAND_LEVEL, LEVEL, Make
from tools.plans.column.next_run import Next
from tools.plans.numbers import digits, duration, number, upwards
from tools.records import Fact, Source


def facts(found: Next, source: Source) -> list[Fact]:
    """Enter every number of the next run as a fact, in the units that people use at the bench."""

    def fact(key: str, name: str, value: float, unit: str, **more: float) -> Fact:
        return Fact(id=key, name=name, value=value, unit=unit, source=source, **more)

    return [*_run(found, fact), *_precision(found, fact), *_samples(found, fact)]


def _run(found: Next, fact: Make) -> list[Fact]:
    """Return what is set and what follows from it."""
    chosen, candidate, bench = found.chosen, found.chosen.candidate, found.bench
    minutes = [float(t) / 60 for t in chosen.times]
    interval = min([b - a for a, b in pairwise(minutes)] or [minutes[0]])
    velocity = units.convert(bench.median["velocity"], "m/s", "cm/h")
    place, unit = units.parse(bench.settings.get("position", bench.settings["length"]))
    entered = [
        fact("velocity", "pore-water velocity", digits(velocity), "cm/h"),
        fact("sensor", "distance of the sensor from the inlet", place, unit),
        fact("residence_time", "mean residence time", digits(candidate.own_time / 3600), "h"),
        fact("duration", "duration of the run", *duration(chosen.duration)),
        fact("samples", "number of readings", float(chosen.samples), ""),
        fact("first_sample", "time of the first reading", minutes[0], "min"),
        fact("last_sample", "time of the last reading", minutes[-1], "min"),
        fact("shortest_interval", "shortest time between two readings", interval, "min"),
        fact("numerical_error", "numerical error", found.solution.error, ""),
    ]
    if found.runs > 1:
        entered.append(fact("runs", "number of runs", float(found.runs), ""))
        entered.append(fact("all_runs", "duration of all runs", *duration(found.runs * chosen.duration)))
    if candidate.model == "pulse":
        pulse = candidate.input_duration
        entered.append(fact("pulse_duration", "duration of the tracer pulse", pulse / 60, "min"))
        entered.append(fact("fed_volumes", "tracer fed, in pore volumes", digits(pulse / candidate.own_time, 2), ""))
    flow = _flow(found)
    if flow is not None:
        entered.append(fact("flow", "flow rate of the pump", digits(flow), "mL/min"))
    return entered


def _flow(found: Next) -> float | None:
    """Return the flow that the velocity means, mL/min, where the request says diameter and porosity."""
    asked = found.asked
    if not {"diameter", "porosity"} <= set(asked):
        return None
    try:
        diameter, porosity = number(asked, "diameter", "m"), number(asked, "porosity", "")
    except InputError:
        return None
    flow = math.pi * diameter**2 / 4 * porosity * found.bench.median["velocity"]
    return units.convert(flow, "m**3/s", "mL/min")


def _precision(found: Next, fact: Make) -> list[Fact]:
    """Return what is known once the next run has been fitted together with the data, and what others would bring."""
    entered = [
        fact("level", "level of the curve's interval", 100 * BAND_LEVEL, "percent"),
        fact("precision_level", "level of the precision", 100 * LEVEL, "percent"),
    ]
    for name, width in found.after.items():
        label = f"half-width of the interval of {name} after the next run"
        entered.append(fact(f"precision_{name}", label, upwards(100 * width), "percent"))
    for name, width in found.repeated.items():
        label = f"half-width of the interval of {name} after the past run made again"
        entered.append(fact(f"repeated_precision_{name}", label, upwards(100 * width), "percent"))
    for prefix, (run, widths) in found.others.items():
        entered.append(fact(f"{prefix}_duration", "duration of the alternative", *duration(run.duration)))
        entered.append(fact(f"{prefix}_samples", "readings of the alternative", float(run.samples), ""))
        if run.candidate.model == "pulse":
            pulse = run.candidate.input_duration / 60
            entered.append(fact(f"{prefix}_pulse", "pulse of the alternative", pulse, "min"))
        for name, width in widths.items():
            label = f"half-width of the interval of {name} after the alternative"
            entered.append(fact(f"{prefix}_precision_{name}", label, upwards(100 * width), "percent"))
    return entered


def _samples(found: Next, fact: Make) -> list[Fact]:
    """Return the times of the readings, and the reading expected at each."""
    band, entered = found.band, []
    places = torch.searchsorted(band.times, found.chosen.times).tolist()
    for index, (time, place) in enumerate(zip(found.chosen.times.tolist(), places, strict=True)):
        entered.append(fact(f"time_{index:03d}", "sampling time", time / 60, "min"))
        entered.append(
            fact(
                f"conc_{index:03d}",
                "concentration",
                float(band.median[place]),
                "",
                lower=float(band.lower[place]),
                upper=float(band.upper[place]),
                level=BAND_LEVEL,
                numerical_error=found.solution.error,
            )
        )
    return entered


def data(found: Next) -> dict[str, Any]:
    """Return what is not a number of the text: settings, the drawn curve, alternatives and what would help."""
    chosen, bench = found.chosen, found.bench
    candidate = chosen.candidate
    kept = ("length", "position", "retardation", "decay", "inlet", "outlet", "reading", "mobile_fraction", "exchange")
    settings = {
        **{name: bench.settings[name] for name in kept if name in bench.settings},
        **{name: f"{bench.median[name]!r} {_SI[name]}".strip() for name in bench.names},
        "input": candidate.model,
    }
    if candidate.model == "pulse":
        settings["pulse_duration"] = f"{candidate.input_duration / 60!r} min"
    different = {
        name: run
        for name, (run, _) in found.others.items()
        if (run.candidate, run.duration) != (candidate, chosen.duration)
    }
    samples = range(chosen.samples)
    return {
        "settings": settings,
        "shown_settings": _shown(found),
        "variant": candidate.model,
        "predictions": [*(f"precision_{name}" for name in bench.names), *(f"past_{name}" for name in bench.names)],
        "schedule": [f"time_{index:03d}" for index in samples],
        "predicted_at": {f"conc_{index:03d}": f"time_{index:03d}" for index in samples},
        "alternative_inputs": {name: run.candidate.model for name, run in different.items()},
        "alternatives": [_alternative(found, name, run) for name, run in different.items()],
        "curve": _curve(found),
        "met": found.proposal.met,
        "runs": found.runs,
        "same_velocity": bench.factor == 1.0,
        "same_place": found.same_place,
        "need": _need(found),
    }


_SI = {"velocity": "m/s", "dispersion": "m**2/s", "retardation": ""}


def _shown(found: Next) -> list[dict[str, Any]]:
    bench, chosen = found.bench, found.chosen
    rows: list[dict[str, Any]] = []
    for name in ("length", "position"):
        if name in bench.settings:
            value, unit = units.parse(bench.settings[name])
            rows.append({"name": name, "value": value, "unit": unit})
    velocity = digits(units.convert(bench.median["velocity"], "m/s", "cm/h"))
    rows.append({"name": "velocity", "value": velocity, "unit": "cm/h"})
    rows.append({"name": "input", "value": chosen.candidate.model, "unit": ""})
    if chosen.candidate.model == "pulse":
        rows.append({"name": "pulse_duration", "value": chosen.candidate.input_duration / 60, "unit": "min"})
    value, unit = duration(chosen.duration)
    rows.append({"name": "duration", "value": value, "unit": unit})
    rows.append({"name": "samples", "value": chosen.samples, "unit": ""})
    if found.runs > 1:
        rows.append({"name": "runs", "value": found.runs, "unit": ""})
    return rows


def _alternative(found: Next, name: str, run: Run) -> dict[str, Any]:
    width = found.others[name][1][found.bench.target]
    pulse = run.candidate.input_duration
    return {
        "name": "fastest" if name == "fastest" else "most precise",
        "input": run.candidate.model,
        **({"pulse_duration": {"value": pulse / 60, "unit": "min"}} if math.isfinite(pulse) else {}),
        "duration": {"value": run.duration / 3600, "unit": "h"},
        "samples": run.samples,
        "precision": {"name": found.bench.target, "value": 100 * width, "unit": "percent"},
        "meets": width <= found.bench.wanted,
    }


def _curve(found: Next) -> dict[str, Any]:
    """Return the curve to draw: the solver's at the fitted values, and the interval of a reading around it."""
    band = found.band
    return {
        "time": (band.times / 60).tolist(),
        "time_unit": "min",
        "label": "relative concentration",
        "values": found.solution.outputs["concentration"].values[0].tolist(),
        "lower": band.lower.tolist(),
        "upper": band.upper.tolist(),
        "level": BAND_LEVEL,
    }


def _need(found: Next) -> str:
    """Say what would bring the target to the precision that was asked; empty where it is reached or was not asked."""
    bench = found.bench
    if found.proposal.met or not bench.asked:
        return ""
    before, reached = found.before[bench.target], found.after[bench.target]
    added = 1 / reached**2 - 1 / before**2
    lacking = 1 / bench.wanted**2 - 1 / before**2
    runs = math.ceil(lacking / added - 1e-9) if added > 0 else None
    ways = [] if runs is None else [f"about {runs} such runs", f"about {runs * found.chosen.samples} readings in one"]
    ways.append(f"readings that scatter {reached / bench.wanted:.2g} times less")
    return (
        f"{bench.target} is known within {100 * before:.3g} % from the data, and the best run inside the limits brings "
        f"it to {100 * reached:.3g} %, not to {100 * bench.wanted:.3g} %; what would help: {', or '.join(ways)}"
    )
