"""A pulse of heat on the front of a disc, and what each mode keeps of it, exactly in time.

    c(t) = int_0^t g(s) exp(-rate (t - s)) ds        d(t) = int_0^t c(s) ds        int g = 1

Times are over L^2 / alpha, as in `physics.equations.flash.heat_modes`. The power g is a chain of straight pieces, so
both integrals are sums over pieces of

    J_k(z) = int_0^1 v^k exp(-z v) dv,   k = 0, 1,        H_k(z) = int_0^1 v^k (1 - exp(-z v)) / z dv,

written so that no digit is lost for a mode that does not decay (z = 0). A triangular pulse rises for half of its
width and falls for the other half. An instant pulse has no pieces; at t = 0 it has not struck yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.series import Series

_SMALL, _TERMS = 0.3, 12  # below it the power series, to rounding
_J0, _J1 = (tuple((-1.0) ** j / (math.factorial(j) * (j + k + 1)) for j in range(_TERMS)) for k in (0, 1))
_H0, _H1 = (tuple((-1.0) ** j / (math.factorial(j + 1) * (j + k + 2)) for j in range(_TERMS)) for k in (0, 1))
_PIECES_AT_ONCE = 64
_NEGATIVE = 0.05  # of the largest value: what noise may take a measured pulse below zero


class Pulse(NamedTuple):
    """Straight pieces of power; each (batch, pieces), no pieces for an instant pulse.

    Attributes:
        begin, end: of each piece.
        first, last: the power at its begin and its end.
    """

    begin: Tensor
    end: Tensor
    first: Tensor
    last: Tensor

    @property
    def instant(self) -> bool:
        """Whether all heat comes at once."""
        return self.begin.shape[-1] == 0

    @property
    def stop(self) -> Tensor:
        """When the last piece ends, shape (batch,)."""
        return self.end.sum(-1) if self.instant else self.end[:, -1]


def instant(scale: Tensor) -> Pulse:
    """All heat at once, for as many discs as `scale`, shape (batch,), has."""
    empty = scale.new_zeros((len(scale), 0))
    return Pulse(empty, empty, empty, empty)


def square(width: Tensor) -> Pulse:
    """Constant power for `width`, shape (batch,)."""
    width = width[:, None]
    return Pulse(torch.zeros_like(width), width, 1.0 / width, 1.0 / width)


def triangular(width: Tensor) -> Pulse:
    """Power that rises for half of `width`, shape (batch,), and falls for the other half."""
    nodes = torch.tensor([0.0, 0.5, 1.0], dtype=width.dtype, device=width.device) * width[:, None]
    power = torch.tensor([0.0, 2.0, 0.0], dtype=width.dtype, device=width.device) / width[:, None]
    return Pulse(nodes[:, :-1], nodes[:, 1:], power[:, :-1], power[:, 1:])


def measured(series: Series, scale: Tensor) -> Pulse:
    """A recorded pulse; `scale`, shape (batch,), turns its seconds into the disc's own time.

    Raises:
        ParameterError: it begins before zero, holds no heat, or falls further below zero than noise does.
    """
    time, value = (part.to(scale.device) for part in _record(series))
    power = value / torch.trapezoid(value, time) / scale[:, None]
    nodes = time * scale[:, None]
    return Pulse(nodes[:, :-1], nodes[:, 1:], power[:, :-1], power[:, 1:])


def duration(series: Series, share: float = 0.95) -> float:
    """Seconds in the middle of a recorded pulse that hold `share` of its heat.

    Raises:
        ParameterError: as for `measured`.
    """
    time, value = (part.numpy() for part in _record(series))
    heat = np.concatenate([[0.0], np.cumsum(0.5 * (value[1:] + value[:-1]) * np.diff(time))])
    begin, end = np.interp([0.5 - share / 2, 0.5 + share / 2], heat / heat[-1], time)
    return float(end - begin)


def _record(series: Series) -> tuple[Tensor, Tensor]:
    """Check a record and return its times and its power, what noise takes below zero set to zero."""
    time, value = (torch.tensor(part, dtype=torch.float64) for part in (series.time, series.value))
    if series.time[0] < 0:
        raise ParameterError("pulse: its times begin before zero; count them from the trigger")
    if float(value.max()) <= 0 or float(value.min()) < -_NEGATIVE * float(value.max()):
        raise ParameterError("pulse: its values must be a power, zero or more; take the dark reading off")
    return time, value.clamp_min(0.0)


def delivered(pulse: Pulse, time: Tensor) -> Tensor:
    """int_0^t g, shape (batch, n), at times of shape (batch, n)."""
    if pulse.instant:
        return (time > 0).to(time.dtype)
    _, length, first, last = _clipped(pulse, time)
    return (length * 0.5 * (first + last)).sum(-1)


def respond(
    pulse: Pulse, rate: Tensor, time: Tensor, accumulated: bool = False, ended: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return c and, if `accumulated`, d of every mode, each (batch, n, modes).

    Args:
        rate: of the modes, slowest first, shape (batch, modes); only the first may be zero.
        time: shape (batch, n).
        ended: what `at_end` gave, so that it is not done again.
    """
    stop = pulse.stop[:, None]
    after = (time - stop).clamp_min(0.0)[..., None]
    decay = torch.exp(-rate[:, None, :] * after)
    if pulse.instant:
        c = decay * (time > 0)[..., None]
        return c, _grown(rate[:, None, :], after) if accumulated else None
    c_stop, d_stop = _pieces(pulse, rate, stop, accumulated) if ended is None else (ended, None)
    c, d = c_stop * decay, None
    if d_stop is not None:
        d = d_stop + c_stop * _grown(rate[:, None, :], after)
    during = time < stop
    columns = during.any(0).nonzero()[:, 0]
    if len(columns):
        mask = during[:, columns, None]
        c_in, d_in = _pieces(pulse, rate, time[:, columns], accumulated)
        c = c.index_copy(1, columns, torch.where(mask, c_in, c[:, columns]))
        if d is not None and d_in is not None:
            d = d.index_copy(1, columns, torch.where(mask, d_in, d[:, columns]))
    return c, d


def at_end(pulse: Pulse, rate: Tensor) -> Tensor | None:
    """Return c when the pulse has ended, shape (batch, 1, modes); None for an instant pulse."""
    return None if pulse.instant else _pieces(pulse, rate, pulse.stop[:, None], False)[0]


def _grown(rate: Tensor, time: Tensor) -> Tensor:
    """(1 - exp(-rate t)) / rate; only the slowest mode can be slow enough to need the series."""
    slow, fast = rate[..., :1], rate[..., 1:]
    return torch.cat([time * _j0(slow * time), -torch.expm1(-fast * time) / fast], -1)


def _pieces(pulse: Pulse, rate: Tensor, time: Tensor, accumulated: bool) -> tuple[Tensor, Tensor | None]:
    """Add the pieces up to each time, some at once so that memory stays bounded."""
    c: Tensor | None = None
    d: Tensor | None = None
    for start in range(0, pulse.begin.shape[-1], _PIECES_AT_ONCE):
        some = Pulse(*(part[:, start : start + _PIECES_AT_ONCE] for part in pulse))
        c_part, d_part = _some_pieces(some, rate[:, None, :, None], time, accumulated)
        c = c_part if c is None else c + c_part
        d = d_part if d is None or d_part is None else d + d_part
    if c is None:
        raise ParameterError("pulse: it has no pieces")
    return c, d


def _some_pieces(pulse: Pulse, rate: Tensor, time: Tensor, accumulated: bool) -> tuple[Tensor, Tensor | None]:
    """Sum over pieces, with v from the end of a piece backwards: g = last + (first - last) v."""
    rest, length, first, last = (part[:, :, None, :] for part in _clipped(pulse, time))
    z = rate * length
    j0 = _j0(z)
    j1 = _where_small(z, _J1, lambda x: (-torch.expm1(-x) / x - torch.exp(-x)) / x)
    decay = torch.exp(-rate * rest)
    inner = length * (last * j0 + (first - last) * j1)
    c = (decay * inner).sum(-1)
    if not accumulated:
        return c, None
    h0 = _where_small(z, _H0, lambda x: (1.0 + torch.expm1(-x) / x) / x)
    h1 = _where_small(z, _H1, lambda x: (0.5 - (-torch.expm1(-x) / x - torch.exp(-x)) / x) / x)
    d = inner * rest * _j0(rate * rest) + length**2 * (last * h0 + (first - last) * h1)
    return c, d.sum(-1)


def _clipped(pulse: Pulse, time: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What of each piece lies before each time: the time since, its length, the power at its begin and end.

    Each has the shape (batch, n, pieces); a piece that has not begun has the length zero.
    """
    at = time[..., None]
    begin, end, first, last = (part[:, None, :] for part in pulse)
    stop = torch.minimum(end, at)
    length = (stop - begin).clamp_min(0.0)
    slope = (last - first) / (end - begin)
    return (at - stop).clamp_min(0.0), length, first.expand_as(length), first + slope * length


def _where_small(z: Tensor, coefficients: tuple[float, ...], closed: Callable[[Tensor], Tensor]) -> Tensor:
    small = z < _SMALL
    near = torch.where(small, z, 0.0)
    series = torch.full_like(near, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        series = series * near + coefficient
    return torch.where(small, series, closed(torch.where(small, 1.0, z)))


def _j0(z: Tensor) -> Tensor:
    return _where_small(z, _J0, lambda x: -torch.expm1(-x) / x)
