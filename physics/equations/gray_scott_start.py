"""Where a Gray-Scott run starts: smooth spots of B in fresh feed, or fresh holes in a full square.

    g(x, y) = 1 - prod_i [1 - exp(-(2 - cos(2 pi (x - x_i) / L) - cos(2 pi (y - y_i) / L)) (L / (2 pi w))^2)]

    spots:  A = 1 - g / 2,          B = 0.4 g
    holes:  A = 0.45 + 0.55 g,      B = 0.35 (1 - g)

g is periodic and smooth whatever the grid, so the same seed is the same start on every grid; the centres (x_i, y_i)
are drawn from `numpy`'s PCG64 seeded by `seed`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

KINDS = ("spots", "holes")


def start_fields(cells: int, size: float, width: float, spots: int, seed: int, kind: str) -> Tensor:
    """Return A and B, shape (2, cells, cells), on the processor."""
    centres = np.random.default_rng(seed).random((spots, 2)) * size
    grid = torch.arange(cells, dtype=torch.float64) * (size / cells)
    sharpness = (size / (2.0 * math.pi * width)) ** 2
    outside = torch.ones(cells, cells, dtype=torch.float64)
    for x, y in centres.tolist():
        along = [torch.exp((torch.cos(2.0 * math.pi * (grid - c) / size) - 1.0) * sharpness) for c in (x, y)]
        outside = outside * (1.0 - along[0][:, None] * along[1])
    g = 1.0 - outside
    if kind == "holes":
        return torch.stack([0.45 + 0.55 * g, 0.35 * outside])
    return torch.stack([1.0 - 0.5 * g, 0.4 * g])
