"""A convection cell that thermometers see: from their file and the settings to a system."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics import units
from physics.assimilation.analysis import Analysis, Field
from physics.assimilation.climatology import combined
from physics.assimilation.convection import Cell, cell, system_of
from physics.assimilation.convection_entry import entered
from physics.assimilation.prior import LogNormal
from physics.assimilation.system import Observations
from physics.equations.boussinesq.numbers import dimensional, numbers
from physics.errors import DataError, ParameterError
from tools.assimilation.case import Case, Request, check_reads, deviation_of, spread_of
from tools.assimilation.sensor_file import SensorFile, read_sensor_file
from tools.records import Check

FREE = ("rayleigh", "prandtl")
_KNOWN = 0.002  # the deviation of a Rayleigh number that is set and not to be found
_APART = 0.5  # of what a temperature over the difference of the plates may leave 0 to 1 by
_OVERSHOOT = 0.05
_UNUSED = ("rolls", "perturbation", "duration")


def convection_case(request: Request, path: Path) -> Case:
    """Return the case of a cell that is periodic and heated from below.

    Raises:
        DataError, ParameterError: the file or a setting cannot be used.
    """
    file = read_sensor_file(path, ("x", "z"), "temperature")
    shown = check_reads(file.path.name, file.values)
    rayleigh, prandtl, full = _numbers(request)
    found = numbers(full)
    scaled = _Scaled(file, full, float(found.clock[0]), float(found.depth[0]))
    values = scaled.values()
    deviation, notes = deviation_of(request, values, scaled.per_kelvin, "kelvin")
    x, z = scaled.places().T
    aspect = float(full["aspect"])
    for number, (across, up) in enumerate(zip(x, z, strict=True)):
        if not 0.0 <= up <= 1.0 or not 0.0 <= across <= aspect:
            place = f"x = {file.places[number][0]:g}, z = {file.places[number][1]:g}"
            raise DataError(
                f"{file.path.name}: a sensor at {place} is outside the cell; x goes from 0 to {aspect:g} and z from 0 "
                "to 1, in depths"
            )
    times = scaled.times()
    known = cell(
        np.stack([x, z], 1), times - times[0], rayleigh, prandtl=prandtl, aspect=aspect, plates=str(full["plates"])
    )
    unused = [name for name in _UNUSED if name in request.words]
    notes += [f"{', '.join(unused)} has no part in it: the start is what is to be found"] if unused else []
    velocity = "m/s" if dimensional(full) else ""
    entry = entered(known, Observations(torch.from_numpy(values), deviation))
    known, begin = entry.cell, float(file.times[entry.read])
    if entry.read:
        notes.append(
            f"the analysis begins at {begin:.6g}{' ' * bool(file.units['time'])}{file.units['time']}: the "
            f"{entry.read} reads before it led a filter to the flow"
        )
    return Case(
        request=request,
        system=system_of(known),
        observations=entry.observations,
        places=tuple(f"x = {a:g}, z = {b:g}" for a, b in file.places),
        times=file.times[entry.read :],
        time_unit=file.units["time"],
        begin=begin,
        clock=scaled.tick,
        axes={name: torch.from_numpy(known.axes[name]) * float(found.depth[0]) for name in ("x", "z")},
        length_unit="m" if dimensional(full) else "",
        arranged={"temperature": ("temperature",), "velocity": ("along", "across")},
        field_units={"temperature": "", "velocity": velocity},
        transposed=True,
        shown=dict.fromkeys(FREE, ("", 1.0)),
        forecast=lambda analysis, draws, later: _forecast(known, analysis, draws, later),
        checks=lambda analysis: _checks(known, analysis),
        words=lambda analysis: [],
        notes=(*file.notes, *shown, *notes),
        spots=np.stack([x, z], 1) * float(found.depth[0]),
    )


def _numbers(request: Request) -> tuple[LogNormal, LogNormal | float, dict[str, Any]]:
    """Return what is known of Ra and Pr, and complete settings with their medians."""
    given = dict(request.known)
    for name, wanted in (("sides", "periodic"), ("heating", "bottom")):
        if given.get(name, wanted) != wanted:
            raise ParameterError(
                f"{name}={given[name]}: only cells that are periodic and heated from below can be assimilated"
            )
    if any(given.get(name) is not None for name in ("depth", "temperature_difference")):
        full = request.declared.complete(given)
        found = numbers(full)
        spread = request.priors.get("rayleigh")
        median = float(found.rayleigh[0]) if spread is None else spread.centre
        rayleigh = LogNormal(median, 0.3 if spread is None else spread.deviation)
        own = float(found.prandtl[0])
        if "prandtl" not in request.free:
            return rayleigh, own, full
        return rayleigh, request.prior("prandtl", 0.3) if "prandtl" in request.priors else LogNormal(own, 0.3), full
    value = request.value("rayleigh", 0.3)
    rayleigh = value if isinstance(value, LogNormal) else LogNormal(value, _KNOWN)
    prandtl = request.value("prandtl", 0.3)
    medians = {"rayleigh": rayleigh.median, "prandtl": prandtl.median if isinstance(prandtl, LogNormal) else prandtl}
    return rayleigh, prandtl, request.declared.complete({**given, **medians})


class _Scaled:
    """The readings in diffusion times, depths and differences of the plates, whatever units the file has."""

    def __init__(self, file: SensorFile, full: dict[str, Any], clock: float, depth: float) -> None:
        self.file, self.full, self.real = file, full, dimensional(full)
        named = [f"{name}_{unit}" for name, unit in file.units.items() if unit]
        if named and not self.real:
            raise DataError(
                f"{file.path.name}: the column {named[0]} has a unit, but the cell has none: set fluid, depth and "
                "temperature_difference, or write numbers without units"
            )
        self.tick = (units.convert(1.0, file.units["time"], "s") if file.units["time"] else clock) / clock
        self.depth = depth
        self.per_kelvin = 1.0 / float(full["temperature_difference"]) if self.real else 1.0

    def times(self) -> np.ndarray:
        """Return the times of the reads in diffusion times."""
        return self.file.times * self.tick

    def places(self) -> np.ndarray:
        """Return (x, z) in depths."""
        scales = [
            units.convert(1.0, self.file.units[axis], "m") / self.depth if self.file.units[axis] else 1.0
            for axis in ("x", "z")
        ]
        return np.asarray(self.file.places * np.array(scales))

    def values(self) -> np.ndarray:
        """Return temperatures above the cold plate over the difference of the plates."""
        unit, values = self.file.units["temperature"], self.file.values
        if unit:
            zero, one = (units.convert(part, unit, "kelvin") for part in (0.0, 1.0))
            cold = float(self.full["mean_temperature"]) - 0.5 / self.per_kelvin
            values = (zero + (one - zero) * values - cold) * self.per_kelvin
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low < -_APART or high > 1.0 + _APART:
            raise DataError(
                f"{self.file.path.name}: temperatures go from {low:.3g} to {high:.3g} differences of the plates, and "
                "what the plates hold is 0 to 1: divide by their difference above the cold one, or name the column "
                "temperature_degC and set the cell's fluid"
            )
        return np.asarray(values)


def _forecast(known: Cell, analysis: Analysis, draws: Tensor, later: float) -> dict[str, Field]:
    end = float(known.times[-1]) + later
    _, mean = known.run(analysis.z.numpy(), np.array([end]))
    count = math.ceil(end / known.longest)
    _, others = known.coarse.march(draws.numpy(), [(count, end / count)])
    return spread_of(mean, {name: torch.from_numpy(part) for name, part in others.items()})


def _checks(known: Cell, analysis: Analysis) -> list[Check]:
    """Judge the flow at the end on its own staggered grid: no divergence, no temperature beyond the plates'."""
    z = analysis.z.numpy()[None]
    grid = known.fine
    plan = [(known.finer * count, dt / known.finer) for count, dt in known.lengths]
    first = len(known.unknown)
    _, after = grid.march_states(combined(grid.climate, z[:, first:]), known.numbers(z), plan)
    u, w, t = (part[0] for part in after[:3])
    layer = grid.layer
    spread = (np.roll(u, -1, 1) - u) / layer.h + np.diff(w, axis=0) / layer.dz[:, None]
    speed = max(float(np.abs(u).max()), float(np.abs(w).max()), 1e-30)
    divergence = float(np.abs(spread).max()) * layer.h / speed
    beyond = max(-float(t.min()), float(t.max()) - 1.0, 0.0)
    return [
        Check(
            name="incompressible", kind="conservation", status="pass" if divergence <= 1e-8 else "fail",
            value=divergence, limit=1e-8, detail="largest divergence of the flow at the end, over speed and cell width",
        ),
        Check(
            name="between the plates", kind="constraint", status="pass" if beyond <= _OVERSHOOT else "fail",
            value=beyond, limit=_OVERSHOOT,
            detail="how far the temperature at the end lies beyond that of the plates, over their difference",
        ),
    ]  # fmt: skip
