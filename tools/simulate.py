"""Run the solver once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch

from physics import units
from physics.errors import InputError
from physics.experiment import Experiment
from physics.solution import Solution
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.records import Check, Evidence, Fact, Source

DEFAULT_TIMES = 121


def simulate(
    experiment: str,
    settings: Mapping[str, str],
    *,
    run: str | None = None,
    tolerance: float | None = None,
    device: str = "auto",
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Predict what one run of an experiment would show.

    Give every setting as a number with its unit; `times` lists the output times and may be left out.
    Returns the predicted curves, the discrete balances of the run and its numerical error.

    Raises:
        Retry: a name, unit or value is wrong; the message says which.
        Failed: the run ended without a usable result.
    """
    start = perf_counter()
    declared = find(experiment)
    given, times, time_unit = read_settings(declared, settings)
    solution = _solve(declared, given, times, tolerance, device, progress)
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
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
        checks=tuple(balance_checks(solution)),
        data={
            "status": solution.status.name.lower(),
            "message": solution.message,
            "outputs": outputs(solution, time_unit),
            "balances": balances(solution),
            "grid": {"cells": solution.cost.cells, "steps": solution.cost.steps},
            "tolerance": solution.tolerance,
        },
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
        return given, declared.default_times(given, DEFAULT_TIMES), time_unit_of(rest)
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


def time_unit_of(settings: Mapping[str, str]) -> str:
    """Return the unit of time that the user speaks in: that of the velocity or of the flow, else the hour."""
    for name in ("velocity", "duration", "pulse_duration", "flow"):
        if name in settings:
            candidate = units.parse(settings[name])[1].split("/")[-1].strip()
            if candidate and units.compatible(candidate, "s"):
                return candidate
    return "h"


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


def outputs(solution: Solution, time_unit: str, index: int = 0) -> list[dict[str, Any]]:
    """Write the outputs of one member of the batch as the contract has them."""
    rows: list[dict[str, Any]] = []
    for output in solution.outputs.values():
        row: dict[str, Any] = {"name": output.name, "unit": output.unit}
        if output.time is None:
            rows.append({**row, "value": float(output.values[index])})
            continue
        row["time"] = [units.convert(float(t), "s", time_unit) for t in output.time]
        row["time_unit"] = time_unit
        row["values"] = output.values[index].tolist()
        if output.error is not None:
            row["error"] = float(output.error[index].abs().max())
        rows.append(row)
    return rows


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
