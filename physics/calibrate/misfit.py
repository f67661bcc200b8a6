"""Misfit that is not noise: what a curve leaves unexplained, and residuals that keep their sign.

Of n residuals, n_1 above and n_2 below zero, chance makes R = 1 + 2 n_1 n_2 / n runs of one sign with the variance
(R - 1)(R - 2) / (n - 1) (A. Wald and J. Wolfowitz 1940, The Annals of Mathematical Statistics 11, 147,
doi:10.1214/aoms/1177731909).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from scipy.stats import norm
from torch import Tensor

from physics.calibrate.problem import DataSet

_RARE = 1e-3
_FEWEST = 12  # residuals, for the runs to be nearly normal
_NEGLIGIBLE = 1e-5  # of the curve's range: residuals of a numerical curve, not of a measurement
_POOR = 0.5


def counted(one: DataSet) -> Tensor:
    """Return which points count, in the order of time, shape (n,)."""
    order = torch.argsort(one.times)
    return order if one.weights is None else order[one.weights[order] > 0]


def explained(one: DataSet, residuals: Tensor) -> float:
    """Return the share of the values' scatter about their mean that a fit explains; below zero it makes it worse."""
    points = counted(one)
    values = one.values[points]
    total = float(((values - values.mean()) ** 2).sum())
    return 1 - float((residuals[points] ** 2).sum()) / total if total > 0 else math.nan


def poor(share: float) -> bool:
    """Whether a fit is none: it explains less than half of what the values do, or they do nothing."""
    return not share >= _POOR


def negligible(one: DataSet, residuals: Tensor) -> bool:
    """Whether residuals are those of a numerical curve and not of a measurement."""
    points = counted(one)
    values = one.values[points]
    return float((residuals[points] ** 2).mean().sqrt()) < _NEGLIGIBLE * float(values.max() - values.min())


def sentence(one: DataSet, share: float) -> str:
    """Say that the curve is not fitted."""
    told = f"{100 * share:.0f} %" if math.isfinite(share) and share > 0 else "nothing"
    return (
        f"{one.name}: the model explains {told} of what the values do: check the settings, the units and which curve "
        "the file holds before using these parameters."
    )


def systematic(one: DataSet, residuals: Tensor) -> Iterator[str]:
    """Tell of residuals that keep their sign for longer than chance allows."""
    points = counted(one)
    left = residuals[points]
    if len(left) < _FEWEST or negligible(one, residuals):
        return
    above = left > 0
    n, first = len(left), int(above.sum())
    runs = 1 + int((above[1:] != above[:-1]).sum())
    expected = 1 + 2 * first * (n - first) / n
    variance = (expected - 1) * (expected - 2) / (n - 1)
    if variance <= 0 or norm.cdf((runs + 0.5 - expected) / math.sqrt(variance)) > _RARE:
        return
    yield (
        f"{one.name}: the residuals are systematic ({runs} runs of one sign, where noise would make about "
        f"{expected:.0f}): the model does not follow the curve within its noise, or neighbouring readings depend on "
        "each other; the intervals are too narrow."
    )


def opposed(one: DataSet, curve: Tensor) -> bool:
    """Whether the values go down where a curve goes up."""
    points = counted(one)
    pair = torch.stack([one.values[points], curve[points]])
    if len(points) < 3 or not bool(torch.isfinite(pair).all()) or bool((pair.std(-1) <= 1e-12).any()):
        return False
    return float(torch.corrcoef(pair)[0, 1]) < -_POOR


def direction(one: DataSet) -> str:
    """Say that the curve goes the other way."""
    points = counted(one)
    values = one.values[points]
    third = max(len(points) // 3, 1)
    falls = float(values[-third:].mean()) < float(values[:third].mean())
    word = ("falls", "rises") if falls else ("rises", "falls")
    return (
        f"{one.name}: the measured curve {word[0]} where the model {word[1]}: check which input was given (a step or "
        "its removal), and the sign of the readings."
    )
