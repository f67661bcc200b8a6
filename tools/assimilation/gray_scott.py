"""A Gray-Scott square whose B is seen at a few points: from their file and the settings to a system."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from physics.assimilation.analysis import Analysis, Field
from physics.assimilation.gray_scott import gray_scott_system
from physics.assimilation.system import Observations, System, march
from physics.errors import DataError, ParameterError
from tools.assimilation.case import Case, Request, check_reads, deviation_of, spread_of
from tools.assimilation.sensor_file import read_sensor_file
from tools.records import Check

FREE = ("feed", "kill")
_DEVIATIONS = {"feed": 0.1, "kill": 0.05}  # of what is told without a prior
_PER_LENGTH, _LEAST, _MOST = 64, 16, 64  # grid points
_HORIZON = 300.0
_HIGHEST, _LOWEST = 2.0, -0.5
_OVERSHOOT = 0.05


def gray_scott_case(request: Request, path: Path) -> Case:
    """Return the case of a periodic square.

    Raises:
        DataError, ParameterError: the file or a setting cannot be used.
    """
    file = read_sensor_file(path, ("x", "y"), "b")
    named = [f"{name}_{unit}" for name, unit in file.units.items() if unit]
    if named:
        raise DataError(f"{file.path.name}: the column {named[0]} has a unit; a Gray-Scott square has none")
    low, high = float(np.nanmin(file.values)), float(np.nanmax(file.values))
    if low < _LOWEST or high > _HIGHEST:
        raise DataError(f"{file.path.name}: b goes from {low:.3g} to {high:.3g}, and a share of the feed from 0 to 1")
    shown = check_reads(file.path.name, file.values)
    deviation, notes = deviation_of(request, file.values)
    rates = {name: request.value(name, _DEVIATIONS[name]) for name in FREE}
    medians = {name: value if isinstance(value, float) else value.median for name, value in rates.items()}
    full = request.declared.complete({**request.known, **medians})
    size = float(full["size"])
    cells = int(request.known["cells"]) if "cells" in request.known else _cells(size)
    outside = [place for place in file.places if not (place.min() >= 0.0 and place.max() <= size)]
    if outside:
        x, y = outside[0]
        raise DataError(
            f"{file.path.name}: a sensor at x = {x:g}, y = {y:g} is outside the square; both go from 0 to {size:g}"
        )
    spots = 3 if full.get("spots") is None else max(1, int(float(full["spots"])))

    def system(times: np.ndarray) -> System:
        return gray_scott_system(
            file.places, torch.from_numpy(times), rates["feed"], rates["kill"], size=size, cells=cells,
            diffusion_a=float(full["diffusion_a"]), diffusion_b=float(full["diffusion_b"]),
            horizon=max(_HORIZON, float(file.times[-1])), spots=spots,
        )  # fmt: skip

    def forecast(analysis: Analysis, draws: Tensor, later: float) -> dict[str, Field]:
        _, end = march(system(np.array([span + later])), torch.cat([analysis.z[None], draws]))
        return spread_of({k: v[0] for k, v in end.items()}, {k: v[1:] for k, v in end.items()})

    span = float(file.times[-1] - file.times[0])
    grid = torch.arange(cells, dtype=torch.float64) * size / cells
    return Case(
        request=request,
        system=system(file.times - file.times[0]),
        observations=Observations(torch.from_numpy(file.values), deviation),
        places=tuple(f"x = {x:g}, y = {y:g}" for x, y in file.places),
        times=file.times,
        time_unit="",
        begin=float(file.times[0]),
        clock=1.0,
        axes={"x": grid, "y": grid},
        length_unit="",
        arranged={"a": ("a",), "b": ("b",)},
        field_units={"a": "", "b": ""},
        transposed=False,
        shown=dict.fromkeys(FREE, ("", 1.0)),
        forecast=forecast,
        checks=_checks,
        words=lambda analysis: [],
        notes=(*file.notes, *shown, *notes),
        spots=file.places,
    )


def _cells(size: float) -> int:
    wanted = max(_LEAST, 2 * round(_PER_LENGTH * size / 2))
    if wanted > _MOST:
        raise ParameterError(
            f"a square of side {size:g} takes {wanted} cells a side, too many to assimilate; set size to at most "
            f"{_MOST / _PER_LENGTH:g}, or cells to {_MOST} to accept a coarser grid"
        )
    return wanted


def _checks(analysis: Analysis) -> list[Check]:
    """Judge the fields at the end: shares of the feed, below zero by no more than their uncertainty."""
    found = []
    for name, told in analysis.end.items():
        beyond = float((torch.maximum(-told.mean, told.mean - 1.0) - 3.0 * told.deviation).max())
        found.append(
            Check(
                name=f"{name} between 0 and 1", kind="constraint", status="pass" if beyond <= _OVERSHOOT else "fail",
                value=max(beyond, 0.0), limit=_OVERSHOOT,
                detail="how far the field at the end lies beyond what the feed allows, less three deviations",
            )
        )  # fmt: skip
    return found
