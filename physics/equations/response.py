"""Curves of a column at any times, extrapolated from three grids, with the estimate of their error.

The system is linear and does not change with time, so a pulse is a step less the same step later: one march
serves every input, and the end of the pulse need not be a grid time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from physics.device import one_thread
from physics.equations.breakthrough import Budget, Column, Trace, arrival, trace
from physics.errors import ParameterError
from physics.integrate.octaves import Nodes, interpolate
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
        finest: the march on the finest grid.
    """

    curve: Tensor
    error: Tensor
    finest: Trace

    def take(self, members: Tensor, times: int) -> Response:
        """Return some members of the batch and the first of the times."""
        return Response(self.curve[:times, members], self.error[members], self.finest.take(members))


def response(column: Column, times: Tensor, ends: Tensor | None, at: Resolution, budget: bool = False) -> Response:
    """Return the extrapolated curve.

    Args:
        times: in units of R l / v, shape (times, batch).
        ends: the duration of a pulse in that unit, shape (batch,); None for a step or a leach.
        budget: keep the terms of the balance of the finest march.
    """
    _check(at, column.closed)
    with one_thread():
        return _response(column, times, ends, at, budget)


def _response(column: Column, times: Tensor, ends: Tensor | None, at: Resolution, budget: bool) -> Response:
    unit = arrival(column)
    scaled = times / unit
    end = max(float(scaled.detach().max()), 1e-6)
    runs, curves = [], []
    for level in LEVELS:
        cells, steps, tail = (count * level // DIVISOR for count in at)
        runs.append(trace(column, cells, steps, tail, end, budget and level == DIVISOR))
        curves.append(_curve(runs[-1], scaled, None if ends is None else ends / unit, column.leach))
    levels = (curves[0], curves[1], curves[2])
    best = extrapolate(levels)
    return Response(best, error_estimate(levels, best), runs[-1])


def _check(at: Resolution, closed: bool) -> None:
    least = Resolution(24, 32, 0 if closed else 8)
    for name, count, low, multiple in zip(Resolution._fields, at, least, (4, 8, 4), strict=True):
        if count < low or count % multiple:
            raise ParameterError(f"resolution: {name} = {count} must be a multiple of {multiple}, at least {low}")


def _curve(run: Trace, at: Tensor, ends: Tensor | None, leach: bool) -> Tensor:
    curve = _from_zero(run.nodes, run.values, at, 1.0 if leach else 0.0)
    if ends is None:
        return curve
    return curve - _from_zero(run.nodes, run.values, at - ends, 0.0)


def _from_zero(nodes: Nodes, values: Tensor, at: Tensor, before: float) -> Tensor:
    """Interpolate, with the value `before` up to time zero."""
    return torch.where(at > 0, interpolate(nodes, values, at.clamp(min=0.0)), torch.full_like(at, before))


def budget_at(run: Trace, at: Tensor, ends: Tensor | None) -> dict[str, Tensor]:
    """Return entered, left, stored and consumed at the time `at` (batch,), in reference lengths.

    Interpolation is linear in the data and the discrete balance is linear too, so it closes between nodes as
    well.
    """
    spent: Budget = run.budget  # type: ignore[assignment]
    terms = {}
    for name, values in spent._asdict().items():
        initial = float(values[0, 0]) if name == "stored" else 0.0
        value = _from_zero(run.nodes, values, at[None], initial)
        if ends is not None:
            value = value - _from_zero(run.nodes, values, (at - ends)[None], 0.0)
        terms[name] = value[0]
    return terms
