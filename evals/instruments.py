"""What an instrument makes of a true curve: lag, drift, noise, outliers, quantisation and points that are missing.

    tau dz/dt + z = f(t),  z(0) = f(0)                       lag
    y = z + d t / T + W(t / T) + e,  e ~ N(0, s^2)           drift, random walk, white noise
    y <- q round(y / q), and some y lost or far off          quantisation, missing points, outliers

t time, T the last of the times; f, z, y in the curve's own unit. The lag is solved exactly for a curve that is straight
between the points of a grid of `_FINE` steps in a time constant, or `_COARSE` in a record. W is a Wiener process whose
standard deviation at the end of the record is `walk`; the slope d of the linear drift has the standard deviation
`drift`. Everything is drawn for each member apart, from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Curve = Callable[[Tensor], Tensor]
"""times (n,) -> true curves (batch, n)."""
_FINE, _COARSE = 8, 400


@dataclass(frozen=True)
class Instrument:
    """How an instrument errs; zero where it does not.

    Attributes:
        noise: standard deviation of one reading, white. drift, walk: standard deviations at the end of the record of
            a linear drift and of a random walk. step: of the quantisation. All in the curve's unit.
        lag: time constant of the first-order response, s.
        missing, outliers: shares of the points that are lost, and that are off by about `far` times the noise.
    """

    noise: float
    drift: float = 0.0
    walk: float = 0.0
    lag: float = 0.0
    step: float = 0.0
    missing: float = 0.0
    outliers: float = 0.0
    far: float = 10.0


class Reading(NamedTuple):
    """Values (batch, n), whether each point is there, and whether it is an outlier."""

    values: Tensor
    there: Tensor
    outlying: Tensor


def read(instrument: Instrument, truth: Curve, times: Tensor, generator: torch.Generator) -> Reading:
    """Read true curves at `times`, shape (n,), increasing."""
    curve = _lagged(truth, times, instrument.lag) if instrument.lag > 0 else truth(times)
    shape, share = curve.shape, times / times[-1].clamp_min(1e-300)
    draw = _Draw(generator)
    values = curve + instrument.drift * draw.normal(shape[0], 1) * share
    values = values + instrument.walk * _wiener(share, draw.normal(*shape))
    values = values + instrument.noise * draw.normal(*shape)
    outlying = draw.uniform(*shape) < instrument.outliers
    away = instrument.far * instrument.noise * (0.5 + draw.uniform(*shape)) * draw.normal(*shape).sign()
    values = torch.where(outlying, values + away, values)
    if instrument.step > 0:
        values = instrument.step * torch.round(values / instrument.step)
    return Reading(values, draw.uniform(*shape) >= instrument.missing, outlying)


class _Draw:
    """Random numbers in double precision."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)


def _wiener(share: Tensor, normal: Tensor) -> Tensor:
    """A Wiener process at `share` of the record, (batch, n), from standard normal numbers."""
    between = torch.diff(share, prepend=share.new_zeros(1)).clamp_min(0)
    return (between.sqrt() * normal).cumsum(-1)


def _lagged(truth: Curve, times: Tensor, lag: float) -> Tensor:
    """The response z at `times`, exact for a curve that is straight between the grid's points."""
    end = float(times[-1])
    count = min(_COARSE, max(2, int(_FINE * end / lag))) + 1
    grid = torch.cat([torch.linspace(0.0, end, count, dtype=torch.float64), times]).unique()
    curve, step = truth(grid), torch.diff(grid)
    slope = torch.diff(curve, dim=-1) / step
    keep = torch.exp(-step / lag)
    # z - f + lag f' decays within an interval, where f' is constant.
    found = [curve[:, 0]]
    for k in range(len(step)):
        offset = lag * slope[:, k]
        found.append(curve[:, k + 1] - offset + (found[-1] - curve[:, k] + offset) * keep[k])
    return torch.stack(found, -1)[:, torch.searchsorted(grid, times)]
