"""`WellRuns`: the runs of a split of a data set of The Well, of which no more is read than a window at a time."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from physics.errors import DataError
from physics.surrogate.frames import Frames
from physics.surrogate.well_files import Field, Header, headers
from physics.surrogate.well_regime import INTERVAL, NONE, WellRegime

_OPEN = 64  # files at once
_SEEN = 64  # windows of the sample that scales come from, each of so many frames:
_LENGTH = 8
_MOST = 2**26  # numbers of a sample


class WellRuns:
    """Runs in files.

    Attributes:
        settings: shape (runs,) each, float64.
        frames: of each run, shape (runs,).
    """

    def __init__(self, regime: WellRegime, folder: Path, split: str) -> None:
        """Look at the files of a split.

        Raises:
            DataError: they are missing, cannot be used, or are of another data set than the regime.
        """
        self.regime, self.files = regime, headers(folder, split)
        first = self.files[0]
        cut = tuple(axis.points * stride for axis, stride in zip(regime.axes, regime.strides, strict=True))
        names = [name for field in first.fields for name in field.channels]
        if (
            names != [channel.name for channel in regime.channels]
            or first.axes != tuple(axis.name for axis in regime.axes)
            or any(size < taken for size, taken in zip(first.sizes, cut, strict=True))
        ):
            raise DataError(f"{first.path}: other fields or another grid than the training files; fetch the set again")
        self.settings = {
            each.name: torch.cat([_setting(each.name, file) for file in self.files]) for each in regime.ranges
        }
        self.frames = torch.cat([torch.full((file.runs,), file.frames) for file in self.files])
        self._places = [(file, own) for file in self.files for own in range(file.runs)]
        self._open: dict[Path, h5py.File] = {}

    def __len__(self) -> int:
        return len(self._places)

    def window(self, run: int, first: int, length: int) -> Tensor:
        """Return frames of a run, shape (length, channels, *points), float32.

        Raises:
            DataError: they cannot be read, or are not finite.
        """
        file, own = self._places[run]
        try:
            parts = [self._values(file, field, own, slice(first, first + length)) for field in file.fields]
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"{file.path}: run {own} cannot be read ({error}); fetch the file again") from error
        values = torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.concatenate(parts, -1), -1, 1)))
        if not bool(values.isfinite().all()):
            raise DataError(
                f"{file.path}: run {own} has numbers that are not finite in frames {first} to {first + length - 1}; "
                "fetch the file again or take it out of the folder"
            )
        return values

    def sample(self, windows: int, length: int) -> Frames:
        """Return windows that are spread over runs and times evenly, no more than there is room for."""
        length = min(length, int(self.frames.min()))
        numbers = length * len(self.regime.channels) * int(np.prod(self.regime.points))
        windows = max(1, min(windows, _MOST // numbers))
        found, chosen = [], [k * len(self) // windows for k in range(windows)]
        for k, run in enumerate(chosen):
            share = (0.618 * k) % 1.0  # of the golden section, whose multiples fill an interval evenly
            found.append(self.window(run, int(share * (int(self.frames[run]) - length + 1)), length))
        settings = {name: value[chosen] for name, value in self.settings.items()}
        return Frames(self.regime.name, torch.stack(found), settings)

    @cached_property
    def sampled(self) -> Frames:
        """What scales are taken from."""
        return self.sample(_SEEN, _LENGTH)

    def digest(self) -> str:
        """Return what tells these files from others, without reading them through: names, sizes, headers."""
        told = [[each.path.name, each.path.stat().st_size, each.runs, each.frames] for each in self.files]
        return hashlib.sha256(json.dumps([told, self.regime.told()]).encode()).hexdigest()[:32]

    def _values(self, file: Header, field: Field, own: int, frames: slice) -> Any:
        """Return a field on the regime's points, shape (length, *points, components)."""
        data = self._opened(file.path)[field.place]
        index = (*((own,) if field.sampled else ()), *((frames,) if field.timed else ()))
        values = np.asarray(data[index] if index else data[()], dtype=np.float32)
        sizes = [size if kept else 1 for size, kept in zip(file.sizes, field.spread, strict=True)]
        length = frames.stop - frames.start
        values = values.reshape(length if field.timed else 1, *sizes, len(field.channels))
        steps = zip(self.regime.points, self.regime.strides, field.spread, strict=True)
        taken = [slice(0, count * stride, stride) if kept else slice(None) for count, stride, kept in steps]
        return np.broadcast_to(values[(slice(None), *taken)], (length, *self.regime.points, len(field.channels)))

    def _opened(self, path: Path) -> h5py.File:
        if path not in self._open:
            if len(self._open) >= _OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = h5py.File(path, "r")
        return self._open[path]


def _setting(name: str, file: Header) -> Tensor:
    if name == NONE:
        return torch.zeros(file.runs, dtype=torch.float64)
    if name == INTERVAL:
        return file.intervals
    if name not in file.scalars:
        raise DataError(f"{file.path}: the scalar {name} of the training files is missing; fetch the file again")
    return file.scalars[name]
