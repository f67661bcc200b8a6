"""Transport of a solute that sorbs by a Freundlich isotherm.

    d(C + kappa C^n)/dT = (1/Pe) d2C/dX2 - dC/dX - Da C        kappa = (rho K / theta) (C0 / C1)^(n - 1)

C is the dissolved concentration over that of the feed, C0; length and time are in units of l and l / v (no
retardation in the unit); rho is the dry bulk density, theta the water content (the porosity of a saturated bed),
n the exponent. The isotherm S = K C1 (C / C1)^n with C1 = 1 mg/L gives K the unit of a volume per mass whatever
n: it is the number of L/kg that sorbs K mg/kg from 1 mg/L, as tables state it. Decay acts on what is dissolved.

For n < 1 what is sorbed has an infinite slope at C = 0: a front sharpens itself and ends in a foot of width
1 / Pe beyond which nothing has arrived; behind a plateau C = 1 it travels at 1 / (1 + kappa) of the water's
velocity, whatever its shape, by the balance of mass. For n > 1 the front spreads and the rear sharpens. n = 1 is
the linear column of retardation 1 + kappa.

Operator, grids, end conditions and readings are those of `equation`, the march is that of
`sorption`. Space and time are of second order where the solution is smooth; for n < 1 / 2 the foot of a front has
no second derivative and the order falls. Steps are even from zero to the end, or to the end of a pulse and from
there; a measured feed enters with its mean over each step.

Sources: H. Freundlich, Ueber die Adsorption in Loesungen, Z. phys. Chem. 57 (1906) 385-470,
doi:10.1515/zpch-1907-5723; C. J. van Duijn and P. Knabner, Travelling waves in the transport of reactive solutes
through porous media: adsorption and binary ion exchange, Transp. Porous Media 8 (1992) 167-194.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.equations.advection_dispersion import equation as equation
from physics.equations.advection_dispersion.breakthrough import Budget, layout
from physics.equations.advection_dispersion.feed import grown
from physics.equations.advection_dispersion.response import Resolution
from physics.equations.advection_dispersion.scaling import Scaled
from physics.integrate.octaves import POINTS, Lookup, Nodes
from physics.integrate.sorption import GAMMA, march
from physics.series import Series

REFERENCE = 1e-3  # kg/m**3, the concentration at which K is stated


class Isotherm(NamedTuple):
    """c + kappa c^n with c = w^a and s = w^b, each of shape (batch,)."""

    kappa: Tensor
    a: Tensor
    b: Tensor


class Run(NamedTuple):
    """One march: the curve at the times asked for, shape (times, batch), and the cumulated terms there."""

    curve: Tensor
    budget: Budget


def isotherm(parameters: Mapping[str, Tensor], batch: int) -> Isotherm:
    """Return the isotherms of SI parameters, each of shape (batch,) or ()."""
    n = parameters["freundlich_exponent"].expand(batch)
    ratio = (parameters["feed_concentration"] / REFERENCE).expand(batch)
    solid = parameters["bulk_density"] * parameters["freundlich_coefficient"] / parameters["porosity"]
    a, b = torch.where(n < 1, 1.0 / n, torch.ones_like(n)), torch.where(n < 1, torch.ones_like(n), n)
    return Isotherm(solid.expand(batch) * ratio ** (n - 1.0), a, b)


def slowest(parameters: Mapping[str, Tensor], level: float = 0.05) -> Tensor:
    """Return the retardation of the slowest part of a front or a rear: of the whole, or of what is at `level`."""
    n = parameters["freundlich_exponent"]
    kappa = isotherm(parameters, max(len(value) for value in parameters.values())).kappa
    return 1.0 + kappa * torch.maximum(torch.ones_like(n), n * torch.maximum(level ** (n - 1.0), torch.ones_like(n)))


def run(case: Scaled, sorbed: Isotherm, at: Tensor, fed: Series | None, size: Resolution) -> Run:
    """March once and read at the times `at` in seconds, shape (times,).

    Args:
        fed: a measured feed, or None where `case.feed` says all.
        size: cells, even steps in all, cells of the tail.
    """
    column = case.column
    grid, look, face = layout(column, size.cells, size.tail)
    system = equation.operator(grid, column.peclet, column.damkohler, column.first_type)
    clock = _clock(case, at, size.steps)
    levels = _levels(clock, column.leach, fed, case.time)
    mass = grid.widths.detach().expand_as(system.diag)
    marched = march(
        system.lower, system.diag, system.upper, system.source, GAMMA * clock.steps / case.time, levels,
        *sorbed, 1.0 if column.leach else 0.0, look.window, mass, look.weights.shape[0], face,
    )  # fmt: skip
    curve = (marched.seen * look.weights).sum(1)
    first = torch.full_like(curve[:1], 1.0 if column.leach else 0.0)
    places = Lookup(clock.nodes, clock.place)
    spent = _budget(case, grid, face, marched.sums, clock, levels, places)
    return Run(places.read(torch.cat([first, curve])), spent)


class _Clock(NamedTuple):
    """The steps of a march in seconds, shape (steps, batch), its nodes by number, and where the times lie there."""

    steps: Tensor
    nodes: Nodes
    place: Tensor


def _clock(case: Scaled, at: Tensor, steps: int) -> _Clock:
    """Lay even steps from zero to the last time, or to the end of a pulse and from there."""
    time, end = case.time, at.max().clamp(min=1e-300)
    if case.feed.off is None:
        even = (end / steps).expand(steps, len(time))
        place = (at / end * steps)[:, None].expand(-1, len(time))
        return _Clock(even, _nodes([steps], time), place)
    off = case.feed.off * time
    end = torch.maximum(end, 1.1 * off.detach())
    share = float((off.detach() / end).mean())
    first = min(max(POINTS, round(share * steps)), steps - POINTS)
    fed, rest = off / first, (end - off) / (steps - first)
    width = torch.cat([fed.expand(first, -1), rest.expand(steps - first, -1)])
    place = torch.where(at[:, None] <= off, at[:, None] / fed, first + (at[:, None] - off) / rest)
    return _Clock(width, _nodes([first, steps - first], time), place)


def _nodes(counts: list[int], like: Tensor) -> Nodes:
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Nodes(
        like.new_tensor(offsets[:-1]), torch.ones(len(counts), dtype=like.dtype, device=like.device),
        torch.tensor(offsets, device=like.device),
    )  # fmt: skip


def _levels(clock: _Clock, leach: bool, fed: Series | None, like: Tensor) -> Tensor:
    """Return the mean of the feed over each step, shape (steps, batch)."""
    if leach:
        return torch.zeros_like(clock.steps)
    if fed is not None:
        edges = np.concatenate([[0.0], np.cumsum(clock.steps[:, 0].detach().cpu().numpy())])
        means = np.diff(grown(fed, edges)) / np.diff(edges)
        return torch.from_numpy(means).to(like.device)[:, None].expand_as(clock.steps)
    levels = torch.ones_like(clock.steps)
    if len(clock.nodes.starts) > 1:
        levels[int(clock.nodes.offsets[1]) :] = 0.0
    return levels


def _budget(
    case: Scaled, grid: equation.Grid, face: int, sums: Tensor, clock: _Clock, levels: Tensor, places: Lookup
) -> Budget:
    """Accumulate the fluxes of the stages, and read them at the times."""
    column, cells = case.column, grid.widths.shape[0]
    with torch.no_grad():
        stored, first, last, after, dissolved = sums.unbind(1)
        first, last, after, dissolved = (row[1:] for row in (first, last, after, dissolved))
        entering = levels if not column.first_type else _held_inlet(first, grid, column.peclet, levels)
        leaving = last
        if face < cells:
            slope = 1.0 / (column.peclet * grid.gaps[face])
            leaving = (0.5 + slope) * last + (0.5 - slope) * after
        spans = clock.steps / case.time
        rows = (entering, leaving, column.damkohler * dissolved)
        grown = [torch.cat([torch.zeros_like(stored[:1]), torch.cumsum(spans * row, 0)]) for row in rows]
        entered, left, consumed = (places.read(row) for row in grown)
        return Budget(entered, left, places.read(stored), consumed)


def _held_inlet(first: Tensor, grid: equation.Grid, peclet: Tensor, levels: Tensor) -> Tensor:
    mirror = 2.0 / (peclet * grid.gaps[0])
    return (1.0 + mirror) * levels - mirror * first
