"""`Frames`: the runs of a regime as training takes them, kept in The Well's layout.

    FOLDER/<regime>/data/<split>/<regime>.hdf5

Channels named after the axes of the grid, such as velocity_x and velocity_y, are one vector field in the file; the
others are scalar fields. Fields are in single precision, settings in double, in a group of their own besides The
Well's scalars, so that a run that is read can be solved again exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from physics import well
from physics.errors import DataError
from physics.surrogate.regime import Axis, Regime
from physics.trajectory import Array, Boundary, Trajectory

_AT_ONCE = 64  # runs that stand in memory in double precision while a file is read


@dataclass(frozen=True)
class Frames:
    """Runs of one regime.

    Attributes:
        regime: its name.
        values: shape (runs, frames, channels, *points), float32.
        settings: shape (runs,) each, float64.
    """

    regime: str
    values: Tensor
    settings: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.values)


def path_of(folder: str | Path, regime: str, split: str) -> Path:
    """Return where the runs of a split stand."""
    return Path(folder) / regime / "data" / split / f"{regime}.hdf5"


def fields_of(regime: Regime) -> dict[str, list[int]]:
    """Return the fields of the file and the channels of each; a vector has as many as there are axes."""
    names = [channel.name for channel in regime.channels]
    stems = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    vectors = {stem: [f"{stem}_{axis.name}" for axis in regime.axes] for stem in stems if stem}
    whole = {stem: parts for stem, parts in vectors.items() if len(parts) > 1 and set(parts) <= set(names)}
    taken = {part for parts in whole.values() for part in parts}
    fields = {name: [name] for name in names if name not in taken} | whole
    return {field: [names.index(part) for part in parts] for field, parts in fields.items()}


def write(
    folder: str | Path,
    split: str,
    frames: Frames,
    regime: Regime,
    *,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """Write the runs of a split; an existing file is replaced only when the new one is complete.

    Raises:
        DataError: the file cannot be written there.
    """
    path = path_of(folder, frames.regime, split)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent} cannot be made: {error.strerror}") from error
    fields = {}
    for name, channels in fields_of(regime).items():
        unit, parts = regime.channels[channels[0]].unit, [frames.values[:, :, channel] for channel in channels]
        fields[name] = Array(torch.stack(parts, -1), unit, 1) if len(parts) > 1 else Array(parts[0], unit)
    trajectory = Trajectory(
        name=frames.regime,
        time=regime.interval * torch.arange(frames.values.shape[1], dtype=torch.float64),
        coordinates=regime.coordinates,
        fields=fields,
        scalars={each.name: Array(frames.settings[each.name][:, None], each.unit) for each in regime.ranges},
        boundaries=tuple(boundary(axis) for axis in regime.axes),
        attributes={"equation": regime.equation, "split": split, **(attributes or {})},
        time_unit=regime.time_unit,
        length_unit=regime.axes[0].unit,
        count=len(frames),
    )
    well.write(path, trajectory, single=True, groups={"settings": dict(frames.settings)})
    return path


def boundary(axis: Axis) -> Boundary:
    """Return what stands at both ends of an axis."""
    mask = torch.zeros(axis.points, dtype=torch.bool)
    mask[0] = mask[-1] = True
    return Boundary(f"{axis.name}_{axis.boundary}", axis.boundary, (axis.name,), mask)


def read(folder: str | Path, regime: Regime, split: str, runs: slice = slice(None)) -> Frames:
    """Read the runs of a split, or the given ones of them.

    Raises:
        DataError: the file is missing or is not of this regime, its grid and its channels.
    """
    path = path_of(folder, regime.name, split)
    count, steps, settings = _opened(path, regime)
    chosen = range(*runs.indices(count))
    values = torch.empty(len(chosen), steps, len(regime.channels), *regime.points, dtype=torch.float32)
    fields = fields_of(regime)
    for first in range(0, len(chosen), _AT_ONCE):
        part = chosen[first : first + _AT_ONCE]
        found = well.read(path, fields=list(fields), trajectories=slice(part[0], part[-1] + 1, chosen.step))
        for name, channels in fields.items():
            array = found.fields[name].values
            array = array if len(channels) > 1 else array[..., None]
            if tuple(array.shape) != (len(part), steps, *regime.points, len(channels)):
                raise DataError(f"{path}: {name} is not on the grid of {regime.name}; generate the data again")
            values[first : first + len(part), :, channels] = array.movedim(-1, 2).to(torch.float32)
    index = torch.tensor(list(chosen), dtype=torch.long)
    return Frames(regime.name, values, {name: value[index] for name, value in settings.items()})


def _opened(path: Path, regime: Regime) -> tuple[int, int, dict[str, Tensor]]:
    """Return how many runs and frames a file has, and its settings."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; generate it with 'labwright surrogate data {regime.name}'")
    try:
        with h5py.File(path, "r") as file:
            named = str(file.attrs.get("dataset_name", ""))
            if named != regime.name:
                raise DataError(f"{path}: it holds {named or 'no data set'}, not {regime.name}; give that folder")
            group = file.get("settings", {})
            lacking = [each.name for each in regime.ranges if each.name not in group]
            if lacking:
                raise DataError(f"{path}: the setting {', '.join(lacking)} is missing; generate the data again")
            settings = {each.name: torch.from_numpy(np.asarray(group[each.name][()])) for each in regime.ranges}
            return int(file.attrs["n_trajectories"]), int(file["dimensions/time"].shape[-1]), settings
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as a file of runs; generate it again") from error
