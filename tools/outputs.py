"""The outputs of a run as the contract has them."""

from __future__ import annotations

from typing import Any

import torch

from physics import units
from physics.solution import Output, Solution
from tools.fields import field_row


def outputs(
    solution: Solution, time_unit: str, index: int = 0, *, spoken: str = "", length_unit: str = ""
) -> list[dict[str, Any]]:
    """Write the outputs of one member of the batch as the contract has them.

    Several sensors give a row each; a field is told by its extent and a picture. `time_unit` is that of the curves;
    times that are numbers come in `spoken` and lengths in `length_unit`, where the user named one.
    """
    rows: list[dict[str, Any]] = []
    for output in solution.outputs.values():
        row: dict[str, Any] = {"name": output.name, "unit": output.unit}
        if output.time is None:
            rows.append(row | _number(output, index, spoken))
            continue
        length = (length_unit or output.length_unit) if output.length_unit else ""
        shown = time_unit if output.time_unit else ""
        row["time"] = [units.convert(float(t), output.time_unit, shown) for t in output.time]
        row["time_unit"] = shown
        values, error = output.values[index], None if output.error is None else output.error[index]
        if list(output.coordinates) == ["position"]:
            for k, place in enumerate(output.coordinates["position"].tolist()):
                shown_place = units.convert(place, output.length_unit, length)
                there = {**row, "position": shown_place, "position_unit": length}
                rows.append(there | _curve(values[:, k], None if error is None else error[:, k]))
        elif output.coordinates:
            rows.append(row | field_row(output, values, length))
        else:
            rows.append(row | _curve(values, error))
    return _with_scatter(rows)


def _number(output: Output, index: int, spoken: str) -> dict[str, Any]:
    """Return the value of a number, with its error where one is known; a word where the value is one."""
    value = output.values[index]
    if output.labels:
        return {"value": output.labels[int(value)]}
    shown = spoken if spoken and output.unit == "s" else output.unit
    row: dict[str, Any] = {"value": units.convert(float(value), output.unit, shown), "unit": shown}
    if output.error is not None:
        row["error"] = units.convert(float(output.error[index]), output.unit, shown)
    return row


def _with_scatter(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the scatter of time means, the number `NAME_scatter`, beside each number `NAME_...` that is one."""
    for scatter in [row for row in rows if row["name"].endswith("_scatter") and "value" in row]:
        family = scatter["name"].removesuffix("scatter")
        for row in rows:
            if row["name"].startswith(family) and "value" in row and row is not scatter:
                row["scatter"] = scatter["value"]
    return rows


def _curve(values: torch.Tensor, error: torch.Tensor | None) -> dict[str, Any]:
    row: dict[str, Any] = {"values": values.tolist()}
    return row if error is None else row | {"error": float(error.abs().max())}
