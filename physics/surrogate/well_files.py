"""What the files of a data set of The Well say of themselves, without their fields: grid, boundaries, scalars, times.

    FOLDER/data/<split>/*.hdf5

as the data sets are downloaded. Files of one split may differ in their scalars, as a rule one set of parameters a file.

Source: R. Ohana et al., The Well: a large-scale collection of diverse physics simulations for machine learning,
NeurIPS 2024, arXiv:2412.00568; package `the-well`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
from torch import Tensor

from physics import well
from physics.errors import DataError
from physics.surrogate.regime import Boundary
from physics.trajectory import Trajectory

_KINDS = ("periodic", "wall", "open")
_SAME = 1e-3  # relative: intervals that differ by less are one


@dataclass(frozen=True)
class Field:
    """One data set of values over space.

    Attributes:
        place: in the file.
        channels: the names of its components.
        sampled, timed, spread: which of the runs, the frames and the axes it varies with.
    """

    place: str
    channels: tuple[str, ...]
    sampled: bool
    timed: bool
    spread: tuple[bool, ...]
    unit: str = ""


@dataclass(frozen=True)
class Header:
    """One file.

    Attributes:
        scalars: those that stay as they are over a run, shape (runs,) each.
        intervals: between two frames, shape (runs,).
    """

    path: Path
    data_set: str
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    lengths: tuple[float, ...]
    kinds: tuple[Boundary, ...]
    fields: tuple[Field, ...]
    scalars: dict[str, Tensor]
    intervals: Tensor
    runs: int
    frames: int
    units: tuple[str, str]  # of time and of length

    @property
    def grid(self) -> tuple[object, ...]:
        """What all files of a data set share."""
        return self.data_set, self.axes, self.sizes, tuple((each.place, each.channels) for each in self.fields)


def headers(folder: Path, split: str) -> list[Header]:
    """Return what the files of a split say.

    Raises:
        DataError: the split is missing, a file cannot be used, or they do not belong together.
    """
    place = folder / "data" / split
    paths = sorted([*place.glob("*.hdf5"), *place.glob("*.h5")])
    if not paths:
        raise DataError(f"{place}: there is no HDF5 file of the split {split}; name the folder that holds data/{split}")
    found = [header(path) for path in paths]
    for each in found[1:]:
        if each.grid != found[0].grid:
            raise DataError(
                f"{each.path}: other fields or another grid than {paths[0].name}; keep one data set a folder"
            )
    return found


def header(path: Path) -> Header:
    """Return what a file says.

    Raises:
        DataError: it is not of The Well's layout, or is not on one axis or two.
    """
    try:
        told = well.read(path, fields=[])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: its attributes cannot be read ({error}); it is not The Well's layout") from error
    axes, sizes = tuple(told.coordinates), told.shape
    if len(axes) not in (1, 2):
        raise DataError(f"{path}: its fields have {len(axes)} axes ({', '.join(axes)}); the model takes one or two")
    if told.times < 2 or told.count < 1:
        raise DataError(f"{path}: {told.count} runs of {told.times} frames leave nothing to learn; give another file")
    return Header(
        path=path,
        data_set=told.name,
        axes=axes,
        sizes=sizes,
        lengths=tuple(_length(path, axis, points) for axis, points in told.coordinates.items()),
        kinds=tuple(_kind(path, axis, told) for axis in axes),
        fields=_fields(path, told),
        scalars=_scalars(path, told),
        intervals=_intervals(path, told),
        runs=told.count,
        frames=told.times,
        units=(told.time_unit, told.length_unit),
    )


def same(values: Tensor) -> bool:
    """Return whether numbers are one and the same."""
    return float(values.max() - values.min()) <= _SAME * float(values.abs().max())


def _length(path: Path, axis: str, points: Tensor) -> float:
    """Return the length of an axis: its points stand for as many cells."""
    own = points if points.dim() == 1 else points[0]
    length = abs(float(own[-1] - own[0])) * len(own) / max(len(own) - 1, 1)
    if not (math.isfinite(length) and length > 0.0):
        raise DataError(f"{path}: the points of {axis} span no length; the file is damaged or not The Well's")
    return length


def _intervals(path: Path, told: Trajectory) -> Tensor:
    steps = (told.time[..., -1] - told.time[..., 0]) / (told.times - 1)
    if not bool((steps.isfinite() & (steps > 0.0)).all()):
        raise DataError(f"{path}: its times do not grow; the file is damaged or not The Well's")
    return steps.expand(told.count)


def _kind(path: Path, axis: str, told: Trajectory) -> Boundary:
    """Return the kind of an axis: periodic where it is said to be, a wall where both ends are all along, else open."""
    walls = [False, False]
    for boundary in told.boundaries:
        if boundary.kind not in _KINDS:
            raise DataError(
                f"{path}: a boundary of the kind {boundary.kind} is not known; known are {', '.join(_KINDS)}"
            )
        if axis not in boundary.axes:
            continue
        if boundary.kind == "periodic":
            return "periodic"  # whatever its mask: a period has no end
        if boundary.kind == "wall":
            ends = [boundary.mask.select(boundary.axes.index(axis), place) for place in (0, -1)]
            walls = [known or bool(end.all()) for known, end in zip(walls, ends, strict=True)]
    return "wall" if all(walls) else "open"


def _scalars(path: Path, told: Trajectory) -> dict[str, Tensor]:
    found = {}
    for name, array in told.scalars.items():
        if array.values.shape[1] == 1:
            found[name] = array.values[:, 0].expand(told.count)
            if not bool(found[name].isfinite().all()):
                raise DataError(f"{path}: the scalar {name} is not finite; the file is damaged")
    return found


def _fields(path: Path, told: Trajectory) -> tuple[Field, ...]:
    found = []
    try:
        with h5py.File(path, "r") as file:
            for order in well.ORDERS:
                group = file.get(f"t{order}_fields", {})
                names = group.attrs["field_names"] if group else []
                found += [_field(path, group[_text(name)], order, told) for name in names]
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: its fields cannot be read ({error}); it is not The Well's layout") from error
    if not any(each.timed for each in found):
        raise DataError(f"{path}: it has no field that varies over time; give another file")
    return tuple(found)


def _field(path: Path, data: h5py.Dataset, order: int, told: Trajectory) -> Field:
    """Return a field, once its shape fits its flags."""
    axes, stem = tuple(told.coordinates), data.name.rpartition("/")[2]
    ends = ["".join(parts) for parts in itertools.product(axes, repeat=order)]
    found = Field(
        place=data.name,
        channels=tuple(f"{stem}_{end}" if end else stem for end in ends),
        sampled=bool(data.attrs["sample_varying"]),
        timed=bool(data.attrs["time_varying"]),
        spread=tuple(bool(each) for each in data.attrs["dim_varying"]),
        unit=_text(data.attrs.get("unit", "")),
    )
    lead = (*((told.count,) if found.sampled else ()), *((told.times,) if found.timed else ()))
    kept = [size for size, own in zip(told.shape, found.spread, strict=False) if own]
    if len(found.spread) != len(axes) or data.shape[: len(lead)] != lead or data.size != _count(lead, kept, ends):
        raise DataError(
            f"{path}: {data.name} has the shape {data.shape} where its flags ask for {(*lead, *kept)} and {order} "
            f"tensor dimensions; it is not The Well's layout"
        )
    return found


def _count(lead: Sequence[int], kept: Sequence[int], ends: Sequence[str]) -> int:
    return math.prod(lead) * math.prod(kept) * len(ends)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
