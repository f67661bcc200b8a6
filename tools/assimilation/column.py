"""A column whose outlet is read: from the curve and the settings to the profile that stood in it at time zero."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from physics import units
from physics.assimilation.analysis import Analysis, Field
from physics.assimilation.column import Profile, column_system, reach
from physics.assimilation.prior import median_of
from physics.assimilation.system import Observations, System, march
from physics.errors import ParameterError
from tools.assimilation.case import Case, Request, check_reads, deviation_of, spread_of
from tools.read_data import read_data
from tools.records import Check

FREE = ("velocity", "dispersion")
_DEVIATIONS = {"velocity": 0.15, "dispersion": 0.5}
_TAKEN = {"length", *FREE, "retardation"}
_CELLS = 80
_PROFILE = Profile(0.5, 0.5, 0.25)  # correlation in lengths of the column
_SPREAD = re.compile(r"\s*(.+?)\s*(?:\+-|\+/-|±)\s*(.+?)\s*(?:over\s+(.+?)\s*)?")
_BELOW = 0.05


def column_case(request: Request, path: Path) -> Case:
    """Return the case of a column with a third-type inlet and a closed outlet, read at its outlet.

    Raises:
        DataError, ParameterError: the file or a setting cannot be used.
        Retry: the file cannot be read as a curve.
    """
    other = sorted(set(request.words) - _TAKEN)
    if other:
        raise ParameterError(f"{other[0]} has no part in the profile of a column; set {', '.join(sorted(_TAKEN))}")
    words = {name: text for name, text in request.words.items() if name not in request.free}
    (file,) = read_data(request.declared, [path], words, free=request.free)
    values = file.measured.value[:, None]
    shown = check_reads(file.name, values)
    deviation, notes = deviation_of(request, values)
    if "length" not in file.known:
        raise ParameterError("length is missing; set it, for example --set length='20 cm'")
    length = float(file.known["length"])
    velocity, dispersion = (request.value(name, _DEVIATIONS[name]) for name in FREE)
    retardation = float(file.known.get("retardation", 1.0))
    profile, told = _profile(request, length)
    cells = max(_CELLS, round(median_of(velocity) * length / median_of(dispersion) / 4) + 2)

    def system(times: np.ndarray) -> System:
        return column_system(
            length, velocity, dispersion, torch.from_numpy(times), profile,
            feed=request.feed, retardation=retardation, cells=cells,
        )  # fmt: skip

    def forecast(analysis: Analysis, draws: Tensor, later: float) -> dict[str, Field]:
        _, end = march(system(np.array([float(file.seconds[-1]) + later])), torch.cat([analysis.z[None], draws]))
        return spread_of({k: v[0] for k, v in end.items()}, {k: v[1:] for k, v in end.items()})

    unit = file.measured.column_unit if file.measured.unit == "s" else "s"
    tick = units.convert(1.0, unit, "s")
    return Case(
        request=request,
        system=system(file.seconds),
        observations=Observations(torch.from_numpy(values), deviation),
        places=("the outlet",),
        times=file.seconds / tick,
        time_unit=unit,
        begin=0.0,
        clock=tick,
        axes={"x": (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells},
        length_unit="m",
        arranged={"concentration": ("concentration",)},
        field_units={"concentration": ""},
        transposed=False,
        shown={name: _shown(request, name) for name in FREE},
        forecast=forecast,
        checks=_checks,
        words=lambda analysis: [reach(analysis, profile, length).sentence],
        notes=(*file.notes, *shown, *notes, *told, f"what is pumped in has the concentration {request.feed:g}"),
    )


def _profile(request: Request, length: float) -> tuple[Profile, list[str]]:
    """Read `MEAN +- DEVIATION over LENGTH`."""
    if request.profile is None:
        mean, deviation, correlation = _PROFILE.mean, _PROFILE.deviation, _PROFILE.correlation * length
        note = f"the profile was assumed to be {mean:g} +- {deviation:g}, alike over {correlation:.3g} m"
        return Profile(mean, deviation, correlation), [note]
    match = _SPREAD.fullmatch(request.profile)
    if match is None:
        raise ParameterError(f"--prior 'profile={request.profile}' is not profile='0.5 +- 0.3 over 5 cm'")
    numbers = [units.parse(match[k]) for k in (1, 2)]
    if any(unit for _, unit in numbers):
        raise ParameterError(f"--prior 'profile={request.profile}': the profile is C/C0, without a unit")
    correlation = _PROFILE.correlation * length
    if match[3]:
        value, unit = units.parse(match[3])
        correlation = units.convert(value, unit or "m", "m")
    if not (numbers[1][0] > 0 and math.isfinite(correlation) and correlation > 0):
        raise ParameterError(f"--prior 'profile={request.profile}': spread and length must be above zero")
    return Profile(numbers[0][0], numbers[1][0], correlation), []


def _shown(request: Request, name: str) -> tuple[str, float]:
    """Return the unit in which a person speaks of a parameter, and one of it in SI."""
    item = next(item for item in request.declared.parameters if item.name == name)
    unit = units.parse(request.words[name])[1] if name in request.words else item.display or item.unit
    return unit, units.convert(1.0, unit, item.unit)


def _checks(analysis: Analysis) -> list[Check]:
    """Judge the profile at the start: not below zero by more than its uncertainty."""
    told = analysis.start["concentration"]
    below = float((-told.mean - 3.0 * told.deviation).max())
    return [
        Check(
            name="profile not below zero", kind="constraint", status="pass" if below <= _BELOW else "fail",
            value=max(below, 0.0), limit=_BELOW,
            detail="how far the profile at the start lies below zero, less three deviations",
        )
    ]  # fmt: skip
