"""Fit parameters of an experiment to a measured curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics import units
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.fit import Fit, fit
from physics.calibrate.guess import guess
from physics.columns import value_column
from physics.data import Measurement, read_measurement
from physics.errors import InputError, ParameterError
from physics.experiment import Experiment, Observable, Parameter
from physics.solution import Output
from tools.errors import Retry
from tools.experiments import find
from tools.records import Evidence, Fact, Source
from tools.simulate import balances, checks

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
        curve = declared.curve
        measured = read_measurement(data, value=value_column(curve), unit=curve.unit)
        known, free = _split(declared, settings, names)
        seconds = _seconds(declared, measured, known, free)
        times, values = torch.as_tensor(seconds), torch.as_tensor(measured.value)
        given = _started(declared, known, free, times, values)
        result = _fit(declared, given, free, times, values, torch.as_tensor(measured.count), level)
        settled = declared.complete({**given, **{name: result.parameters[name].value for name in free}})
        solution = declared.simulate(settled, times, device=device)
    except InputError as error:
        raise Retry(str(error)) from error
    found = checks(declared, settled, solution)
    shown = {name: _unit(declared, name, settings, measured) for name in free}
    parameters = [_row(declared, result, name, shown[name]) for name in free]
    return Evidence(
        tool="calibrate",
        run=run,
        facts=tuple(_facts(parameters, run, data, settings)),
        checks=tuple(found),
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
            "checks": [check.model_dump() for check in found],
            "curve": _curve(measured, result) | {"label": _label(solution.outputs[curve.name])},
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


def _seconds(declared: Experiment, measured: Measurement, known: Mapping[str, Any], free: Sequence[str]) -> Any:
    """Return the times in seconds; pore volumes need a velocity that is known."""
    if measured.unit != "pv":
        return measured.time
    for name in ("velocity", "length"):
        if name not in {item.name for item in declared.parameters}:
            raise ParameterError(f"{measured.path} counts pore volumes, which {declared.name} does not know")
    if "velocity" in free or not {"velocity", "length"} <= set(known):
        raise ParameterError(
            f"{measured.path} counts pore volumes, which say nothing of the velocity: "
            "set velocity and length, and fit other parameters"
        )
    return measured.time * known["length"] / known["velocity"]


def _started(
    declared: Experiment, known: dict[str, Any], free: Sequence[str], times: torch.Tensor, values: torch.Tensor
) -> dict[str, Any]:
    """Return the settings with a starting value for everything that is to be fitted."""
    given = dict(known)
    if declared.start is not None and any(name not in given for name in free):
        try:
            guessed = declared.start(times.numpy(), values.numpy(), given)
        except KeyError as error:
            name = str(error.args[0])
            example = declared.example.get(name, "...")
            raise ParameterError(f"{name} is missing; set it, for example --set {name}='{example}'") from error
        given |= {name: guessed[name] for name in free if name not in given and name in guessed}
    numbers = {item.name: item for item in declared.parameters}
    lacking = [name for name in free if name not in given]
    if lacking:
        given |= guess(declared, given, lacking, times, values)
    for name in free:
        if numbers[name].lower >= 0 and not given[name] > 0:
            raise ParameterError(f"--fit {name} needs a value above zero to start from; give one with --set {name}=...")
    return given


def _fit(
    declared: Experiment,
    given: dict[str, Any],
    free: Sequence[str],
    times: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
    level: float,
) -> Fit:
    """Fit at the resolution that the starting point needs, and again if the optimum needs a finer one."""
    numbers = {item.name: item for item in declared.parameters}
    bounds = {name: (_lowest(numbers[name]), numbers[name].upper) for name in free}
    here = dict(given)
    for _ in range(ROUNDS):
        result = fit(
            model_of(declared, here, times, TOLERANCE),
            times,
            values,
            {name: here[name] for name in free},
            bounds=bounds,
            fixed=fixed_of(declared, here, free),
            weights=weights,
            level=level,
        )
        found = {name: result.parameters[name].value for name in free}
        moved = max(abs(found[name] - here[name]) / max(abs(here[name]), 1e-30) for name in free)
        here |= found
        if moved < 1e-3:
            break
    return result


def _lowest(parameter: Parameter) -> float:
    """Return the lower bound of a fit; one at zero is left open, since the fit works on logarithms."""
    return parameter.lower if parameter.lower < 0 else max(parameter.lower, 1e-30)


def _unit(declared: Experiment, name: str, settings: Mapping[str, str], measured: Measurement) -> str:
    """Return the unit to show a parameter in: the user's own, else one built from those of a length and the times.

    Where neither fits it is the one in which the parameter is shown as a rule.
    """
    parameter = declared.parameter(name)
    if name in settings or not isinstance(parameter, Parameter):
        return units.parse(settings[name])[1]
    known = [units.parse(text)[1] for key, text in settings.items() if _is_length(declared, key)]
    length = known[0] if known else "cm"
    time = measured.column_unit if measured.unit == "s" else "h"
    per = "s" if time in ("ms", "us") else time  # people write mm**2/s, however fast the curve
    for candidate in (f"{length}/{per}", f"{length}**2/{per}", f"1/{per}", time, length):
        if units.compatible(candidate, parameter.unit):
            return candidate
    return parameter.display or parameter.unit


def _is_length(declared: Experiment, name: str) -> bool:
    item = declared.parameter(name)
    return isinstance(item, Parameter) and not item.many and item.unit == "m"


def _row(declared: Experiment, result: Fit, name: str, unit: str) -> dict[str, Any]:
    """Write one estimate as the contract has it; an end that the data leave open is None."""
    parameter, estimate = declared.parameter(name), result.parameters[name]
    si = parameter.unit if isinstance(parameter, Parameter) else ""
    row: dict[str, Any] = {"name": name}
    for key in ("value", "std", "lower", "upper"):
        number = float(getattr(estimate, key))
        row[key] = units.convert(number, si, unit) if math.isfinite(number) else None
    if row["std"] is not None:  # a difference: the zero of the unit, for example of degC, falls out
        row["std"] -= units.convert(0.0, si, unit)
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


def _label(output: Output) -> str:
    """Return what stands at the axis of the curve: the name that files give it, and the unit of this run."""
    name = value_column(Observable(output.name, output.unit, "curve", "")).replace("_", " ")
    return f"{name} ({output.unit})" if output.unit else name


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
