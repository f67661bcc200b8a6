"""Several starts: where they lie, and which minima they led to.

Starts are Sobol points (I. M. Sobol' 1967, USSR Computational Mathematics and Mathematical Physics 7, 86,
doi:10.1016/0041-5553(67)90144-9) in the quantiles of a parameter's prior, else in its bounds, at most a factor of 30
to either side of the given start; the first start is the given one. Two descents ended in one minimum when no
parameter differs by more than a tenth of its standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor

from physics.calibrate.layout import Layout

_FACTOR = math.log(30.0)
_TAIL = 0.02  # of a prior, left out on either side
_SAME = 0.1  # of a standard deviation
_SINGULAR = 1e-10


@dataclass(frozen=True)
class Basin:
    """A minimum of the misfit: u (P,), its weighted sum of squares, and how many starts ended there.

    `rise` is what is minimised (squares over the variance of the noise, priors included) above the best minimum.
    """

    u: Tensor
    sse: float
    rise: float
    starts: int


def spread(layout: Layout, nuisances: Sequence[int], starts: int, seed: int) -> Tensor:
    """Return starts in u, shape (starts, P); the columns in `nuisances` stay at their neutral value."""
    first = layout.start[None]
    columns = [j for j in range(len(layout.names)) if j not in set(nuisances)]
    if starts <= 1:
        return first
    with np.errstate(all="ignore"):
        points = qmc.Sobol(len(columns), scramble=True, seed=seed).random(1 << max(starts - 2, 0).bit_length())
    found = first.repeat(starts, 1)
    for i, j in enumerate(columns):
        share = torch.as_tensor(points[: starts - 1, i], dtype=first.dtype)
        found[1:, j] = _drawn(layout, j, share)
    return layout.space.clamp(found)


def _drawn(layout: Layout, j: int, share: Tensor) -> Tensor:
    if float(layout.precision[j]) > 0:
        quantile = torch.as_tensor(norm.ppf(_TAIL + (1 - 2 * _TAIL) * share.numpy()), dtype=share.dtype)
        return layout.centre[j] + quantile / layout.precision[j].sqrt()
    reach = _FACTOR if bool(layout.space.logarithmic[j]) else 3.0
    low = max(float(layout.space.lower[j]), float(layout.start[j]) - reach)
    high = min(float(layout.space.upper[j]), float(layout.start[j]) + reach)
    return low + (high - low) * share


def distinct(u: Tensor, misfit: Tensor, sse: Tensor, information: Tensor, converged: Tensor) -> list[tuple[int, Basin]]:
    """Return the minima, the best first, each with a member of the batch that stands in it.

    Args:
        u, misfit, sse, converged: where the descents ended, shapes (batch, P) and (batch,).
        information: the inverse of the covariance there, (batch, P, P); a plateau, where it is singular, is none.
    """
    found: list[tuple[int, Basin]] = []
    lowest = float(misfit[converged].min()) if bool(converged.any()) else math.inf
    for member in torch.argsort(misfit).tolist():
        if not bool(converged[member]) or not math.isfinite(float(misfit[member])):
            continue
        width = _width(information[member])
        if width is None:
            continue
        for i, (other, basin) in enumerate(found):
            if bool(((u[member] - basin.u).abs() <= _SAME * width).all()):
                found[i] = (other, Basin(basin.u, basin.sse, basin.rise, basin.starts + 1))
                break
        else:
            rise = float(misfit[member]) - lowest
            found.append((member, Basin(u[member], float(sse[member]), rise, 1)))
    return found


def _width(information: Tensor) -> Tensor | None:
    """Return the standard deviations, shape (P,), or None where the data say nothing of a combination."""
    diagonal = information.diagonal()
    if bool((diagonal <= 0).any()) or not bool(torch.isfinite(diagonal).all()):
        return None
    root = diagonal.sqrt()
    scaled = information / (root[:, None] * root[None, :])
    values, vectors = torch.linalg.eigh(scaled)
    if float(values[0]) <= _SINGULAR * float(values[-1]):
        return None
    return ((vectors**2) / values).sum(-1).sqrt() / root
