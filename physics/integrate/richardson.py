"""Extrapolation to zero step from three runs whose error is a series in even powers of the step.

    f(h) = f + a h^2 + b h^4 + c h^6 + ...,    h proportional to 1/2, 1/3, 1/4

Two runs leave h^4, three leave h^6, and the difference of the two extrapolations estimates the error of the poorer
one, so it is a bound with room for the better one, which is returned.

Source: L. F. Richardson and J. A. Gaunt, The deferred approach to the limit, Phil. Trans. R. Soc. A 226 (1927)
299-361, doi:10.1098/rsta.1927.0008.
"""

from __future__ import annotations

from torch import Tensor

LEVELS = (2, 3, 4)


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


def extrapolate(runs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the extrapolation of the runs at `LEVELS`, coarse to fine, and its difference to that of the last two."""
    best = _combine(runs, LEVELS)
    return best, (best - _combine(runs[1:], LEVELS[1:])).abs()


def _combine(runs: tuple[Tensor, ...], levels: tuple[int, ...]) -> Tensor:
    factors = weights(levels)
    result = factors[0] * runs[0]
    for factor, run in zip(factors[1:], runs[1:], strict=True):
        result = result + factor * run
    return result
