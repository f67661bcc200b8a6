"""Where a Gray-Scott run starts: smooth spots of B in fresh feed, or fresh holes in a full square.

    g(x, y) = 1 - prod_i [1 - exp(-(2 - cos(2 pi (x - x_i) / L) - cos(2 pi (y - y_i) / L)) (L / (2 pi w))^2)]

    spots:  A = 1 - g / 2,          B = 0.4 g
    holes:  A = 0.45 + 0.55 g,      B = 0.35 (1 - g)

g is periodic and smooth whatever the grid, so the same seed is the same start on every grid; the centres (x_i, y_i)
are drawn, in shares of the side, from `numpy`'s PCG64 seeded by `seed`; one alone stands in the
middle, so that the run keeps its symmetry. Some patterns have more than one answer, and
the start decides: `auto` takes holes where a uniform state rich in B exists, F > 4 (F + k)^2, and spots elsewhere.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

KINDS = ("auto", "spots", "holes")


def centres(count: int, seed: int) -> Tensor:
    """Return the centres of spots or holes in shares of the side, shape (count, 2); a single one is in the middle."""
    if count == 1:
        return torch.full((1, 2), 0.5, dtype=torch.float64)
    return torch.from_numpy(np.random.default_rng(seed).random((count, 2)))


def richness(feed: Tensor, kill: Tensor) -> Tensor:
    """Return q = F / (4 (F + k)^2): above one B can be uniform, F / (2 (F + k)) (1 +- sqrt(1 - 1 / q))."""
    return feed / (4.0 * (feed + kill) ** 2)


def start_fields(cells: int, size: float, width: float, count: int, seed: int, holes: bool) -> Tensor:
    """Return A and B, shape (2, cells, cells), on the processor; `count` spots or holes of width w."""
    grid = torch.arange(cells, dtype=torch.float64) / cells
    sharpness = (size / (2.0 * math.pi * width)) ** 2
    outside = torch.ones(cells, cells, dtype=torch.float64)
    for x, y in centres(count, seed).tolist():
        along = [torch.exp((torch.cos(2.0 * math.pi * (grid - c)) - 1.0) * sharpness) for c in (x, y)]
        outside = outside * (1.0 - along[0][:, None] * along[1])
    g = 1.0 - outside
    if holes:
        return torch.stack([0.45 + 0.55 * g, 0.35 * outside])
    return torch.stack([1.0 - 0.5 * g, 0.4 * g])
