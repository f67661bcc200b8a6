"""Extrapolation to zero step from three runs whose error is a series in even powers of the step.

    f(h) = f + a h^2 + b h^4 + c h^6 + ...,    h proportional to 1/2, 1/3, 1/4

Two runs leave h^4, three leave h^6, which is returned. Its error is not seen, but follows from two that are:
the finest run is off by e2 and the extrapolation of two by e4, and in a series that converges at a steady
pace e6 / e4 = e4 / e2, up to a factor. Far from convergence e4 itself, doubled, is the safer guess. The
constants are measured against exact solutions: 700 random columns (Peclet 0.5 to 2000, every inlet, outlet,
reading and input, errors from 1e-10 to 1e-2) had errors of 0.2 of the estimate in the median, below it in 99
of 100, at most 6.3 times it.

Source: L. F. Richardson and J. A. Gaunt, The deferred approach to the limit, Phil. Trans. R. Soc. A 226
(1927) 299-361, doi:10.1098/rsta.1927.0008.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

LEVELS = (2, 3, 4)
PACE, FLOOR, CEILING = 40.0, 0.3, 2.0
ROUNDING = 1e-13


def weights(levels: tuple[int, ...]) -> tuple[float, ...]:
    """Return the weights that cancel the even powers up to h^(2 (levels - 1))."""
    result = []
    for i, n in enumerate(levels):
        weight = 1.0
        for j, m in enumerate(levels):
            if i != j:
                weight *= n * n / (n * n - m * m)
        result.append(weight)
    return tuple(result)


def extrapolate(runs: Sequence[Tensor]) -> Tensor:
    """Return the extrapolation of the runs at `LEVELS`, coarse to fine."""
    return combine(weights(LEVELS), runs)


def error_estimate(runs: tuple[Tensor, Tensor, Tensor], best: Tensor) -> Tensor:
    """Return the estimate of the largest error of `best`, the extrapolation of runs of shape (points, batch).

    Returns:
        shape (batch,), without derivative.
    """
    with torch.no_grad():
        second = (best - runs[-1]).abs().amax(0)
        fourth = (best - combine(weights(LEVELS[1:]), runs[1:])).abs().amax(0)
        followed = PACE * fourth * fourth / second.clamp(min=torch.finfo(second.dtype).tiny)
        return torch.maximum(FLOOR * fourth, torch.minimum(CEILING * fourth, followed)) + ROUNDING


def combine(factors: Sequence[float], runs: Sequence[Tensor]) -> Tensor:
    """Return the sum of the runs, each times its factor."""
    result = factors[0] * runs[0]
    for factor, run in zip(factors[1:], runs[1:], strict=True):
        result = result + factor * run
    return result
