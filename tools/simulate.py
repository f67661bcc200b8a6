"""Run the solver once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics import units
from physics.errors import InputError
from physics.experiment import Experiment, Parameter
from physics.solution import Solution
from physics.validate import Verdict, validate
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.outputs import outputs
from tools.records import Check, Evidence, Fact, Source
from tools.traces import embedding
from tools.write_hdf5 import check_place, write_hdf5

DEFAULT_TIMES = 121
_UNITS_OF_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SPEAKING = ("velocity", "duration", "pulse_duration", "flow")  # settings whose unit tells that of time


def simulate(
    experiment: str,
    settings: Mapping[str, str],
    *,
    run: str | None = None,
    tolerance: float | None = None,
    device: str = "auto",
    out: Path | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Predict what one run of an experiment would show.

    Give every setting as a number with its unit; `times` lists the output times and may be left out.
    Returns the predicted curves, the discrete balances of the run, its numerical error and the verdict of every
    law that such a run must keep. Fields are told by their extent; `out` names an HDF5 file for all their values.

    Raises:
        Retry: a name, unit or value is wrong; the message says which.
        Failed: the run ended without a usable result.
    """
    start = perf_counter()
    declared = find(experiment)
    given, times, time_unit = read_settings(declared, settings)
    if out is not None:
        check_place(out)
    solution = _solve(declared, given, times, tolerance, device, progress)
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    _check_clock(settings, solution)
    found = checks(declared, given, solution)
    told = balances(solution)
    if out is not None:
        write_hdf5(out, declared, given, solution, settings, told, run)
    return Evidence(
        tool="simulate",
        run=run,
        facts=(
            Fact(
                id="numerical_error",
                name="numerical error",
                value=solution.error,
                unit="",
                source=Source(tool="simulate", run=run, inputs=dict(settings)),
            ),
        ),
        checks=tuple(found),
        data={
            "status": solution.status.name.lower(),
            "message": solution.message,
            "outputs": _told(declared, solution, settings, time_unit),
            "balances": told,
            "checks": [check.model_dump() for check in found],
            "limits": limits(declared, given),
            "file": None if out is None else str(out),
            "grid": {"cells": solution.cost.cells, "steps": solution.cost.steps},
            "tolerance": solution.tolerance,
        },
        trace=embedding(solution),
        seconds={"solver": perf_counter() - start},
    )


def read_settings(declared: Experiment, settings: Mapping[str, str]) -> tuple[dict[str, Any], torch.Tensor, str]:
    """Split off `times`, turn the rest into SI, and settle the output times (seconds) and their unit."""
    rest = {name: text for name, text in settings.items() if name != "times"}
    try:
        given = declared.read(rest)
        if "times" in settings:
            seconds, unit = read_times(settings["times"])
            return given, torch.as_tensor(seconds, dtype=torch.float64), unit
        chosen = declared.default_times(given, DEFAULT_TIMES)
        return given, chosen, time_unit_of(rest, float(chosen[-1]))
    except InputError as error:
        raise Retry(str(error)) from error


def read_times(text: str) -> tuple[list[float], str]:
    """Read `"0.5 h, 1 h"` into seconds and the unit of the first; a bare number takes the unit of the last."""
    seconds: list[float] = []
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise units.UnitError("times is empty; write for example '0.5 h, 1 h'")
    unit = units.parse(parts[-1])[1] or "s"
    shown = units.parse(parts[0])[1] or unit
    for part in parts:
        value, own = units.parse(part)
        seconds.append(units.convert(value, own or unit, "s"))
        if seconds[-1] < 0:
            raise units.UnitError(f"times holds {part.strip()!r}; a time cannot be negative")
        if len(seconds) > 1 and seconds[-1] <= seconds[-2]:
            raise units.UnitError(f"times goes back at {part.strip()!r}; list the times in rising order")
    return seconds, shown


def time_unit_of(settings: Mapping[str, str], end: float) -> str:
    """Return the unit of time that the user speaks in; else one of which the run, `end` seconds long, takes a few."""
    fitting = (name for name, seconds in reversed(_UNITS_OF_TIME.items()) if end >= 3 * seconds)
    return spoken_time(settings) or next(fitting, "us")


def spoken_time(settings: Mapping[str, str]) -> str:
    """Return the unit of time that the user speaks in: that of `times`, of a velocity or of a flow; else ""."""
    if "times" in settings:
        parts = [part for part in settings["times"].split(",") if part.strip()]
        return next((unit for unit in (units.parse(part)[1] for part in (parts[0], parts[-1])) if unit), "")
    for name in _SPEAKING:
        if name in settings:
            candidate = units.parse(settings[name])[1].split("/")[-1].strip()
            if candidate and units.compatible(candidate, "s"):
                return candidate
    return ""


def spoken_length(declared: Experiment, settings: Mapping[str, str]) -> str:
    """Return the unit of the first length that the user gave, a position before others; else ""."""
    for name in sorted(settings, key=lambda name: name != "position"):
        item = None if name == "times" else declared.parameter(name)
        if isinstance(item, Parameter) and item.unit == "m":
            return units.parse(settings[name].split(",")[0])[1]
    return ""


def limits(declared: Experiment, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Hold SI settings against the limits within which the model stands for the laboratory."""
    rows = []
    for limit in declared.limits:
        value = float(limit.value(given))
        low = limit.lower is not None and value < limit.lower
        high = limit.upper is not None and value > limit.upper
        status = "below" if low else "above" if high else "within"
        row = {"name": limit.name, "value": value if math.isfinite(value) else None, "unit": limit.unit}
        bounds = {"lower": limit.lower, "upper": limit.upper}
        rows.append(row | bounds | {"status": status, "meaning": limit.meaning})
    return rows


def _solve(
    declared: Experiment,
    given: Mapping[str, Any],
    times: torch.Tensor,
    tolerance: float | None,
    device: str,
    progress: Callable[[float, str], None] | None,
) -> Solution:
    options: dict[str, Any] = {"device": device, "progress": progress}
    if tolerance is not None:
        options["tolerance"] = tolerance
    try:
        return declared.simulate(given, times, **options)
    except InputError as error:
        raise Retry(str(error)) from error


def _check_clock(settings: Mapping[str, str], solution: Solution) -> None:
    """Raise `Retry` where `times` has a unit and the run counts a time without one: no factor stands between them."""
    bare = any(output.time is not None and not output.time_unit for output in solution.outputs.values())
    if bare and "times" in settings and (unit := spoken_time({"times": settings["times"]})):
        raise Retry(f"times is in {unit}, but this run counts time without a unit; write bare numbers")


def _told(
    declared: Experiment, solution: Solution, settings: Mapping[str, str], time_unit: str
) -> list[dict[str, Any]]:
    """Write the outputs in the units that the user speaks in, each with its meaning."""
    meanings = {item.name: item.meaning for item in declared.observables}
    length = spoken_length(declared, settings)
    rows = outputs(solution, time_unit, spoken=spoken_time(settings), length_unit=length)
    return [row | {"meaning": meanings.get(row["name"], "")} for row in rows]


def balances(solution: Solution, index: int = 0) -> list[dict[str, Any]]:
    """Write the balances of one member of the batch as the contract has them."""
    return [
        {
            "name": balance.name,
            "residual": float(balance.residual[index]),
            "scale": float(balance.scale[index]),
            "tolerance": balance.tolerance,
            "unit": balance.unit,
            "status": "pass" if bool(balance.ok[index]) else "fail",
            "terms": {name: float(term[index]) for name, term in balance.terms.items()},
        }
        for balance in solution.balances
    ]


def checks(declared: Experiment, settings: Mapping[str, Any], solution: Solution) -> list[Check]:
    """Return the verdicts on a run: its discrete balances, and the laws of the experiment on its outputs."""
    verdicts = validate(declared.laws, settings, solution.outputs, tolerance=solution.tolerance)
    return [*balance_checks(solution), *(law_check(verdict) for verdict in verdicts)]


def law_check(verdict: Verdict) -> Check:
    """Write a verdict as the contract has checks."""
    return Check(
        name=verdict.name,
        kind="conservation" if verdict.kind == "conservation" else "constraint",
        status="not applicable" if not verdict.applies else "pass" if verdict.ok else "fail",
        value=verdict.value if verdict.applies else None,
        limit=verdict.limit if verdict.applies else None,
        unit=verdict.unit,
        detail=verdict.detail,
    )


def balance_checks(solution: Solution, members: Sequence[int] = (0,)) -> list[Check]:
    """Turn the balances into checks, in units of the amount applied."""
    return [
        Check(
            name=f"{balance.name} balance",
            kind="conservation",
            status="pass" if all(bool(balance.ok[i]) for i in members) else "fail",
            value=max(float(balance.residual[i].abs() / balance.scale[i]) for i in members),
            limit=balance.tolerance,
            detail="residual over the amount applied",
        )
        for balance in solution.balances
    ]
