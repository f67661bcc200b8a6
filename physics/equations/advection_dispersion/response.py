"""Curves of a column at any times, extrapolated from three grids, with the estimate of their error.

The system is linear and does not change with time, so one march, the answer to a step, serves every feed (see
`physics.equations.advection_dispersion.feed`), and what the feed does need not fall on a grid time.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from physics.device import one_thread
from physics.equations.advection_dispersion.breakthrough import Budget, Column, arrival, trace
from physics.equations.advection_dispersion.feed import Feed, superpose
from physics.errors import ParameterError
from physics.integrate.richardson import LEVELS, error_estimate, extrapolate

DIVISOR = LEVELS[-1]


class Resolution(NamedTuple):
    """The finest of the three grids; the others have 1/2 and 3/4 of it.

    Attributes:
        cells: between the inlet and the reference length (the outlet, or the reading where the outlet is
            open); a multiple of 4, at least 24.
        steps: of the first two units of the time grid; a multiple of 8, at least 32.
        tail: cells beyond, for an open outlet; a multiple of 4, at least 8.
    """

    cells: int
    steps: int
    tail: int = 0


class Response(NamedTuple):
    """A curve and what is known of it.

    Attributes:
        curve: shape (times, batch).
        error: the estimate of its largest error over the times, shape (batch,), without derivative.
        spent: entered, left, stored and consumed by the times, each (times, batch) in reference lengths, without
            derivative; only if asked for. Each march balances, interpolation, superposition and extrapolation are
            linear, so that the terms balance at any time and are as accurate as the curve.
        nodes: of the march on the finest grid.
    """

    curve: Tensor
    error: Tensor
    spent: Budget | None
    nodes: int

    def take(self, members: Tensor, times: int) -> Response:
        """Return some members of the batch and the first of the times."""
        spent = None if self.spent is None else Budget(*(term[:times, members] for term in self.spent))
        return Response(self.curve[:times, members], self.error[members], spent, self.nodes)


def response(column: Column, times: Tensor, feed: Feed, at: Resolution, budget: bool = False) -> Response:
    """Return the extrapolated curve.

    Args:
        times: in units of R l / v, shape (times, batch).
        feed: in that unit; a step where the column starts full and is leached.
        budget: keep the terms of the balances.
    """
    check(at, column.closed)
    with one_thread():
        return _response(column, times, feed, at, budget)


def _response(column: Column, times: Tensor, feed: Feed, at: Resolution, budget: bool) -> Response:
    unit = arrival(column)
    scaled, fed = times / unit, feed.over(unit)
    end = max(float(scaled.detach().max()), 1e-6)
    initial = 1.0 if column.leach else 0.0
    found, nodes = [], 0
    for level in LEVELS:
        cells, steps, tail = (count * level // DIVISOR for count in at)
        run = trace(column, cells, steps, tail, end, budget)
        rows, before, nodes = [run.values], [initial], len(run.values)
        if run.budget is not None:
            rows += [term.detach() for term in run.budget]
            before += [0.0, 0.0, float(run.budget.stored[0, 0]), 0.0]
        found.append(superpose(run.nodes, rows, scaled, fed, before))
    levels = (found[0][0], found[1][0], found[2][0])
    best = extrapolate(levels)
    spent = (
        Budget(*(extrapolate(each).detach() for each in zip(*(rows[1:] for rows in found), strict=True)))
        if budget
        else None
    )
    return Response(best, error_estimate(levels, best), spent, nodes)


def check(at: Resolution, closed: bool) -> None:
    """Raise what is wrong with a resolution."""
    least = Resolution(24, 32, 0 if closed else 8)
    for name, count, low, multiple in zip(Resolution._fields, at, least, (4, 8, 4), strict=True):
        if count < low or count % multiple:
            raise ParameterError(f"resolution: {name} = {count} must be a multiple of {multiple}, at least {low}")
