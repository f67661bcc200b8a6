"""A data set of The Well as a regime: what its files say of grid, boundaries, fields and parameters.

Each time-varying field of order 0 is a channel, each component of those of order 1 and 2 too; fields that stay as they
are over a run are channels that the model sees and does not have to predict. Constant scalars are the settings, from
the least to the largest of the training files, over a logarithm where that is a factor of ten or more; scalars that
vary over time are not used. There is no solver and nothing is known to be kept.

An axis has as many points as cells and patches divide: `--points` of them, every so many of the file's, else all of
them. What does not divide is cut off at the end of the axis, which is open then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from physics.errors import DataError, ParameterError
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.well_files import Header, same

PREFIX = "well_"  # no data set takes the name of a regime that is solved here
INTERVAL = "frame_interval"  # the setting of data sets whose files differ in it
NONE = "none"  # the only setting of a data set without scalars, zero
_DECADE = 10.0


class WellRegime(Regime):
    """A data set of The Well.

    Attributes:
        strides: each axis takes every so many of the file's points.
        steady: the channels that stay as they are over a run.
    """

    strides: ClassVar[tuple[int, ...]]
    steady: ClassVar[tuple[int, ...]]

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Refuse: its runs come from files."""
        raise ParameterError(
            f"{self.name} is a data set of The Well: its runs come from files and cannot be drawn here"
        )

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Refuse: there is no solver for it."""
        raise ParameterError(f"{self.name} is a data set of The Well, which has no solver here; ask the model alone")

    def scaled(self, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the settings from -1 to 1 over their ranges, 0 where there is but one value."""
        parts = [(each, settings[each.name]) for each in self.ranges]
        return torch.stack([each.scaled(v) if each.high > each.low else torch.zeros_like(v) for each, v in parts], -1)

    @property
    def moving(self) -> list[int]:
        """The channels that vary over time."""
        return [k for k in range(len(self.channels)) if k not in self.steady]

    def told(self) -> dict[str, Any]:
        """Return what a card keeps, from which `rebuilt` makes the regime again."""
        return {
            "title": self.title,
            "axes": [[each.name, each.points, each.length, each.boundary, each.unit] for each in self.axes],
            "strides": list(self.strides),
            "channels": [[each.name, each.unit] for each in self.channels],
            "steady": list(self.steady),
            "ranges": [[each.name, each.low, each.high, each.log] for each in self.ranges],
            "interval": self.interval,
            "time_unit": self.time_unit,
            "frames": self.frames,
        }


def rebuilt(name: str, told: Mapping[str, Any]) -> WellRegime:
    """Return the regime that a card tells of.

    Raises:
        KeyError, TypeError, ValueError: the card is not whole.
    """
    parts = {
        "name": name,
        "title": str(told["title"]),
        "equation": "that of the data set, which its files do not tell",
        "axes": tuple(Axis(*each) for each in told["axes"]),
        "strides": tuple(told["strides"]),
        "channels": tuple(Channel(*each) for each in told["channels"]),
        "steady": tuple(told["steady"]),
        "ranges": tuple(Range(n, low, high, (low, high), log=log) for n, low, high, log in told["ranges"]),
        "interval": float(told["interval"]),
        "time_unit": str(told["time_unit"]),
        "frames": int(told["frames"]),
        "invariants": (),
    }
    made: WellRegime = type("DataSet", (WellRegime,), parts)()
    return made


def regime_of(files: Sequence[Header], divisor: int, points: Sequence[int] | None = None) -> WellRegime:
    """Return the regime of the training files of a data set.

    Args:
        files: what they say.
        divisor: of the points along each axis, those of a cell times the cells of a patch.
        points: along each axis; left out, as many as the files have.

    Raises:
        DataError: the grid has fewer points than that, or does not have as many as asked.
    """
    first = files[0]
    if points is not None and len(points) != len(first.axes):
        raise DataError(f"{first.path}: points along {len(points)} axes are asked for, and it has {len(first.axes)}")
    chosen = [_points(first, k, divisor, None if points is None else points[k]) for k in range(len(first.axes))]
    axes = []
    for k, (count, stride) in enumerate(chosen):
        share = count * stride / first.sizes[k]
        kind = first.kinds[k] if share == 1.0 else "open"
        axes.append([first.axes[k], count, first.lengths[k] * share, kind, first.units[1]])
    channels = [(name, field.unit, field.timed) for field in first.fields for name in field.channels]
    intervals = torch.cat([each.intervals for each in files])
    told = {
        "title": f"{first.data_set}, a data set of The Well",
        "axes": axes,
        "strides": [stride for _, stride in chosen],
        "channels": [[name, unit] for name, unit, _ in channels],
        "steady": [k for k, (*_, timed) in enumerate(channels) if not timed],
        "ranges": _ranges(files, intervals),
        "interval": float(intervals.median()),
        "time_unit": first.units[0],
        "frames": min(each.frames for each in files),
    }
    return rebuilt(PREFIX + re.sub(r"\W+", "_", first.data_set), told)


def _points(first: Header, axis: int, divisor: int, asked: int | None) -> tuple[int, int]:
    """Return the points along an axis, and every how many of the file's they are."""
    there, name = first.sizes[axis], first.axes[axis]
    if asked is None:
        if there < divisor:
            raise DataError(
                f"{first.path}: {there} points along {name} are too few; the model takes {divisor} at least"
            )
        return there // divisor * divisor, 1
    if asked < divisor or asked % divisor or asked > there:
        raise DataError(
            f"{first.path}: {asked} points along {name} cannot be; take a multiple of {divisor} up to the {there} there"
        )
    return asked, there // asked


def _ranges(files: Sequence[Header], intervals: Tensor) -> list[list[Any]]:
    names = [name for name in files[0].scalars if all(name in each.scalars for each in files)]
    values = {name: torch.cat([each.scalars[name] for each in files]) for name in names}
    if not same(intervals):
        values[INTERVAL] = intervals
    found = []
    for name, all_of_it in (values or {NONE: torch.zeros(1)}).items():
        low, high = float(all_of_it.min()), float(all_of_it.max())
        found.append([name, low, high, low > 0.0 and math.isfinite(high) and high / low >= _DECADE])
    return found
