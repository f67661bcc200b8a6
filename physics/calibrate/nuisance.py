"""What the instrument adds to a curve, and the derivatives of it.

    y(t) = b + g f(t - delta) + m t

Baseline b, gain g and drift m are linear, and so are exact. A delay is taken on a grid of times, where the model is
run once, by six-point Lagrange interpolation: its error falls with the sixth power of the grid's spacing, and its
derivative is that of the same polynomial, so that value and slope agree. Before time zero the curve stands at its
first value. With times that differ between candidates a model cannot be run for all of them at once, and not every
model is differentiable in time, for which reason the grid is used and not the model's own slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.problem import Kind

REACH = 0.25
"""A delay stays within this share of the time measured."""
_NODES = 6
_FEWEST, _MOST = 400, 2000


@dataclass(frozen=True)
class Reading:
    """What the instrument shows, (batch, n), its slope in the parameters (batch, n, free), and what it was made of."""

    curve: Tensor
    slope: Tensor | None
    times: Tensor
    given: Mapping[Kind, Tensor]
    shifted: Tensor
    rate: Tensor | None

    def along(self, kind: Kind) -> Tensor:
        """Return dy / d nuisance, shape (batch, n) or one that broadcasts to it."""
        if kind == "baseline":
            return torch.ones_like(self.curve)
        if kind == "gain":
            return self.shifted
        if kind == "drift":
            return self.times.expand_as(self.curve)
        assert self.rate is not None  # noqa: S101
        return -_column(self.given["gain"]) * self.rate


@dataclass(frozen=True)
class Shift:
    """The grid of times, shape (m,), on which a model is run whose curve is to be shifted."""

    grid: Tensor
    times: Tensor

    @classmethod
    def of(cls, times: Tensor) -> Shift:
        """Cover the times and what a delay may reach beyond them."""
        reach = REACH * float(times.max() - times.min())
        first, last = max(float(times.min()) - reach, 0.0), float(times.max()) + reach
        nodes = min(max(_FEWEST, 2 * len(times)), _MOST)
        return cls(torch.linspace(first, last, nodes, dtype=torch.float64, device=times.device), times)

    def at(self, values: Tensor, delay: Tensor) -> tuple[Tensor, Tensor]:
        """Return f and df/dt at `times` - `delay`, (batch, n, ...), from the values on the grid, (batch, m, ...)."""
        step = float(self.grid[1] - self.grid[0])
        wanted = self.times - _column(delay).expand(values.shape[0], 1)
        inside = (wanted >= self.grid[0]) & (wanted <= self.grid[-1])
        place = (wanted.clamp(float(self.grid[0]), float(self.grid[-1])) - self.grid[0]) / step
        first = (place.floor().long() - _NODES // 2 + 1).clamp(0, len(self.grid) - _NODES)
        weights, slopes = _lagrange(place - first)
        near = first[..., None] + torch.arange(_NODES, device=values.device)
        picked = torch.stack([member[index] for member, index in zip(values, near, strict=True)])
        wide = (..., *([None] * (values.ndim - 2)))
        value = (picked * weights[wide]).sum(2)
        rate = (picked * slopes[wide]).sum(2) / step
        return value, torch.where(inside[wide], rate, torch.zeros_like(rate))


def instrument(
    times: Tensor, given: Mapping[Kind, Tensor], curve: Tensor, slope: Tensor | None, shift: Shift | None
) -> Reading:
    """Pass curves through an instrument.

    Args:
        times: shape (n,).
        given: baseline, gain, drift and delay, shapes (batch,) or ().
        curve: of the model, (batch, n), or (batch, m) on the grid of `shift`.
        slope: its derivatives, (batch, n or m, free); None if they are not wanted.
        shift: how a delay is taken; None where there is none.
    """
    rate = None
    if shift is not None:
        curve, rate = shift.at(curve, given["delay"])
        slope = None if slope is None else shift.at(slope, given["delay"])[0]
    gain = _column(given["gain"])
    shown = _column(given["baseline"]) + gain * curve + _column(given["drift"]) * times
    return Reading(shown, None if slope is None else gain[..., None] * slope, times, given, curve, rate)


def _column(number: Tensor) -> Tensor:
    return number[:, None] if number.ndim else number.reshape(1, 1)


def _lagrange(s: Tensor) -> tuple[Tensor, Tensor]:
    """Return the polynomials of the nodes 0..5 at s and their derivatives, shapes (..., 6)."""
    away = [s - j for j in range(_NODES)]
    values, slopes = [], []
    for j in range(_NODES):
        others = [k for k in range(_NODES) if k != j]
        scale = 1.0
        for k in others:
            scale *= j - k
        value = torch.ones_like(s)
        slope = torch.zeros_like(s)
        for k in others:
            slope = slope * away[k] + value
            value = value * away[k]
        values.append(value / scale)
        slopes.append(slope / scale)
    return torch.stack(values, -1), torch.stack(slopes, -1)
