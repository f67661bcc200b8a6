"""What a sensor reads from the cells, as weights on a short window of them.

    resident  c                       what stands in the pores at the sensor
    flux      c - (D / v) dc/dx       what flows past it, as a fraction collector sees it (Kreft and Zuber)

At a face of the grid the two neighbours give both, to an even series in the spacing. Elsewhere six cells give
the Lagrange polynomial of degree five; beyond a closed end stands the mirror cell, so that it never
extrapolates there.

Source: A. Kreft and A. Zuber, On the physical meaning of the dispersion equation and its solutions for
different initial and boundary conditions, Chem. Eng. Sci. 33 (1978) 1471-1480,
doi:10.1016/0009-2509(78)85196-3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.advection_dispersion.equation import Grid

STENCIL = 6


class Reading(NamedTuple):
    """A sensor's weights.

    Attributes:
        window: the first cell of the window, shape (batch,), integer.
        weights: shape (size, batch).
    """

    window: Tensor
    weights: Tensor


def at_face(face: int, grid: Grid, peclet: Tensor, flux: bool) -> Reading:
    """Read at the face before cell `face`, or at the closed end if no cell follows."""
    cells = grid.widths.shape[0]
    if face == cells:
        weights = torch.ones_like(peclet)[None]
    else:
        slope = 1.0 / (peclet * grid.gaps[face]) if flux else torch.zeros_like(peclet)
        weights = torch.stack([0.5 + slope, 0.5 - slope])
    return Reading(torch.full_like(peclet, face - 1, dtype=torch.int64), weights)


def inside(place: Tensor, cells: int, peclet: Tensor, flux: bool) -> Reading:
    """Read at `place` in (0, 1], shape (batch,), of a uniform grid with a closed end."""
    u = place * cells - 0.5  # in units of the spacing, 0 at the first centre; the mirror cell stands at `cells`
    first = (u.detach().floor().long() - STENCIL // 2 + 1).clamp(0, cells + 1 - STENCIL)
    values, slopes = _lagrange(u - first)
    weights = values - slopes * (cells / peclet) if flux else values
    window = first.clamp(max=cells - STENCIL)
    rows = (first - window + torch.arange(STENCIL, device=u.device)[:, None]).clamp(max=STENCIL - 1)
    return Reading(window, torch.zeros_like(weights).scatter_add(0, rows, weights))


def _lagrange(u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the basis on the nodes 0 ... 5 at `u` and its derivative, each of shape (6, batch)."""
    values, slopes = [], []
    for k in range(STENCIL):
        others = [m for m in range(STENCIL) if m != k]
        value, slope = torch.ones_like(u), torch.zeros_like(u)
        for m in others:
            slope = (slope * (u - m) + value) / (k - m)
            value = value * (u - m) / (k - m)
        values.append(value)
        slopes.append(slope)
    return torch.stack(values), torch.stack(slopes)
