"""A calibration as the contract has it: rows of parameters, of data sets and of curves, in the user's units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from physics import units
from physics.calibrate.solve import Solved
from physics.columns import value_column
from physics.data import Measurement
from physics.experiment import Observable
from physics.solution import Output
from tools.calibration.options import unit_of
from tools.calibration.problem import Task
from tools.calibration.shown import shown_unit
from tools.read_data import DataFile
from tools.records import Fact, Source


def parameter_rows(
    task: Task,
    solved: Solved,
    intervals: Mapping[str, tuple[float, float]],
    settings: Mapping[str, str],
    curve_unit: str,
) -> list[dict[str, Any]]:
    """Write each estimate as the contract has it; an end that the data leave open is None.

    `intervals` replace those of the fit, by name, SI; what the instrument adds is in the unit of this run's curve.
    """
    rows = []
    for label, estimate in solved.fit.parameters.items():
        name, _, of = label.partition("[")
        si = unit_of(task.declared, name, curve_unit)
        shown = shown_unit(task.declared, task.files[0], name, si, settings)
        lower, upper = intervals.get(label, (estimate.lower, estimate.upper))
        numbers = {"value": estimate.value, "std": estimate.std, "lower": lower, "upper": upper}
        row: dict[str, Any] = {"name": label} | {
            key: units.convert(float(number), si, shown) if math.isfinite(number) else None
            for key, number in numbers.items()
        }
        if row["std"] is not None:  # a difference: the zero of the unit, for example of degC, falls out
            row["std"] -= units.convert(0.0, si, shown)
        row |= {"level": solved.fit.level, "unit": shown}
        rows.append(row | {"parameter": name, "set": of.removesuffix("]")} if of else row)
    return rows


def set_rows(task: Task, solved: Solved) -> list[dict[str, Any]]:
    """Tell of each file its misfit, its number of points and the noise, known or estimated, of a reading."""
    rows = []
    for file, part in zip(task.files, parts_of(task.files), strict=True):
        sse = float(solved.sse_by_set[file.name])
        weight = float(file.measured.count.sum())
        rows.append(
            {
                "name": file.name,
                "file": str(file.path),
                "sse": sse,
                "rmse": math.sqrt(sse / weight),
                "n": part.stop - part.start,
                "noise": float(solved.deviation[file.name]),
                "left_out": file.measured.left_out,
                "settings": dict(file.given),
            }
        )
    return rows


def parts_of(files: Sequence[DataFile]) -> list[slice]:
    """Return where the points of each file stand among those of all."""
    ends = [0]
    for file in files:
        ends.append(ends[-1] + len(file.seconds))
    return [slice(a, b) for a, b in pairwise(ends)]


def curve_rows(task: Task, solved: Solved, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """Return of each file the measured points, in its own unit of time, beside the fitted curve."""
    rows = []
    for file, part, output in zip(task.files, parts_of(task.files), outputs, strict=True):
        rows.append(
            {
                "name": file.name,
                "time": shown_times(file.measured),
                "time_unit": file.measured.column_unit,
                "measured": file.measured.value.tolist(),
                "fitted": solved.fit.predicted[part].tolist(),
                "label": label(output),
            }
        )
    return rows


def shown_times(measured: Measurement) -> list[float]:
    """Return the times in the file's own unit."""
    unit = measured.column_unit
    return [units.convert(float(t), "s", unit) if measured.unit == "s" else float(t) for t in measured.time]


def label(output: Output) -> str:
    """Return what stands at the axis of the curve: the name that files give it, and the unit of this run."""
    name = value_column(Observable(output.name, output.unit, "curve", "")).replace("_", " ")
    return f"{name} ({output.unit})" if output.unit else name


def outlier_rows(task: Task, solved: Solved) -> list[dict[str, Any]]:
    """Tell of each reading that lies apart its file, its time in the file's unit, its value and its residual."""
    parts = {file.name: (file, part) for file, part in zip(task.files, parts_of(task.files), strict=True)}
    rows = []
    for name, indices in solved.outliers.items():
        file, part = parts[name]
        times = shown_times(file.measured)
        for index in indices:
            value = float(file.measured.value[index])
            rows.append(
                {
                    "set": name,
                    "time": times[index],
                    "time_unit": file.measured.column_unit,
                    "value": value,
                    "residual": value - float(solved.fit.predicted[part][index]),
                }
            )
    return rows


def facts(
    rows: Sequence[dict[str, Any]], run: str | None, files: Sequence[DataFile], settings: Mapping[str, str]
) -> list[Fact]:
    """Return each estimate as a fact."""
    names = [str(file.path) for file in files]
    source = Source(tool="calibrate", run=run, inputs={"data": names[0] if len(names) == 1 else names, **settings})
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
        for row in rows
    ]
