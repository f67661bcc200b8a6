"""How far the misfit may rise on an interval that a bound cuts: the ordering of Feldman and Cousins.

For one normal estimate x ~ N(delta, 1) of a parameter delta >= 0, the likelihood ratio of delta is

    L(x; delta) = (x - delta)^2 - (x - max(x, 0))^2,

and the interval {delta : L <= c} covers exactly at the level when c(delta) solves

    F(c^(1/2)) - F(a) = level,    a = -c^(1/2) for delta >= c^(1/2), else -(delta^2 + c) / (2 delta)

(Feldman & Cousins 1998, Phys. Rev. D 57, 3873, doi:10.1103/PhysRevD.57.3873, section IV B, which tabulates the
intervals). F is the normal distribution, or Student's where the noise is estimated. Far from the bound c is the square
of the ordinary quantile; at the bound it is that of the one-sided one. The usual constant c covers too often there.
delta is the distance from the bound in standard deviations, so that this is right where the model is nearly linear in
the parameter within a few standard deviations of the bound; each interval end is judged at its own distance.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

_KNOTS = 129
_HALVINGS = 60


def quantile(level: float, freedom: float) -> float:
    """Return the two-sided quantile at `level`: Student's for so many degrees of freedom, normal for infinitely many.

    Infinite where there is no freedom left.
    """
    if freedom <= 0:
        return math.inf
    return float(norm.ppf(0.5 + level / 2) if math.isinf(freedom) else student.ppf(0.5 + level / 2, freedom))


def quantiles(level: float, freedom: Tensor) -> Tensor:
    """Return the quantile for each number of degrees of freedom, shape (...)."""
    known = {value: quantile(level, value) for value in set(freedom.flatten().tolist())}
    return torch.tensor([known[value] for value in freedom.flatten().tolist()], dtype=freedom.dtype).reshape(
        freedom.shape
    )


def rise(distance: Tensor, level: float, freedom: float) -> Tensor:
    """Return c, the rise of the misfit in units of the noise variance, for distances from the bound, shape (...).

    `distance` counts standard deviations and is not below zero; infinity is no bound at all.
    """
    far = quantile(level, freedom)
    if math.isinf(far):
        return torch.full_like(distance, math.inf)
    values = _table(level, freedom)
    inside = distance.clamp(0.0, far)
    place = inside / far * (_KNOTS - 1)
    left = place.floor().clamp(0, _KNOTS - 2).long()
    low, high = values[left], values[left + 1]
    return low + (place - left) * (high - low)


@lru_cache(maxsize=64)
def _table(level: float, freedom: float) -> Tensor:
    """Tabulate c from the bound to where it is the ordinary constant."""
    far = quantile(level, freedom)
    knots = np.linspace(0.0, far, _KNOTS)
    low, high = np.zeros(_KNOTS), np.full(_KNOTS, far**2)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = _coverage(knots, middle, freedom) >= level
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return torch.as_tensor(high)


def _coverage(delta: NDArray[np.float64], c: NDArray[np.float64], freedom: float) -> NDArray[np.float64]:
    root = np.sqrt(c)
    with np.errstate(divide="ignore"):
        cut = np.where(delta >= root, -root, -(delta**2 + c) / (2 * np.maximum(delta, 1e-300)))
    below = norm.cdf if math.isinf(freedom) else lambda x: student.cdf(x, freedom)
    return np.asarray(below(root) - below(cut))
