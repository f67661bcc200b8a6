"""What the pump delivers over time, and the answer to it by superposition.

    f(T) = f0 + sum_k b_k (T - T_k)+        c(T) = f0 S(T) + sum_k b_k I(T - T_k),    I(T) = int_0^T S

S is the response to a unit step at zero. A step is f0 = 1; a pulse that ends at T_e is S(T) - S(T - T_e); a
measured feed has straight lines between its rows, so that f bends by b_k at each of them. A feed holds its first
value from zero to its first row and its last value after the last row. I is the integral of the polynomial that
interpolates the discrete S, by Gauss' rule, exact for its degree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.integrate.octaves import Lookup, Nodes
from physics.series import Series

_NUMBERS = 2_000_000  # times, knots and batch in one array
_GAUSS_POINTS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(4)


class Feed(NamedTuple):
    """A feed in some unit of time.

    Attributes:
        first: from time zero on.
        off: when a pulse ends, shape (batch,); None for any other feed.
        knots, bends: where the feed bends and by how much its slope changes, shape (knots, batch); None for a
            feed in steps.
    """

    first: float = 1.0
    off: Tensor | None = None
    knots: Tensor | None = None
    bends: Tensor | None = None

    def take(self, members: Tensor) -> Feed:
        """Return some members of the batch."""
        return Feed(self.first, *(None if part is None else part[..., members] for part in self[1:]))

    def over(self, unit: Tensor) -> Feed:
        """Return the same feed with times in `unit`, shape (batch,)."""
        off, knots = (None if part is None else part / unit for part in self[1:3])
        return Feed(self.first, off, knots, None if self.bends is None else self.bends * unit)

    def end(self) -> Tensor | float:
        """Return when the feed changes last, shape (batch,)."""
        if self.off is not None:
            return self.off
        return 0.0 if self.knots is None or not len(self.knots) else self.knots.amax(0)


def lines(series: Series) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the value at zero, the times (s) at which a measured feed bends and the changes of slope (1/s).

    Raises:
        ParameterError: a value is negative.
    """
    time, value = np.asarray(series.time), np.asarray(series.value)
    if value.min() < 0:
        raise ParameterError(f"column: input falls to {value.min():g}; a relative concentration is zero or more")
    first = float(np.interp(0.0, time, value))
    inside = time > 0
    knots, levels = np.concatenate([[0.0], time[inside]]), np.concatenate([[first], value[inside]])
    slopes = np.concatenate([[0.0], np.diff(levels) / np.diff(knots), [0.0]])
    bends = np.diff(slopes)
    return first, knots[bends != 0], bends[bends != 0]


def grown(series: Series, at: np.ndarray) -> np.ndarray:
    """Return the integral of a measured feed from zero to each time (s)."""
    first, knots, bends = lines(series)
    since = np.maximum(at[:, None] - knots, 0.0)
    return first * at + (since**2 @ bends) / 2


def measured(series: Series, time: Tensor) -> Feed:
    """Return a measured feed in units of `time` (seconds, shape (batch,))."""
    first, knots, bends = lines(series)
    at, bent = (torch.from_numpy(row).to(time.device)[:, None] for row in (knots, bends))
    return Feed(first, None, at / time, bent * time)


def superpose(
    nodes: Nodes, rows: Sequence[Tensor], at: Tensor, feed: Feed, before: Sequence[float] | None = None
) -> list[Tensor]:
    """Return the answers to `feed` of quantities whose answers to a unit step are `rows`.

    Args:
        rows: at the nodes, each of shape (nodes, batch), zero up to time zero.
        at: where to read, shape (times, batch), in the unit of the nodes and of the feed.
        before: what stands in place of zero before time zero, for each row.

    Returns:
        one of shape (times, batch) for each row.
    """
    held = before or [0.0] * len(rows)
    result = [feed.first * value for value in _from_zero(nodes, rows, at, held)]
    if feed.off is not None:
        after = _from_zero(nodes, rows, at - feed.off, [0.0] * len(rows))
        return [value - less for value, less in zip(result, after, strict=True)]
    if feed.knots is None or feed.bends is None:
        return result
    areas, none = [integral(nodes, row) for row in rows], [0.0] * len(rows)
    chunk = max(1, _NUMBERS // at.numel())
    for knots, bends in zip(feed.knots.split(chunk), feed.bends.split(chunk), strict=True):
        since = (at[:, None] - knots).flatten(0, 1)
        for k, value in enumerate(_from_zero(nodes, areas, since, none)):
            result[k] = result[k] + (bends * value.unflatten(0, (len(at), len(knots)))).sum(1)
    return result


def integral(nodes: Nodes, values: Tensor) -> Tensor:
    """Return the integral from zero to each node of the polynomials through `values`, shape (nodes, batch)."""
    widths = torch.repeat_interleave(nodes.steps, nodes.offsets.diff())[:, None]
    starts = torch.cumsum(widths, 0) - widths
    total = torch.zeros_like(values[1:])
    for point, weight in zip(_GAUSS_POINTS, _GAUSS_WEIGHTS, strict=True):
        places = (starts + 0.5 * (1.0 + float(point)) * widths).expand_as(total)
        total = total + 0.5 * float(weight) * widths * Lookup(nodes, places).read(values)
    return torch.cat([torch.zeros_like(values[:1]), torch.cumsum(total, 0)])


def _from_zero(nodes: Nodes, rows: Sequence[Tensor], at: Tensor, before: Sequence[float]) -> list[Tensor]:
    """Interpolate, with the value `before` up to time zero."""
    look, started = Lookup(nodes, at.clamp(min=0.0)), at > 0
    return [torch.where(started, look.read(row), value) for row, value in zip(rows, before, strict=True)]
