"""Advection, dispersion and first-order decay in a packed column.

    R dc/dt = D d2c/dx2 - v dc/dx - mu c                                    0 < x < L, t > 0

    inlet   third-type  v c - D dc/dx = v c0        (the flux that the pump delivers)
            first-type  c = c0                      (a held concentration)
    outlet  closed      dc/dx = 0 at x = L          (Danckwerts)
            semi-infinite                           (the column goes on beyond the reading)

c is the resident concentration over that of the feed, D the dispersion coefficient (m2/s), v the pore-water
velocity (m/s), R the retardation factor, mu the rate of decay (1/s) referred to the liquid concentration:
with decay in the liquid alone mu is its rate, with the same rate k in the sorbed phase too mu = R k. In the
unit of length l and the unit of time R l / v the numbers Pe = v l / D and Da = mu l / v remain:

    dc/dT = (1/Pe) d2c/dX2 - dc/dX - Da c

Grid: cell centres; the flux through a face is the mean of its two cells less their difference over Pe and the
distance of the centres. At the inlet and at the closed outlet a mirror cell stands for the condition, so that
every flux is exact in the balance and the error of a smooth solution is a series in even powers of the
spacing. Central fluxes ring when a front is thinner than two cells: cells > Pe / 4 is a fair start.

Sources: P. V. Danckwerts, Continuous flow systems, Chem. Eng. Sci. 2 (1953) 1-13,
doi:10.1016/0009-2509(53)80001-1; M. Th. van Genuchten and W. J. Alves, Analytical solutions of the
one-dimensional convective-dispersive solute transport equation, USDA Technical Bulletin 1661 (1982).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Grid(NamedTuple):
    """Cells along the column in units of the reference length, each of shape (cells, batch) or (cells, 1).

    Attributes:
        widths: of the cells.
        gaps: from the centre before to the centre of each cell; the first reaches from the inlet's mirror
            cell.
    """

    widths: Tensor
    gaps: Tensor


class Operator(NamedTuple):
    """dc/dT = -A c + s: the diagonals of A, shape (cells, batch), and s of the first cell, shape (batch,)."""

    lower: Tensor
    diag: Tensor
    upper: Tensor
    source: Tensor


def uniform_grid(cells: int, like: Tensor) -> Grid:
    """Return `cells` equal cells on [0, 1] with the type and device of `like`."""
    widths = like.new_full((cells, 1), 1.0 / cells)
    return Grid(widths, widths)


def extended_grid(cells: int, tail: int, peclet: Tensor, decades: float = 11.0) -> Grid:
    """Return `cells` cells on [0, 1] and `tail` cells beyond that end out of sight, all of one smooth law.

    What a closed end at X changes at 1 is smaller by exp(-Pe (X - 1)); X is chosen for `decades` of it. The
    faces stand at x = (exp(a s) - 1) / (exp(a) - 1) for even s, with a face at 1; the law has no kink, so
    that the error stays an even series.

    Args:
        peclet: of the unit length, shape (batch,); the grid is differentiable in it.
    """
    span = tail / cells
    growth = _growth(0.6 * span + decades * 2.302585092994046 / peclet, span)
    s = torch.arange(-1, 2 * (cells + tail) + 1, dtype=peclet.dtype, device=peclet.device)[:, None] / (2 * cells)
    x = torch.expm1(growth * s) / torch.expm1(growth)
    return Grid(x[3::2] - x[1:-2:2], x[2::2] - x[:-2:2])


def _growth(beyond: Tensor, span: float) -> Tensor:
    """Solve expm1(a (1 + span)) / expm1(a) = 1 + beyond by bisection; a Newton step adds the derivative."""
    fixed = beyond.detach()
    low, high = torch.full_like(fixed, -6.0 / (1.0 + span)), torch.log1p(fixed) / span + 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        less = _reach(middle, span) < fixed
        low, high = torch.where(less, middle, low), torch.where(less, high, middle)
    a = 0.5 * (low + high)
    a = torch.where(a.abs() < 1e-6, torch.full_like(a, 1e-6), a)
    shift = 1e-4
    slope = (_reach(a + shift, span) - _reach(a - shift, span)) / (2 * shift)
    return a - (_reach(a, span) - beyond) / slope


def _reach(a: Tensor, span: float) -> Tensor:
    """How far the grid goes beyond 1."""
    return torch.exp(a) * torch.expm1(a * span) / torch.expm1(a)


def operator(grid: Grid, peclet: Tensor, damkohler: Tensor, first_type: bool) -> Operator:
    """Return A and s for a unit concentration in the feed; the far end is closed.

    Args:
        peclet, damkohler: shape (batch,).
        first_type: hold the concentration at the inlet instead of the flux.
    """
    widths, exchange = grid.widths, 1.0 / (peclet * grid.gaps[1:])
    ahead, behind = 0.5 + exchange, 0.5 - exchange  # the flux through a face is ahead * left + behind * right
    none = torch.zeros_like(ahead[:1])
    lower = torch.cat([none, -ahead]) / widths
    upper = torch.cat([behind, none]) / widths
    leaving = torch.cat([ahead, torch.ones_like(none)])
    entering = torch.cat([none, behind])
    diag = (leaving - entering) / widths + damkohler
    source = 1.0 / widths[0] + torch.zeros_like(peclet)
    if first_type:
        mirror = 2.0 / (peclet * grid.gaps[0])
        diag = torch.cat([diag[:1] + mirror / widths[0], diag[1:]])
        source = (1.0 + mirror) / widths[0]
    return Operator(lower, diag, upper, source)


def inlet_flux(first_cell: Tensor, grid: Grid, peclet: Tensor, first_type: bool, feed: float) -> Tensor:
    """Return what enters per unit of velocity, given the value of the first cell, shape (..., batch)."""
    if not first_type:
        return torch.full_like(first_cell, feed)
    mirror = 2.0 / (peclet * grid.gaps[0])
    return (1.0 + mirror) * feed - mirror * first_cell
