"""How much better a full model fits while the restricted one is true, where no table says it.

A restricted model may lie on bounds of the full one, and leave parameters of it without a meaning (`nested`). The
likelihood ratio has no tabulated distribution then. It is taken over directions in which the full model can leave the
restricted one,

    R = max_g |projection of r on the cone spanned by M D_g|^2,    M = I - J (J^T J)^-1 J^T,

with r the whitened residual of the restricted fit, J its slopes, and D_g (`alternatives`) the slopes along the further
parameters for values g of those without a meaning, each with its allowed sign, or the ways to alternatives g. p is the
share of simulated normal noise, passed through the same projections, whose R / (S_0 - R) is as large as that of the
data (R, where the noise is known). This is the test of Davies (1987, Biometrika 74, 33, doi:10.1093/biomet/74.1.33)
with the simulation of Hansen (1996, Econometrica 64, 413, doi:10.2307/2171789). Since data and noise are asked the same
question, its level does not depend on which directions are looked in, nor on a fit of the full model that may stop
early; it is exact where the restricted model is linear over its own uncertainty.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from physics.calibrate.alternatives import directions
from physics.calibrate.nested import Nesting
from physics.calibrate.solved import Solved

_PARALLEL = 1e-8  # of a direction's square, what is left of it where the restricted model goes the same way
_CHUNK = 2000  # simulated residuals at a time


def simulate(
    restricted: Solved, full: Solved, nesting: Nesting, weights: Tensor, *, known: bool, draws: int, seed: int
) -> tuple[float, float]:
    """Return R / (S_0 - R), or R where the noise is known, and its p.

    Args:
        restricted, full, nesting: the models.
        weights: of the points, over the variance where it is known, shape (N,).
        known: whether the noise is.
        draws, seed: of the simulated residuals.
    """
    keep = weights > 0
    root = weights[keep].sqrt()
    slopes = (restricted.fit.jacobian * restricted.space.slope(restricted.u))[keep] * root[:, None]
    space = torch.linalg.qr(slopes).Q
    ways = directions(restricted, full, nesting, weights)
    cones = [(_project(way[keep] * root[:, None], space), signs) for way, signs in ways]
    residual = _project((root * restricted.fit.residuals[keep])[:, None], space).T
    found = float(_statistic(residual, cones, known=known))
    generator = torch.Generator().manual_seed(seed)
    exceeding = 0
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        noise = torch.randn(count, int(keep.sum()), generator=generator, dtype=torch.float64)
        noise = noise - (noise @ space) @ space.T
        exceeding += int((_statistic(noise, cones, known=known) >= found).sum())
    return found, (1 + exceeding) / (1 + draws)


def _statistic(residuals: Tensor, cones: Sequence[tuple[Tensor, Tensor]], *, known: bool) -> Tensor:
    """Return R / (S_0 - R), or R, of residuals (draws, n)."""
    best = residuals.new_zeros(len(residuals))
    for columns, signs in cones:
        best = torch.maximum(best, _cone(residuals @ columns, columns.T @ columns, signs))
    return best if known else best / ((residuals**2).sum(-1) - best).clamp_min(1e-300)


def _project(columns: Tensor, space: Tensor) -> Tensor:
    """Take the part in the span of `space`, (n, P), off columns (n, k); one that has nothing else becomes zero."""
    left = columns - space @ (space.T @ columns)
    gone = (left**2).sum(0) <= _PARALLEL * (columns**2).sum(0)
    return torch.where(gone, torch.zeros_like(left), left)


def _cone(products: Tensor, gram: Tensor, signs: Tensor) -> Tensor:
    """Return |projection on the cone|^2 from D^T r, (draws, k), and D^T D: the best face whose coefficients may be."""
    k = len(signs)
    best = products.new_zeros(len(products))
    for face in itertools.product((False, True), repeat=k):
        chosen = [j for j in range(k) if face[j] and float(gram[j, j]) > 0]
        if not chosen:
            continue
        part = gram[chosen][:, chosen]
        scale = part.diagonal().sqrt()
        inverse = torch.linalg.pinv(part / (scale[:, None] * scale[None, :]), hermitian=True)
        product = products[:, chosen] / scale
        coefficient = product @ inverse
        allowed = (coefficient * signs[chosen] >= 0).all(-1)
        best = torch.maximum(best, torch.where(allowed, (coefficient * product).sum(-1), 0.0))
    return best
