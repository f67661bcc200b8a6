"""Which pattern grows at which feed and kill rate: a batch of small squares, run together and named.

A class needs little room to be read: a square of some eight wavelengths a side, the grid as fine as that of The Well,
tells the six regimes apart at a tenth of the cost. Near a line between classes the start decides, and so does the
room: a line is known no better than the points that were run on both sides of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from physics.device import one_thread
from physics.equations.gray_scott.pattern import CLASSES, classify, wavelength
from physics.equations.gray_scott.run import longest_step, run_to, settling
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.settings import SPACING, WIDTH
from physics.equations.gray_scott.start import richness, start_fields
from physics.errors import ParameterError

SIDE = 320.0  # of a square, in sqrt(D_b times the unit of time)
CELLS = 64
DURATION = 6000.0
STEP = 4.0
LOOKS = 12  # how often the pattern is named on the way
SHARE = 4  # output times for each look, for the settling
MOST_RATE = 10.0
_RANGE = range(1, LOOKS + 1)


class Point(NamedTuple):
    """One run.

    Attributes:
        feed, kill: the rates.
        pattern: the class at the end.
        wavelength: zero without a pattern.
        clear_time: from when on every look gave that class.
        settling_time: from when on it rested, None if it still moved at the end.
        mean_b: at the end.
    """

    feed: float
    kill: float
    pattern: str
    wavelength: float
    clear_time: float
    settling_time: float | None
    mean_b: float


class Change(NamedTuple):
    """Two neighbouring points of a line that differ in class; the line between the classes crosses in between."""

    before: Point
    after: Point


def pattern_map(
    feed: Sequence[float],
    kill: Sequence[float],
    *,
    diffusion_a: float = 2e-5,
    diffusion_b: float = 1e-5,
    duration: float = DURATION,
    seed: int = 0,
    inoculum: str = "auto",
    progress: Callable[[float, str], None] | None = None,
) -> list[Point]:
    """Run the points (feed[i], kill[i]) together and name their patterns.

    Sixteen points of the default duration take some ten seconds on two cores.

    Raises:
        ParameterError: the lists differ in length, are empty, or a number is outside its range.
    """
    if len(feed) != len(kill) or not feed:
        raise ParameterError(f"gray_scott: {len(feed)} feeds and {len(kill)} kills; give as many of both, at least one")
    rates = _rates(feed, kill, diffusion_a, diffusion_b)
    size, width = SIDE * math.sqrt(diffusion_b), WIDTH * math.sqrt(diffusion_b)
    rich = (richness(rates.feed, rates.kill) > 1.0).tolist()
    spots = round((SIDE / SPACING) ** 2)
    holes = [inoculum == "holes" or (inoculum == "auto" and one) for one in rich]
    made = {kind: start_fields(CELLS, size, width, spots, seed, kind) for kind in set(holes)}
    times = torch.linspace(0.0, duration, SHARE * LOOKS + 1, dtype=torch.float64)
    frames = torch.arange(len(times)) % SHARE == 0

    def report(done: float) -> None:
        if progress is not None:
            progress(done, "marching squares")

    with one_thread(), torch.no_grad():
        step = min(STEP, longest_step(rates))
        found = run_to(rates, torch.stack([made[kind] for kind in holes]), times, frames, 1.0, step, report).finest
        lengths = wavelength(found.fields[:, -1, 1], rates.size).tolist()
        looks = [_look(found.fields[:, n, 1], found.change[:, SHARE * n], times[SHARE * n], rates) for n in _RANGE]
    when, settled = settling(found, times)
    points = []
    for i, (f, k) in enumerate(zip(feed, kill, strict=True)):
        names = [look[i] for look in looks]
        last = next((n for n in reversed(range(LOOKS)) if names[n] != names[-1]), -1)
        clear = float(times[SHARE * (last + 2)])
        rest = float(when[i]) if bool(settled[i]) else None
        points.append(Point(float(f), float(k), names[-1], lengths[i], clear, rest, float(found.means[i, -1, 1])))
    return points


def _rates(feed: Sequence[float], kill: Sequence[float], diffusion_a: float, diffusion_b: float) -> Rates:
    least = {"feed": 0.0, "kill": -math.ulp(0.0), "diffusion_a": 0.0, "diffusion_b": 0.0}
    most = {"feed": MOST_RATE, "kill": MOST_RATE}
    found = []
    for name, value in zip(least, (list(feed), list(kill), diffusion_a, diffusion_b), strict=True):
        given = torch.as_tensor(value, dtype=torch.float64)
        if not bool((torch.isfinite(given) & (given > least[name]) & (given <= most.get(name, math.inf))).all()):
            raise ParameterError(f"gray_scott: {name} = {value} is outside its range")
        found.append(given.expand(len(feed)).contiguous())
    f, k, a, b = found
    return Rates(f, k, a, b, SIDE * b.sqrt())


def _look(field: Tensor, change: Tensor, time: Tensor, rates: Rates) -> list[str]:
    return [CLASSES[k] for k in classify(field, change, time * (rates.feed + rates.kill)).tolist()]


def along(
    one: tuple[float, float], other: tuple[float, float], count: int = 9, **more: object
) -> tuple[list[Point], list[Change]]:
    """Name the patterns on the straight line between two points (feed, kill), and where the class changes."""
    shares = [i / (count - 1) for i in range(count)]
    feed, kill = ([a + s * (b - a) for s in shares] for a, b in zip(one, other, strict=True))
    points = pattern_map(feed, kill, **more)  # type: ignore[arg-type]
    return points, [Change(a, b) for a, b in pairwise(points) if a.pattern != b.pattern]
