"""What a model can produce at all, against what was measured: values beyond it, points before the front, other units.

The model is run on longer or on scaled times only where that is cheap: a run is timed first, and a longer one is
taken to cost in proportion to its times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import torch
from torch import Tensor

from physics.calibrate.forward import Forward
from physics.calibrate.layout import arrange
from physics.calibrate.misfit import counted
from physics.calibrate.problem import DataSet, Problem
from physics.calibrate.scatter import rough
from physics.calibrate.search import Search
from physics.calibrate.solved import Solved
from physics.errors import PhysicsError

_BEYOND = 0.25  # of the curve's range, by which a value must lie outside it
_MANY = 0.1  # of the points, from where on it is not the points that are wrong
_PERCENT = (70.0, 130.0)  # of the curve's range, where the values look like percent
_AHEAD = 10.0  # times the last time, to look for the front
_UNITS = {60.0: ("minutes", "hours"), 3600.0: ("seconds", "hours")}
_FACTORS = (1 / 60, 1 / 3600, 60.0, 3600.0)
_SECONDS = 5.0  # that a look may take
_STEPS = 20  # of the fit at other times
_EXPLAINED = 0.9


def told_time(seconds: float) -> str:
    """Write a time for people."""
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"


def outside(one: DataSet, curves: Tensor) -> Iterator[str]:
    """Tell of values that the model's curves, shape (some, n), come nowhere near."""
    points = counted(one)
    values, low, high = one.values[points], float(curves[:, points].min()), float(curves[:, points].max())
    room = _BEYOND * (high - low)
    if not room > 0:
        return
    beyond = torch.nonzero((values > high + room) | (values < low - room))[:, 0]
    if len(beyond) <= _MANY * len(points):
        return
    first = int(points[beyond[0]])
    if _PERCENT[0] < float(values.abs().quantile(0.9)) / max(abs(high), abs(low)) < _PERCENT[1]:
        hint = "they look like percent where fractions are expected: divide by 100"
    else:
        hint = "are they in another unit, or scaled otherwise? Convert them, or fit a gain"
    yield (
        f"{one.name}: {len(beyond)} of {len(points)} values lie beyond what the model can produce ({low:.3g} to "
        f"{high:.3g}), the first is {float(one.values[first]):.4g} at point {first + 1} "
        f"(t = {told_time(float(one.times[first]))}); {hint}."
    )


def front(solved: Solved, k: int) -> str:
    """Say that the points of a set lie before the front, or after it; "" where they do not."""
    one = solved.problem.sets[k]
    points = counted(one)
    values, times = one.values[points], one.times[points]
    cost = _cost(solved, k)
    if len(points) < 2 or cost * _AHEAD > _SECONDS:
        return ""
    last = float(times[-1])
    grid = torch.linspace(0.0, _AHEAD * last, 401, dtype=times.dtype)[1:]
    curve = _curve(solved.problem, k, grid, solved.layout.start)
    if curve is None:
        return ""
    whole = float(curve.max() - curve.min())
    noise = rough(values, times)
    if not whole > 0 or float(values.max() - values.min()) > max(6 * noise, 0.05 * whole):
        return ""
    seen = (grid >= float(times[0])) & (grid <= last)
    change = (curve - curve[0]).abs()
    half = float(grid[int((change >= 0.5 * float(change.max())).nonzero()[0, 0])])
    if bool(seen.any()) and float(curve[seen].max() - curve[seen].min()) > 0.5 * whole:
        return ""  # the model does change where the data do not: not a matter of times
    if half > last:
        return (
            f"{one.name}: all points lie before the front: the last is at {told_time(last)}, and from the values "
            f"that the search began with the front is expected at {told_time(half)}. Measure until it has passed."
        )
    return (
        f"{one.name}: all points lie after the front: the first is at {told_time(float(times[0]))}, and from the "
        f"values that the search began with the front is expected at {told_time(half)}. Measure while it passes."
    )


def times(solved: Solved, k: int, share: float) -> Iterator[str]:
    """Tell whether a set fits when its times are read in another unit."""
    one = solved.problem.sets[k]
    if len(solved.problem.sets) > 1 and _affordable(solved, k, 1.0):
        alone = replace(solved.problem, sets=(one,), free=tuple(replace(f, separate=True) for f in solved.problem.free))
        if _explains(alone) > _EXPLAINED:
            return  # in its own times the set fits too: the other sets are what it does not go with
    for factor in _FACTORS:
        if not _affordable(solved, k, factor):
            continue
        alone = Problem((replace(one, times=one.times * factor),), solved.problem.free, solved.problem.nuisance)
        found = _explains(alone)
        if found > _EXPLAINED and found > share + 0.3:
            many = max(factor, 1 / factor)
            done = "divided" if factor < 1 else "multiplied"
            # Read m times too long, seconds were taken for minutes or minutes for hours.
            short, long = _UNITS[many]
            yield (
                f"{one.name}: with times {done} by {many:.0f} the model explains {100 * found:.0f} % of the curve: "
                f"{short if factor < 1 else long} may have been given as {long if factor < 1 else short}."
            )
            return


def _explains(problem: Problem) -> float:
    """Return the share of the scatter that a short fit of one set explains."""
    layout = arrange(problem)
    search = Search(problem, layout, Forward(problem, layout), _STEPS, 1e-3)
    try:
        state, _ = search.settle(layout.start[None])
    except (PhysicsError, ValueError, RuntimeError):
        return math.nan
    one = problem.sets[0]
    points = counted(one)
    values, left = one.values[points], (one.values - state.curve[0])[points]
    return 1 - float((left**2).sum() / ((values - values.mean()) ** 2).sum().clamp_min(1e-300))


def _affordable(solved: Solved, k: int, factor: float) -> bool:
    """Whether a fit at scaled times takes little, approached by steps of a factor of sixty."""
    here, cost = min(factor, 1.0), 0.0
    while True:
        cost = _cost(solved, k, here)
        if here >= factor:
            return cost * _STEPS * (len(solved.u) + 1) < _SECONDS
        if cost * 60 > _SECONDS:
            return False
        here *= 60


def _cost(solved: Solved, k: int, factor: float = 1.0) -> float:
    """Return the seconds that one run of a set takes, its times scaled."""
    begun = perf_counter()
    _curve(solved.problem, k, solved.problem.sets[k].times * factor, solved.layout.start)
    return perf_counter() - begun


def _curve(problem: Problem, k: int, at: Tensor, u: Tensor) -> Tensor | None:
    """Return one set's curve at other times, shape (m,); None where its model refuses them."""
    one = replace(problem.sets[k], times=at, values=torch.zeros_like(at), weights=None, deviation=None)
    alone = Problem((one,), problem.free)
    layout = arrange(alone)
    start = arrange(problem)
    columns = list(start.columns[k][: len(layout.names)])
    try:
        curve = Forward(alone, layout).curves(u[columns][None])[0]
    except (PhysicsError, ValueError, RuntimeError):
        return None
    return curve if bool(torch.isfinite(curve).all()) else None
