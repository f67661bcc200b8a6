"""Where two patterns meet: at each feed rate the kill rates between which one gives way to the other.

At a fixed feed rate F the patterns follow each other with the kill rate k: a maze, worms, spots, then nothing. The
scan starts at k_s = sqrt(F) / 2 - F, where the uniform state that has the autocatalyst ends (F = 4 (F + k)^2), and
the interval in which the class changes is run again more finely.

Source: J. E. Pearson, Science 261 (1993) 189-192, doi:10.1126/science.261.5118.189.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from physics.equations.gray_scott.map import Point, pattern_map
from physics.errors import ParameterError

ORDER = ("maze", "worms", "spots")  # with rising kill rate
WINDOW = {"spots": (0.0020, 0.0080), "worms": (-0.0005, 0.0055)}  # kill rates above k_s, by the later pattern
COARSE, FINE = 6, 3  # points of a scan, and inside the interval where the class changes
FINEST = (WINDOW["spots"][1] - WINDOW["spots"][0]) / (COARSE - 1) / (FINE + 1) / 2  # half-width that they leave
DURATION = 5000.0


@dataclass(frozen=True)
class Crossing:
    """At one feed rate: the last point of the first pattern and the first of the second."""

    before: Point
    after: Point

    @property
    def feed(self) -> float:
        """The feed rate."""
        return self.before.feed

    @property
    def kill(self) -> float:
        """The middle of the interval."""
        return 0.5 * (self.before.kill + self.after.kill)

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return 0.5 * abs(self.after.kill - self.before.kill)


@dataclass(frozen=True)
class Boundary:
    """The crossings by feed rate, and every point that was run."""

    first: str
    second: str
    crossings: tuple[Crossing, ...]
    points: tuple[Point, ...]

    def of(self, pattern: str) -> list[Point]:
        """Return the points of one pattern."""
        return [point for point in self.points if point.pattern == pattern]


def ends(feed: float) -> float:
    """Return the kill rate at which the uniform state with the autocatalyst ends."""
    return math.sqrt(feed) / 2 - feed


def find_boundary(patterns: Sequence[str], feeds: Sequence[float], progress: Callable[[float, str], None]) -> Boundary:
    """Find where the first pattern gives way to the second, at each feed rate where it does.

    Raises:
        ParameterError: the two are not neighbours, or do not meet at these feed rates.
    """
    first, second = sorted(patterns, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    if (first, second) not in pairwise(ORDER):
        raise ParameterError(
            f"gray_scott: {first} and {second} have no boundary that can be scanned here, where with rising kill rate "
            "a maze gives way to worms and worms to spots; ask for spots and worms, or worms and maze"
        )
    low, high = WINDOW[second]
    scans = [_spread(ends(feed) + low, ends(feed) + high, COARSE) for feed in feeds]
    progress(0.1, f"running {sum(map(len, scans))} squares")
    coarse = _run(feeds, scans)
    brackets = [_crossing(line, first, second) for line in coarse]
    met = [(feed, found) for feed, found in zip(feeds, brackets, strict=True) if found is not None]
    if not met:
        seen = ", ".join(sorted({point.pattern for line in coarse for point in line}))
        raise ParameterError(
            f"gray_scott: {first} do not give way to {second} at these feed rates, where {seen} were seen; "
            "ask for another feed rate, from 0.03 to 0.045"
        )
    finer = [_spread(found.before.kill, found.after.kill, FINE + 2)[1:-1] for _, found in met]
    progress(0.5, f"running {sum(map(len, finer))} squares near the boundary")
    fine = _run([feed for feed, _ in met], finer)
    crossings = []
    for (_, found), line in zip(met, fine, strict=True):
        crossings.append(_crossing([found.before, *line, found.after], first, second) or found)
    return Boundary(first, second, tuple(crossings), tuple(p for line in (*coarse, *fine) for p in line))


def _spread(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * k / (count - 1) for k in range(count)]


def _run(feeds: Sequence[float], scans: Sequence[Sequence[float]]) -> list[list[Point]]:
    """Run all scans in one batch and hand them back line by line."""
    flat = [(feed, kill) for feed, line in zip(feeds, scans, strict=True) for kill in line]
    points = iter(pattern_map([f for f, _ in flat], [k for _, k in flat], duration=DURATION))
    return [[next(points) for _ in line] for line in scans]


def _crossing(line: Sequence[Point], first: str, second: str) -> Crossing | None:
    """Return the neighbours between which `first` gives way to `second`."""
    for before, after in pairwise(line):
        if before.pattern == first and after.pattern == second:
            return Crossing(before, after)
    return None
