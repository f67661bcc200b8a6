"""The files of a prediction of fields: the frames that runs start with, and those that follow with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from physics import units, well
from physics.errors import DataError, InputError
from physics.surrogate.frames import boundary, fields_of
from physics.surrogate.regime import Regime
from physics.trajectory import Array, Trajectory
from tools.errors import Retry

MOST_RUNS = 256
_NEAR = 1e-3  # of a spacing or an interval: other programs write in single precision


class Start(NamedTuple):
    """Frames (runs, frames, channels, *points) and settings (runs,) of each, in double precision."""

    frames: Tensor
    settings: dict[str, Tensor]


class Shown(NamedTuple):
    """What is written of runs.

    Attributes:
        values, lower, upper: shape (runs, frames, channels, *points).
        bound: of the VRMSE of the last frames, (runs, frames predicted); not a number where the solver answered.
        sources, reasons: one a run.
    """

    values: Tensor
    lower: Tensor
    upper: Tensor
    bound: Tensor
    sources: Sequence[str]
    reasons: Sequence[str]


def read_start(path: Path, regime: Regime, most: int, given: Mapping[str, str]) -> Start:
    """Read the first frames of runs, at most so many, and their settings; `given` ones stand in place of the file's.

    Raises:
        Retry: the file is not of this regime: its layout, grid, channels, times, values or settings; the message says
            which and what to do.
    """
    if not path.is_file():
        raise Retry(f"{path}: there is no such file; give one of The Well's layout with the first frames of a run")
    try:
        found = well.read(path, trajectories=slice(0, MOST_RUNS + 1), times=slice(0, most))
    except InputError as error:
        raise Retry(str(error)) from error
    if found.count == 0 or found.times == 0:
        raise Retry(f"{path}: there is no run in it; give one frame or more of one run or more")
    if found.count > MOST_RUNS:
        raise Retry(f"{path}: there are more than {MOST_RUNS} runs in it; split the file")
    _check_grid(path, found, regime)
    _check_times(path, found, regime)
    return Start(_frames(path, found, regime), _settings(path, found, regime, given))


def _check_grid(path: Path, found: Trajectory, regime: Regime) -> None:
    own = regime.coordinates
    if list(found.coordinates) != list(own):
        raise Retry(f"{path}: its axes are {', '.join(found.coordinates)}, {regime.name} has {', '.join(own)}")
    for axis in regime.axes:
        there = found.coordinates[axis.name]
        if there.shape[-1] != axis.points:
            raise Retry(
                f"{path}: there are {there.shape[-1]} points along {axis.name}, {regime.name} is learned and solved on "
                f"{axis.points}; read the fields on that grid first"
            )
        if not bool(((there - own[axis.name]).abs() <= _NEAR * axis.length / axis.points).all()):
            raise Retry(
                f"{path}: the points along {axis.name} go from {float(there.min()):g} to {float(there.max()):g}, those "
                f"of {regime.name} from {float(own[axis.name][0]):g} to {float(own[axis.name][-1]):g}; scale the run"
            )


def _check_times(path: Path, found: Trajectory, regime: Regime) -> None:
    apart = found.time.diff(dim=-1)
    if apart.numel() and not bool(((apart - regime.interval).abs() <= _NEAR * regime.interval).all()):
        raise Retry(
            f"{path}: its frames are {float(apart.reshape(-1)[0]):g} apart, those of {regime.name} are "
            f"{regime.interval:g} {regime.time_unit}".rstrip()
            + "; give the first frame alone"
        )


def _frames(path: Path, found: Trajectory, regime: Regime) -> Tensor:
    fields = fields_of(regime)
    lacking = [name for name in fields if name not in found.fields]
    if lacking:
        there = ", ".join(found.fields) or "none"
        raise Retry(f"{path}: the channel {', '.join(lacking)} of {regime.name} is missing; its fields are {there}")
    values = torch.empty(found.count, found.times, len(regime.channels), *regime.points, dtype=torch.float64)
    for name, channels in fields.items():
        array, unit = found.fields[name], regime.channels[channels[0]].unit
        if (array.order == 1) != (len(channels) > 1) or array.order > 1:
            raise Retry(f"{path}: {name} is a tensor of order {array.order}; it is not that of {regime.name}")
        if array.unit != unit and not (units.compatible(array.unit, unit) and array.unit in ("", "1")):
            raise Retry(
                f"{path}: {name} is in {array.unit}, {regime.name} has it in {unit or 'no unit'}; scale the run"
            )
        parts = array.values if array.order else array.values[..., None]
        values[:, :, channels] = parts.expand(*values.shape[:2], *regime.points, len(channels)).movedim(-1, 2)
    broken = (~values.isfinite()).nonzero()
    if len(broken):
        run, frame, channel, *point = broken[0].tolist()
        more = f", and at {len(broken) - 1} more" if len(broken) > 1 else ""
        raise Retry(
            f"{path}: {regime.channels[channel].name} is not finite at run {run}, frame {frame}, point "
            f"{', '.join(map(str, point))}{more}; leave out those frames or mend them"
        )
    return values


def _settings(path: Path, found: Trajectory, regime: Regime, given: Mapping[str, str]) -> dict[str, Tensor]:
    known = {each.name: each for each in regime.ranges}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise Retry(f"{regime.name} has no setting {', '.join(unknown)}; its settings are {', '.join(known)}")
    there, settings, lacking = _kept(path, found), {}, []
    for name, each in known.items():
        if name in given:
            settings[name] = torch.full((found.count,), _number(name, given[name], each.unit), dtype=torch.float64)
        elif name in there:
            settings[name] = there[name].expand(found.count).clone()
        else:
            lacking.append(name)
            continue
        sound = settings[name].isfinite() & ((settings[name] > 0.0) | (not each.log))
        if not bool(sound.all()):
            run = int((~sound).nonzero()[0])
            above = " above 0" if each.log else ""
            raise Retry(f"{name} = {float(settings[name][run]):g} of run {run} cannot be; give a finite number{above}")
    if lacking:
        raise Retry(f"{path}: the setting {', '.join(lacking)} is missing; give it with --set {lacking[0]}=VALUE")
    return settings


def _number(name: str, text: str, unit: str) -> float:
    try:
        value, own = units.parse(text)
        return units.convert(value, own, unit) if own else value
    except InputError as error:
        raise Retry(f"{name}: {error}") from error


def _kept(path: Path, found: Trajectory) -> dict[str, Tensor]:
    """Return the settings that a file tells: of its own group in full precision, else its scalars and parameters."""
    kept = {name: torch.tensor([value], dtype=torch.float64) for name, value in found.parameters.items()}
    kept |= {name: array.values[:, 0] for name, array in found.scalars.items()}
    with h5py.File(path, "r") as file:
        group = file.get("settings", {})
        own = {str(name): np.asarray(group[name][()], dtype=np.float64).reshape(-1)[: found.count] for name in group}
    return kept | {name: torch.from_numpy(value) for name, value in own.items() if len(value) in (1, found.count)}


def write_shown(path: Path, regime: Regime, shown: Shown, settings: Mapping[str, Tensor], level: float) -> None:
    """Write runs with the ends of their bands beside them, FIELD_lower and FIELD_upper, whole or not at all.

    Raises:
        Retry: the file cannot be written there.
    """
    fields = {}
    for name, channels in fields_of(regime).items():
        for end, values in (("", shown.values), ("_lower", shown.lower), ("_upper", shown.upper)):
            parts, unit = [values[:, :, channel] for channel in channels], regime.channels[channels[0]].unit
            fields[name + end] = Array(torch.stack(parts, -1), unit, 1) if len(parts) > 1 else Array(parts[0], unit)
    trajectory = Trajectory(
        name=regime.name,
        time=regime.interval * torch.arange(shown.values.shape[1], dtype=torch.float64),
        coordinates=regime.coordinates,
        fields=fields,
        scalars={each.name: Array(settings[each.name][:, None], each.unit) for each in regime.ranges},
        boundaries=tuple(boundary(axis) for axis in regime.axes),
        attributes={"equation": regime.equation},
        time_unit=regime.time_unit,
        length_unit=regime.axes[0].unit,
        count=len(shown.values),
    )
    told = {"level": level, "source": list(shown.sources), "reason": list(shown.reasons), "bound": shown.bound}
    try:
        well.write(path, trajectory, groups={"settings": dict(settings), "prediction": told})
    except DataError as error:
        raise Retry(str(error)) from error
