"""An incompressible flow that carries a scalar: third-order Runge-Kutta, Crank-Nicolson and an exact projection.

    du/dt = -grad p + Pr lap u + N_u,   div u = 0,   dT/dt = lap T + N_T

Three substeps of an explicit low-storage scheme (advection and buoyancy N) with Crank-Nicolson diffusion in each,

    (1 - a lap) X = 2 T + dt (gamma N + zeta N_before),   T <- X - T,   a = dt (gamma + zeta) / 2

so that X / 2 is the mean over the substep and its flux is exactly what crossed the boundary. The velocity is advanced
with the last pressure and then projected:

    (1 - theta c Pr lap) X = u / theta + dt (gamma N + zeta N_before) - c grad p,   u* = X - (1/theta - 1) u,   c = 2a
    lap phi = div u* / c,   u <- u* - c grad phi,   p <- p + phi - theta Pr div u*
    1 / theta = 2 - z^2 / (1 + z^2),   z = 20 a Pr

theta is 1/2 up to O(dt^2) where a substep resolves viscosity, and near 1 where it does not and Crank-Nicolson would
ring. Third order in N, second in diffusion and pressure; a steady state does not depend on dt. Stable while
dt (|u|/h + |w|/dz) < sqrt 3 or so.

Both solves are direct. The bases of `physics.linalg.transforms` make x diagonal; in z there is one tridiagonal system a
mode. On the processor a member is marched by a compiled kernel that eliminates them (`projection_kernels`); `step` is
the same scheme in array operations on any device, which diagonalises z as well, so that it can be differentiated in
both modes by the diffusivity, the forcing and the state.

Sources: P. R. Spalart, R. D. Moser and M. M. Rogers, Spectral methods for the Navier-Stokes equations with one
infinite and two periodic directions, J. Comput. Phys. 96 (1991) 297-324, doi:10.1016/0021-9991(91)90238-G (the
weights); D. L. Brown, R. Cortez and M. L. Minion, Accurate projection methods for the incompressible Navier-Stokes
equations, J. Comput. Phys. 168 (2001) 464-499, doi:10.1006/jcph.2001.6715 (the pressure).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from physics.integrate import projection_kernels as kernels
from physics.linalg.transforms import Basis

WEIGHTS = ((8.0 / 15.0, 0.0), (5.0 / 12.0, -17.0 / 60.0), (3.0 / 4.0, -5.0 / 12.0))
COURANT = 1.0  # dt (|u|/h + |w|/dz) to aim at; the scheme is stable to about sqrt 3
_WEIGHTS = np.array(WEIGHTS)


@dataclass(frozen=True, eq=False)
class Operators:
    """The differences of one staggered grid; `rows_*` (3, n) hold d2/dz2 as (below, own, above)."""

    basis: Basis
    h: float
    dz: np.ndarray
    gap: np.ndarray
    rows_t: np.ndarray
    rows_u: np.ndarray
    rows_w: np.ndarray
    rows_p: np.ndarray

    @cached_property
    def spectra(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each field P, mu and Q with d2/dz2 = P diag(mu) Q."""
        inner = self.gap[1:-1]
        given = {"t": (self.rows_t, self.dz), "u": (self.rows_u, self.dz)}
        given |= {"w": (self.rows_w, inner), "p": (self.rows_p, self.dz)}
        return {name: _spectrum(rows, weight) for name, (rows, weight) in given.items()}


def _spectrum(rows: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Diagonalise d2/dz2, which is symmetric under the weights of the rows."""
    root = np.sqrt(weight)
    off = 0.5 * (rows[2, :-1] * root[:-1] / root[1:] + rows[0, 1:] * root[1:] / root[:-1])
    mu, vectors = np.linalg.eigh(np.diag(rows[1]) + np.diag(off, 1) + np.diag(off, -1))
    return vectors / root[:, None], mu, vectors.T * root


Fields = tuple[Tensor, Tensor, Tensor, Tensor]
"""u (batch, nz, nx), w (batch, nz + 1, nx), T (batch, nz, nx), p in modes (batch, nz, nx)."""


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="projection")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def march(
    operators: Operators, fields: Fields, prandtl: Tensor, push: Tensor, dt: np.ndarray, steps: np.ndarray
) -> tuple[Fields, Tensor, np.ndarray]:
    """March every member its own number of steps of its own length, compiled, on the processor.

    Args:
        prandtl: the diffusivity of the velocity, shape (batch,).
        push: the forcing by T - 1/2 along x and z, shape (batch, 2).
        dt, steps: shape (batch,).

    Returns:
        The fields; the heat that came in at the bottom and went out at the top, shape (batch, 2); and the largest
        |u|/h + |w|/dz on the way, shape (batch,).
    """
    after = [np.array(field.detach().numpy(), dtype=np.float64, order="C") for field in fields]
    sums, swept = march_arrays(operators, after, prandtl.detach().numpy(), push.detach().numpy(), dt, steps)
    u, w, t, p = (torch.from_numpy(field) for field in after)
    return (u, w, t, p), torch.from_numpy(sums), swept


def march_arrays(
    operators: Operators,
    fields: list[np.ndarray],
    prandtl: np.ndarray,
    push: np.ndarray,
    dt: np.ndarray,
    steps: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """March `fields` in place, real or all complex; return what crossed the plates and the largest |u|/h + |w|/dz.

    Every operation is analytic, so with imaginary parts of 1e-30 times a direction the result's imaginary part is
    1e-30 times the exact derivative in that direction.

    Source: J. R. R. A. Martins, P. Sturdza and J. J. Alonso, The complex-step derivative approximation, ACM Trans.
    Math. Softw. 29 (2003) 245-262, doi:10.1145/838250.838251.
    """
    batch, kind = len(steps), fields[2].dtype
    sums, swept = np.zeros((batch, 2), kind), np.zeros(batch)
    viscosity, force, length = prandtl.astype(kind), push.astype(kind), dt.astype(kind)
    o, basis = operators, operators.basis
    u, w, t, p = fields

    def one(b: int) -> None:
        swept[b] = kernels.march(
            u[b], w[b], t[b], p[b],
            *basis.halves, basis.quarters, basis.face_zero, basis.kappa, basis.kappa_slip_free, basis.periodic,
            o.dz, o.gap, o.h, o.rows_t, o.rows_u, o.rows_w, o.rows_p,
            viscosity[b], force[b, 0], force[b, 1], length[b], steps[b], _WEIGHTS, sums[b],
        )  # fmt: skip

    if batch == 1:
        one(0)
    else:
        for done in [_pool().submit(one, b) for b in range(batch)]:
            done.result()
    return sums, swept


class Stepper:
    """The scheme in array operations on one device."""

    def __init__(self, operators: Operators, device: torch.device | str = "cpu") -> None:
        def put(array: np.ndarray) -> Tensor:
            return torch.as_tensor(array, dtype=torch.float64, device=device)

        basis = operators.basis
        self.periodic, self.h = basis.periodic, operators.h
        self.centres, self.faces = put(basis.centres), put(basis.faces)
        self.slip_free, self.turn = put(basis.slip_free), put(basis.turn)
        self.kappa, self.k2 = put(basis.kappa), put(basis.kappa) ** 2
        self.k2_free = put(basis.kappa_slip_free) ** 2
        self.dz, self.gap = put(operators.dz)[:, None], put(operators.gap)[:, None]
        self.spectra = {name: tuple(put(part) for part in parts) for name, parts in operators.spectra.items()}
        mu = self.spectra["p"][1]
        bare = self.k2 - mu[:, None]
        self.inverse_p = torch.where(bare > 1e-9 * bare.max(), 1.0 / bare, 0.0)
        share = 0.5 * torch.cat([self.dz[:-1], self.dz[1:]], 1) / self.gap[1:-1]
        self.below, self.above = share[:, :1], share[:, 1:]

    def step(self, fields: Fields, prandtl: Tensor, push: Tensor, dt: Tensor) -> tuple[Fields, Tensor]:
        """Take one step; also return the heat that crossed the bottom and the top plate, shape (batch, 2)."""
        u, w, t, p = fields
        dt, viscosity = dt[:, None, None], prandtl[:, None, None]
        u_hat, t_hat, w_hat = u @ self.faces.T, t @ self.centres.T, w[:, 1:-1] @ self.centres.T
        plate = self.centres[0, 0]
        old: tuple[Tensor, Tensor, Tensor] | None = None
        crossed = torch.zeros_like(push)
        for now, before in WEIGHTS:
            a = 0.5 * (now + before) * dt
            z2 = (20.0 * a * viscosity) ** 2
            r = 2.0 - z2 / (1.0 + z2)
            c = 2.0 * a / r * viscosity
            rates = self._rates(u, w, t, push)
            pushes = [dt * now * r if old is None else dt * (now * r + before * s) for r, s in _pairs(rates, old)]
            old = rates
            x = 2.0 * t_hat + pushes[2] @ self.centres.T
            warm = torch.zeros_like(self.k2).index_fill(0, torch.tensor([0], device=t.device), 2.0 / float(plate))
            x = torch.cat([x[:, :1] + a * warm / (self.dz[0] * self.gap[0]), x[:, 1:]], 1)
            x = self._solve("t", self.k2, a, x)
            sides = [(2.0 - x[:, 0, 0] * plate) / self.gap[0, 0], x[:, -1, 0] * plate / self.gap[-1, 0]]
            crossed = crossed + a[:, 0] * torch.stack(sides, 1)
            t_hat = x - t_hat
            x = r * u_hat + 2.0 * a * self.kappa * p + pushes[0] @ self.faces.T
            u_hat = self._solve("u", self.k2, c, x) - (r - 1.0) * u_hat
            w_free = w_hat if self.periodic else w_hat @ self.turn
            slope = 2.0 * a * p.diff(dim=1) / self.gap[1:-1]
            x = r * w_free - (slope if self.periodic else slope @ self.turn) + pushes[1] @ self.slip_free.T
            w_free = self._solve("w", self.k2_free, c, x) - (r - 1.0) * w_free
            w_hat = w_free if self.periodic else w_free @ self.turn.T
            source = (self.kappa * u_hat + _closed(w_hat).diff(dim=1) / self.dz) / (2.0 * a)
            left, _, right = self.spectra["p"]
            phi = -(left @ ((right @ source) * self.inverse_p))
            u_hat = u_hat + 2.0 * a * self.kappa * phi
            w_hat = w_hat - 2.0 * a * phi.diff(dim=1) / self.gap[1:-1]
            p = p + phi - c * source
            u, w, t = u_hat @ self.faces, _closed(w_hat @ self.centres), t_hat @ self.centres
        return (u, w, t, p), crossed

    def _solve(self, name: str, k2: Tensor, a: Tensor, x: Tensor) -> Tensor:
        left, mu, right = self.spectra[name]
        return left @ ((right @ x) / (1.0 + a * (k2 - mu[:, None])))

    def _rates(self, u: Tensor, w: Tensor, t: Tensor, push: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Advection and buoyancy of u, of w at the inner faces and of T."""
        push_x, push_z = push[:, :1, None], push[:, 1:, None]
        u_right, t_left = self._next(u), self._last(t)
        at_faces, at_plates = t_left + t, _closed(t[:, 1:] + t[:, :-1])
        middle = 0.25 * (u + u_right) ** 2
        corner = 0.25 * (self._last(w) + w)[:, 1:-1] * (u[:, 1:] + u[:, :-1])
        rate_u = push_x * (0.5 * at_faces - 0.5) - (middle - self._last(middle)) / self.h
        rate_u = rate_u - _closed(corner).diff(dim=1) / self.dz
        flux = 0.5 * u * at_faces
        rate_t = -(self._next(flux) - flux) / self.h - (0.5 * w * at_plates).diff(dim=1) / self.dz
        carried = self.below * u[:, :-1] + self.above * u[:, 1:]
        sideways = 0.5 * carried * (self._last(w) + w)[:, 1:-1]
        upright = 0.25 * (w[:, 1:] + w[:, :-1]) ** 2
        rate_w = push_z * (0.5 * at_plates[:, 1:-1] - 0.5) - (self._next(sideways) - sideways) / self.h
        return rate_u, rate_w - upright.diff(dim=1) / self.gap[1:-1], rate_t

    def _last(self, x: Tensor) -> Tensor:
        """The neighbour at the left; zero behind a wall."""
        first = x[..., -1:] if self.periodic else torch.zeros_like(x[..., :1])
        return torch.cat([first, x[..., :-1]], -1)

    def _next(self, x: Tensor) -> Tensor:
        """The neighbour at the right; zero behind a wall."""
        last = x[..., :1] if self.periodic else torch.zeros_like(x[..., :1])
        return torch.cat([x[..., 1:], last], -1)


def _closed(x: Tensor) -> Tensor:
    """Add the faces in the plates, where nothing passes."""
    zero = torch.zeros_like(x[:, :1])
    return torch.cat([zero, x, zero], 1)


def _pairs(now: tuple[Tensor, ...], old: tuple[Tensor, ...] | None) -> list[tuple[Tensor, Tensor]]:
    return list(zip(now, now if old is None else old, strict=True))
