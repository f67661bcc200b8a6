"""Convection of a fluid layer between a warm and a cold plate, two-dimensional, in the Boussinesq approximation.

    du/dt + div(u u) = -grad p + Pr lap u + Pr Ra (T - 1/2) e        div u = 0
    dT/dt + div(u T) = lap T
    T = 1 at z = 0,  T = 0 at z = 1

Lengths are in units of the distance d of the plates, times of d^2/kappa, temperatures of the difference of the
plates; Ra = g alpha dT d^3 / (nu kappa), Pr = nu / kappa. The plates are normal to z; x runs along them, periodic or
between insulated no-slip walls. e points along z when the layer is heated from below and along x when it is heated
from the side (the cavity turned by a quarter). A rigid plate holds the fluid (u = 0), a free one lets it slip
(du/dz = 0); both are held at their temperature and let nothing through.

Grid: staggered. T and p stand at the centres of nx equal columns and nz rows of height dz[j]; u at the faces x_i =
i h, w at the faces between rows. Fields are arrays (..., z, x): T (nz, nx), u (nz, nx) with u[:, 0] at x = 0, w
(nz + 1, nx) with its first and last row in the plates. Second order where dz varies smoothly. Means at faces are
arithmetic and mass fluxes are those of the momentum cells, so that the advection neither makes nor loses T, T^2 or
kinetic energy; a settled run therefore keeps, to round-off and on every grid,

    Nu(bottom) = Nu(top) = 1 + <w T> = <|grad T|^2>,    <|grad u|^2> = Ra <T e.u>  ( = Ra (Nu - 1) heated from below)

with the sums of `measures`. It fails where a boundary layer is thinner than a few rows, and the equations fail where
the fluid's properties change across the layer.

Sources: S. Chandrasekhar, Hydrodynamic and Hydromagnetic Stability, Oxford 1961, chapter II; R. W. C. P. Verstappen
and A. E. P. Veldman, Symmetry-preserving discretization of turbulent flow, J. Comput. Phys. 187 (2003) 343-368,
doi:10.1016/S0021-9991(03)00126-8 (the fluxes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.integrate.projection import Operators
from physics.linalg import transforms


class State(NamedTuple):
    """u (batch, nz, nx), w (batch, nz + 1, nx), T (batch, nz, nx), the pressure in the modes of x (batch, nz, nx)."""

    u: Tensor
    w: Tensor
    T: Tensor
    p: Tensor


@dataclass(frozen=True)
class Layer:
    """A layer, its ends and its grid.

    Attributes:
        nx, nz: columns and rows; nx is even.
        aspect: period or width over the distance of the plates.
        rigid: whether the bottom and the top plate hold the fluid.
        periodic: in x; between walls otherwise.
        from_side: gravity points against x, not against z.
        stretch: how much finer the rows at the plates are: s in z = 1/2 + tanh(s (r - 1/2)) / (2 tanh(s/2)), 0 for
            equal rows.
    """

    nx: int
    nz: int
    aspect: float = 2.0
    rigid: tuple[bool, bool] = (True, True)
    periodic: bool = True
    from_side: bool = False
    stretch: float = 0.0

    @cached_property
    def basis(self) -> transforms.Basis:
        """The modes of x."""
        return (transforms.periodic if self.periodic else transforms.walled)(self.nx, self.aspect)

    @property
    def h(self) -> float:
        """The width of a column."""
        return self.aspect / self.nx

    @cached_property
    def z_faces(self) -> np.ndarray:
        """The faces of the rows, from 0 to 1, shape (nz + 1,)."""
        r = np.linspace(0.0, 1.0, self.nz + 1)
        if self.stretch == 0.0:
            return r
        z = 0.5 + np.tanh(self.stretch * (r - 0.5)) / (2.0 * math.tanh(self.stretch / 2.0))
        return np.asarray(0.5 * (z + 1.0 - z[::-1]))  # symmetric to the last bit

    @cached_property
    def dz(self) -> np.ndarray:
        """Heights of the rows, shape (nz,)."""
        return np.diff(self.z_faces)

    @cached_property
    def z_centres(self) -> np.ndarray:
        """Middles of the rows, shape (nz,)."""
        return 0.5 * (self.z_faces[1:] + self.z_faces[:-1])

    @cached_property
    def x_centres(self) -> np.ndarray:
        """Middles of the columns, shape (nx,)."""
        return (np.arange(self.nx) + 0.5) * self.h

    @cached_property
    def gap(self) -> np.ndarray:
        """Distances between middles of rows, half a row at the plates, shape (nz + 1,)."""
        return np.diff(np.concatenate([[0.0], self.z_centres, [1.0]]))

    @cached_property
    def second_difference_centres(self) -> np.ndarray:
        """d2/dz2 of a quantity at the centres that is held in both plates, rows (below, own, above), shape (3, nz)."""
        return _second_difference(self.dz, self.gap, 1.0, 1.0)

    @cached_property
    def second_difference_along(self) -> np.ndarray:
        """The same for u: held by a rigid plate, free to slip at a free one."""
        return _second_difference(self.dz, self.gap, float(self.rigid[0]), float(self.rigid[1]))

    @cached_property
    def second_difference_neumann(self) -> np.ndarray:
        """The same for the pressure, whose normal derivative vanishes in the plates."""
        return _second_difference(self.dz, self.gap, 0.0, 0.0)

    @cached_property
    def second_difference_across(self) -> np.ndarray:
        """The same for w at the inner faces, zero in the plates, shape (3, nz - 1)."""
        inner = self.gap[1:-1]
        below, above = 1.0 / (self.dz[:-1] * inner), 1.0 / (self.dz[1:] * inner)
        return np.ascontiguousarray(np.stack([below, -below - above, above]))

    @cached_property
    def operators(self) -> Operators:
        """The differences that `physics.integrate.projection` marches."""
        return Operators(
            self.basis,
            self.h,
            self.dz,
            self.gap,
            self.second_difference_centres,
            self.second_difference_along,
            self.second_difference_across,
            self.second_difference_neumann,
        )

    def push(self, rayleigh: Tensor, prandtl: Tensor) -> Tensor:
        """Return Ra Pr e, shape (batch, 2), from tensors of shape (batch,)."""
        force = rayleigh * prandtl
        return torch.stack([force, 0.0 * force] if self.from_side else [0.0 * force, force], 1)


def _second_difference(dz: np.ndarray, gap: np.ndarray, bottom: float, top: float) -> np.ndarray:
    below, above = 1.0 / (dz * gap[:-1]), 1.0 / (dz * gap[1:])
    below[0] *= bottom
    above[-1] *= top
    return np.ascontiguousarray(np.stack([below, -below - above, above]))


def conduction(layer: Layer, batch: int) -> State:
    """Return the layer at rest, T = 1 - z."""
    shape = (batch, layer.nz, layer.nx)
    rest = torch.zeros(shape, dtype=torch.float64)
    z = torch.from_numpy(layer.z_centres)[:, None]
    fluid_at_rest = torch.zeros((batch, layer.nz + 1, layer.nx), dtype=torch.float64)
    return State(rest, fluid_at_rest, (1.0 - z).expand(shape).clone(), rest.clone())


def perturbed(layer: Layer, amplitude: Tensor, rolls: int) -> State:
    """Return conduction with a little warmth and cold added: T = 1 - z + A sin(pi z) cos(k x), amplitudes (batch,).

    `rolls` counts pairs of rolls in a period, single rolls between walls.
    """
    state = conduction(layer, len(amplitude))
    k = rolls * math.pi / layer.aspect * (2.0 if layer.periodic else 1.0)
    shape = np.sin(math.pi * layer.z_centres)[:, None] * np.cos(k * layer.x_centres)
    added = amplitude.to(torch.float64)[:, None, None] * torch.from_numpy(shape)
    return state._replace(T=state.T + added)


class Measures(NamedTuple):
    """Sums over a state, each of shape (batch,).

    Attributes:
        bottom, top: the conductive flux through each plate, the Nusselt numbers there.
        volume: 1 + <w T>.
        gradient: <|grad T|^2>.
        dissipation: <|grad u|^2>.
        work: <T e.u>, what buoyancy does over Ra Pr.
        heat: <T>.
        speed: the largest speed at a centre.
        divergence: the largest of any cell.
    """

    bottom: Tensor
    top: Tensor
    volume: Tensor
    gradient: Tensor
    dissipation: Tensor
    work: Tensor
    heat: Tensor
    speed: Tensor
    divergence: Tensor


def plate_fluxes(layer: Layer, T: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean flux out of the bottom plate and into the top plate, shape (batch,)."""
    bottom = (1.0 - T[:, 0].mean(-1)) / float(layer.gap[0])
    return bottom, T[:, -1].mean(-1) / float(layer.gap[-1])


def measures(layer: Layer, state: State) -> Measures:
    """Return the sums whose identities a settled run keeps to round-off."""
    u, w, T, _ = state
    dz, gap = (torch.as_tensor(each, dtype=T.dtype, device=T.device)[:, None] for each in (layer.dz, layer.gap))
    h, n = layer.h, layer.nx
    bottom, top = plate_fluxes(layer, T)
    T_z = torch.cat([torch.ones_like(T[:, :1]), T, torch.zeros_like(T[:, :1])], 1).diff(dim=1) / gap
    T_x = (T - T.roll(1, -1)) / h
    if not layer.periodic:
        T_x = torch.cat([torch.zeros_like(T_x[..., :1]), T_x[..., 1:]], -1)
    lift = (w[:, 1:-1] * 0.5 * (T[:, 1:] + T[:, :-1]) * gap[1:-1]).sum((1, 2)) / n
    pull = (u * 0.5 * (T + T.roll(1, -1)) * dz).sum((1, 2)) / n
    gradient = ((T_z**2 * gap).sum((1, 2)) + (T_x**2 * dz).sum((1, 2))) / n
    right = u.roll(-1, -1)
    divergence = (right - u) / h + w.diff(dim=1) / dz
    speed = (0.25 * ((u + right) ** 2 + (w[:, 1:] + w[:, :-1]) ** 2)).sqrt()
    return Measures(
        bottom,
        top,
        1.0 + lift,
        gradient,
        _dissipation(layer, u, w, dz, gap),
        pull if layer.from_side else lift,
        (T * dz).sum((1, 2)) / n,
        speed.amax((1, 2)),
        divergence.abs().amax((1, 2)),
    )


def _dissipation(layer: Layer, u: Tensor, w: Tensor, dz: Tensor, gap: Tensor) -> Tensor:
    """<|grad u|^2> with the differences whose sums the implicit diffusion takes out."""
    h, n = layer.h, layer.nx
    at_plates = [u[:, :1] * float(layer.rigid[0]), u.diff(dim=1), u[:, -1:] * float(layer.rigid[1])]
    u_z = torch.cat(at_plates, 1) / gap
    u_x = (u.roll(-1, -1) - u) / h
    w_z = w.diff(dim=1) / dz
    inner = w[:, 1:-1]
    if layer.periodic:
        w_x2 = ((inner - inner.roll(1, -1)) / h) ** 2
        across = w_x2.sum(-1)
    else:  # half a column from the last centre to the wall
        walls = 2.0 * (inner[..., 0] ** 2 + inner[..., -1] ** 2) / h**2
        across = ((inner.diff(dim=-1) / h) ** 2).sum(-1) + walls
    total = (u_z**2 * gap + 0.0).sum((1, 2)) + (u_x**2 * dz).sum((1, 2)) + (w_z**2 * dz).sum((1, 2))
    return (total + (across * gap[1:-1, 0]).sum(1)) / n
