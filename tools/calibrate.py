"""Fit parameters of an experiment to a measured curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics import units
from physics.calibrate.fit import Fit, fit
from physics.data import Measurement, read_measurement
from physics.errors import InputError, ParameterError
from physics.experiment import Experiment, Parameter
from tools.errors import Retry
from tools.experiments import find
from tools.records import Evidence, Fact, Source
from tools.simulate import balance_checks, balances

TOLERANCE = 1e-7  # of the curves that are fitted; their error then moves no digit of the misfit that is shown
ROUNDS = 3


def calibrate(
    experiment: str,
    data: Path,
    settings: Mapping[str, str],
    names: Sequence[str],
    *,
    level: float = 0.95,
    run: str | None = None,
    device: str = "cpu",
) -> Evidence:
    """Estimate parameters from a measured curve by least squares, with intervals and what is not determined.

    Give what is known in `settings` and what is to be found in `names`; a value set for a parameter that is to be
    found is where the search starts.

    Raises:
        Retry: the file, a name or a value is wrong; the message says where and how to mend it.
    """
    start = perf_counter()
    declared = find(experiment)
    try:
        measured = read_measurement(data)
        known, free = _split(declared, settings, names)
        seconds = _seconds(measured, known, free)
        times, values = torch.as_tensor(seconds), torch.as_tensor(measured.value)
        full = _started(declared, known, free, seconds, measured)
        result = _fit(declared, full, free, times, values, torch.as_tensor(measured.count), level)
        solution = declared.simulate(
            {**full, **{name: result.parameters[name].value for name in free}}, times, device=device
        )
    except InputError as error:
        raise Retry(str(error)) from error
    shown = {name: _unit(declared, name, settings, measured) for name in free}
    parameters = [_row(declared, result, name, shown[name]) for name in free]
    return Evidence(
        tool="calibrate",
        run=run,
        facts=tuple(_facts(parameters, run, data, settings)),
        checks=tuple(balance_checks(solution)),
        data={
            "status": result.status.name.lower(),
            "message": result.message,
            "parameters": parameters,
            "correlation": result.correlation.tolist(),
            "sse": result.sse,
            "rmse": result.rmse,
            "n": result.n,
            "identifiable": result.identifiable,
            "warnings": [*measured.notes, *result.warnings],
            "balances": balances(solution),
            "curve": _curve(measured, result),
        },
        seconds={"solver": perf_counter() - start},
    )


def _split(
    declared: Experiment, settings: Mapping[str, str], names: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read the settings into SI and check that what is to be fitted are numbers of this experiment, each once."""
    if not names:
        raise ParameterError("nothing is to be fitted; name it, for example --fit velocity --fit dispersion")
    for name in names:
        if not isinstance(declared.parameter(name), Parameter):
            raise ParameterError(f"--fit {name}: it is a choice, not a number")
    if len(set(names)) < len(names):
        raise ParameterError("--fit names a parameter twice")
    if "times" in settings:
        raise ParameterError("times come from the data file; leave --set times out")
    known = {name: declared.parameter(name).read(text) for name, text in settings.items()}
    return known, tuple(names)


def _seconds(measured: Measurement, known: Mapping[str, Any], free: Sequence[str]) -> Any:
    """Return the times in seconds; pore volumes need a velocity that is known."""
    if measured.unit != "pv":
        return measured.time
    if "velocity" in free or not {"velocity", "length"} <= set(known):
        raise ParameterError(
            f"{measured.path} counts pore volumes, which say nothing of the velocity: "
            "set velocity and length, and fit other parameters"
        )
    return measured.time * known["length"] / known["velocity"]


def _started(
    declared: Experiment, known: dict[str, Any], free: Sequence[str], seconds: Any, measured: Measurement
) -> dict[str, Any]:
    """Complete the settings, with a starting value for everything that is to be fitted."""
    full = dict(known)
    lacking = [name for name in free if name not in full]
    if lacking and declared.start is not None:
        if "length" not in full:
            raise ParameterError("length is missing; set it, for example --set length='30 cm'")
        guessed = declared.start(seconds, measured.value, full)
        full |= {name: guessed[name] for name in lacking if name in guessed}
    full = declared.complete(full)
    for name in free:
        if not full.get(name, 0.0) > 0:
            raise ParameterError(f"--fit {name} needs a value above zero to start from; give one with --set {name}=...")
    return full


def _fit(
    declared: Experiment,
    full: dict[str, Any],
    free: Sequence[str],
    times: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
    level: float,
) -> Fit:
    """Fit at the resolution that the starting point needs, and again if the optimum needs a finer one."""
    if declared.model is None:
        raise ParameterError(f"{declared.name} has no curve to fit")
    numbers = {item.name: item for item in declared.parameters}
    bounds = {name: (max(numbers[name].lower, 1e-30), numbers[name].upper) for name in free}
    here = dict(full)
    for _ in range(ROUNDS):
        model = declared.model(here, times, TOLERANCE)
        fixed = {
            name: value
            for name, value in full.items()
            if isinstance(value, float) and name in numbers and name not in free
        }
        result = fit(
            model,
            times,
            values,
            {name: here[name] for name in free},
            bounds=bounds,
            fixed=fixed,
            weights=weights,
            level=level,
        )
        found = {name: result.parameters[name].value for name in free}
        moved = max(abs(math.log(found[name] / here[name])) for name in free)
        here |= found
        if moved < 1e-3:
            break
    return result


def _unit(declared: Experiment, name: str, settings: Mapping[str, str], measured: Measurement) -> str:
    """Return the unit to show a parameter in: the user's own, else built from those of the length and the times."""
    if name in settings:
        return units.parse(settings[name])[1]
    parameter = declared.parameter(name)
    length = units.parse(settings["length"])[1] if "length" in settings else "cm"
    time = measured.column_unit if measured.unit == "s" else "h"
    for candidate in (f"{length}/{time}", f"{length}**2/{time}", f"1/{time}", time, length):
        if isinstance(parameter, Parameter) and units.compatible(candidate, parameter.unit):
            return candidate
    return parameter.unit if isinstance(parameter, Parameter) else ""


def _row(declared: Experiment, result: Fit, name: str, unit: str) -> dict[str, Any]:
    """Write one estimate as the contract has it; an end that the data leave open is None."""
    parameter, estimate = declared.parameter(name), result.parameters[name]
    si = parameter.unit if isinstance(parameter, Parameter) else ""
    row: dict[str, Any] = {"name": name}
    for key in ("value", "std", "lower", "upper"):
        number = float(getattr(estimate, key))
        row[key] = units.convert(number, si, unit) if math.isfinite(number) else None
    return {**row, "level": result.level, "unit": unit}


def _facts(parameters: list[dict[str, Any]], run: str | None, data: Path, settings: Mapping[str, str]) -> list[Fact]:
    source = Source(tool="calibrate", run=run, inputs={"data": str(data), **settings})
    return [
        Fact(
            id=row["name"],
            name=row["name"],
            value=row["value"],
            unit=row["unit"],
            lower=row["lower"],
            upper=row["upper"],
            level=row["level"],
            source=source,
        )
        for row in parameters
    ]


def _curve(measured: Measurement, result: Fit) -> dict[str, Any]:
    """Return the measured points in the file's own unit of time beside the fitted curve."""
    unit = measured.column_unit
    times = [units.convert(float(t), "s", unit) if measured.unit == "s" else float(t) for t in measured.time]
    return {
        "time": times,
        "time_unit": unit,
        "measured": measured.value.tolist(),
        "fitted": result.predicted.tolist(),
    }
