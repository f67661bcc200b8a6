"""`Regime`: a family of runs that the surrogate learns, on one grid and one interval between frames.

A regime draws runs from ranges named in advance, solves them, and says what its fields keep. Fields have the shape
(runs, frames, channels, *points), in the channels' units, with one entry of `points` for each axis; settings have
the shape (runs,) each.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

Boundary = Literal["periodic", "wall", "open"]


@dataclass(frozen=True)
class Range:
    """A setting: drawn evenly from `low` to `high` (of its logarithm where `log`), and beyond them up to the reach.

    Attributes:
        reach: the ends of the extrapolation set, at most `low` and at least `high`.
    """

    name: str
    low: float
    high: float
    reach: tuple[float, float]
    unit: str = ""
    log: bool = False

    def draw(self, count: int, generator: torch.Generator, beyond: Tensor | None = None) -> Tensor:
        """Return values within the range; where `beyond` (count,) is true, from between its ends and the reach."""
        share = torch.rand(count, generator=generator, dtype=torch.float64)
        inside = self._place(share, self.low, self.high)
        if beyond is None:
            return inside
        below, above = self._length(self.reach[0], self.low), self._length(self.high, self.reach[1])
        if below + above == 0.0:
            return inside
        cut = below / (below + above)
        under = self._place(share / max(cut, 1e-300), self.reach[0], self.low)
        over = self._place((share - cut) / max(1.0 - cut, 1e-300), self.high, self.reach[1])
        return torch.where(beyond, torch.where(share < cut, under, over), inside)

    def scaled(self, values: Tensor) -> Tensor:
        """Return the place of values in the range, from -1 at `low` to 1 at `high`."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        place = values.log() if self.log else values
        return 2.0 * (place - low) / (high - low) - 1.0

    def _length(self, low: float, high: float) -> float:
        return math.log(high / low) if self.log else high - low

    def _place(self, share: Tensor, low: float, high: float) -> Tensor:
        return low * (high / low) ** share if self.log else low + (high - low) * share


@dataclass(frozen=True)
class Axis:
    """An axis of the grid; points of a periodic one leave out its end."""

    name: str
    points: int
    length: float
    boundary: Boundary
    unit: str = ""


@dataclass(frozen=True)
class Channel:
    """A field, or one component of a vector field."""

    name: str
    unit: str = ""
    bounds: tuple[float, float] | None = None  # that no value of a run leaves


class Invariant(ABC):
    """What every frame of a run keeps; shapes (runs, frames, channels, *points) and (runs, 1, channels, *points)."""

    name: str
    tolerance: float  # of the defect, as the validator judges it

    @abstractmethod
    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return how far each frame is from what it keeps, relative to the scale of it, shape (runs, frames)."""

    @abstractmethod
    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the frames next to `values` that keep it; differentiable."""


class Regime(ABC):
    """One family of runs.

    Attributes:
        name: as the file's.
        title: in words.
        equation: in one line.
        axes, channels, ranges: the grid, the fields and the settings; one axis or two.
        interval: the time between two frames, in `time_unit`.
        frames: of a run, the start included.
        invariants: what a run keeps from its start on.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    equation: ClassVar[str]
    axes: ClassVar[tuple[Axis, ...]]
    channels: ClassVar[tuple[Channel, ...]]
    ranges: ClassVar[tuple[Range, ...]]
    interval: ClassVar[float]
    time_unit: ClassVar[str] = ""
    frames: ClassVar[int] = 28
    invariants: ClassVar[tuple[Invariant, ...]] = ()

    @abstractmethod
    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Return a random first frame for one run, shape (channels, *points); `settings` are numbers of shape ()."""

    @abstractmethod
    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames of runs from `start` (runs, channels, *points), itself the first of them.

        Args:
            start: the first frames.
            settings: shape (runs,) each.
            coarse: solve on a grid with so many times fewer points along each axis, and read it on the regime's own:
                the cheap solver that a surrogate has to beat. 1 is the reference.
            frames: how many; the regime's own if 0.

        Raises:
            SolverError: a run left the finite numbers.
        """

    @property
    def coarseness(self) -> tuple[int, ...]:
        """What `solve` can be given as `coarse`, the grid itself first: each axis keeps eight points or more."""
        return tuple(factor for factor in (1, 2, 4, 8) if factor == 1 or min(self.points) // factor >= 8)

    @property
    def points(self) -> tuple[int, ...]:
        """The points along each axis."""
        return tuple(axis.points for axis in self.axes)

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The points by axis: from its start on where it is periodic, else the middles of cells."""
        return {
            axis.name: (torch.arange(axis.points, dtype=torch.float64) + (0.0 if axis.boundary == "periodic" else 0.5))
            * (axis.length / axis.points)
            for axis in self.axes
        }

    def draw(self, count: int, generator: torch.Generator, *, beyond: bool = False) -> dict[str, Tensor]:
        """Draw settings; with `beyond` one or more of each run's lie outside their range."""
        outside = torch.zeros(len(self.ranges), count, dtype=torch.bool)
        if beyond:
            open_ends = torch.tensor([each.reach != (each.low, each.high) for each in self.ranges])
            outside = (torch.rand(len(self.ranges), count, generator=generator) < 0.5) & open_ends[:, None]
            lead = torch.multinomial(open_ends.double(), count, replacement=True, generator=generator)
            outside[lead, torch.arange(count)] = True
        return {
            each.name: each.draw(count, generator, outside[k] if beyond else None) for k, each in enumerate(self.ranges)
        }

    def kept(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the frames next to `values` (runs, frames, channels, *points) that keep every invariant of `start`."""
        for invariant in self.invariants:
            values = invariant.project(values, start, settings)
        return values

    def scaled(self, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the settings from -1 to 1 over their ranges, shape (runs, settings)."""
        return torch.stack([each.scaled(settings[each.name]) for each in self.ranges], -1)
