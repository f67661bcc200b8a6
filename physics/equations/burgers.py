"""Viscous Burgers in conservative form, finite volumes and the implicit midpoint rule.

    u_t + (u^2 / 2)_x = nu u_xx

    H_i (u_i^{n+1} - u_i^n) / dt = F_{i-1/2} - F_{i+1/2},        F taken at m = (u^n + u^{n+1}) / 2
    F_{i+1/2} = (m_i^2 + m_i m_{i+1} + m_{i+1}^2) / 6 - nu (m_{i+1} - m_i) / (x_{i+1} - x_i)

nu: viscosity (length^2/time). Nodes x_i = left + L (s + b sin(2 pi s) / 2 pi), s = i / n, closer around the
middle by the factor 1 - b; H_i is the width between the mid-faces. The ends are held
(Dirichlet: the first and last node keep their value) or joined (periodic). Both balances are exact step by step,
momentum to rounding and energy to what Newton's method leaves:

    sum H u |     = passed at the left - passed at the right                                F at the end faces
    sum H u^2/2 | = the same of u F - u^3/6, less nu sum (m_{i+1} - m_i)^2 / (x_{i+1} - x_i)

so the energy cannot grow and no step is too long to be stable. Of order 2 in space and in time. Fails where the
front, about 4 nu / |jump of u| wide, is thinner than a few cells: the values ripple and the error estimate
says so. Start from a fifth of the front's width for the cells and dt = h / max|u|.

Source: E. Tadmor, The numerical viscosity of entropy stable schemes for systems of conservation laws. I, Math.
Comp. 49 (1987) 91-103, doi:10.1090/S0025-5718-1987-0890255-3 (the flux that conserves energy).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.equations import burgers_kernels as kernels
from physics.errors import ParameterError
from physics.integrate.lanes import each_member
from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal
from physics.solution import Balance

State = tuple[Tensor, ...]
_NEIGHBOURS = 8  # points of the polynomial that reads between nodes


@dataclass(frozen=True)
class Burgers:
    """The equation on a grid; its parameters are (viscosity,), of shape (batch,).

    The state is (u, passed): u (batch, nodes), n + 1 nodes between held ends and n around a period; passed
    (batch, 5) is momentum in at the left and out at the right, energy likewise, and energy dissipated.

    Attributes:
        cells: n.
        left, length: of the interval.
        periodic: whether the ends are joined.
        crowding: b, from 0 (even) to below 1.
    """

    cells: int
    left: float = -1.0
    length: float = 2.0
    periodic: bool = False
    crowding: float = 0.0
    device: str = "cpu"

    order = 2
    parameters = ("viscosity",)
    judged = ("velocity",)
    ratio = 2
    advice = "shorten the step or take more cells, and see that the start is finite"

    def __post_init__(self) -> None:
        if self.cells < _NEIGHBOURS or not self.length > 0 or not 0.0 <= self.crowding < 1.0:
            raise ParameterError(f"burgers: give cells >= {_NEIGHBOURS}, length > 0 and crowding from 0 to below 1")

    def _place(self, s: Tensor) -> Tensor:
        """Return X(s)."""
        return self.left + self.length * (s + self.crowding * torch.sin(2.0 * math.pi * s) / (2.0 * math.pi))

    @cached_property
    def nodes(self) -> Tensor:
        """All n + 1 nodes, the last being the first of the next period where the ends are joined."""
        return self._place(torch.arange(self.cells + 1, dtype=torch.float64, device=self.device) / self.cells)

    @cached_property
    def widths(self) -> Tensor:
        """H of the nodes that move: 1 ... n-1, or 0 ... n-1 around a period."""
        first, last = (0, self.cells) if self.periodic else (1, self.cells)
        middles = torch.arange(first, last + 1, dtype=torch.float64, device=self.device) - 0.5
        return self._place(middles / self.cells).diff()

    @cached_property
    def gaps(self) -> Tensor:
        """The distances across the faces: n of them, and around a period one more, that of the last."""
        gaps = self.nodes.diff()
        return torch.cat([gaps[-1:], gaps]) if self.periodic else gaps

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The axis of the field."""
        return {"x": self.nodes[:-1] if self.periodic else self.nodes}

    def finer(self) -> Burgers:
        """Return the equation on twice as many cells."""
        return replace(self, cells=2 * self.cells)

    def start(self, u: Tensor) -> State:
        """Return the state of values at the nodes, (batch, nodes)."""
        return u, u.new_zeros(u.shape[0], 5)

    def check(self, parameters: State) -> None:
        """Refuse a viscosity that is not above zero.

        Raises:
            ParameterError: with the bound.
        """
        if not bool((parameters[0] > 0).all()):
            raise ParameterError("burgers: viscosity must be above 0; without it a front has no width")

    def longest(self, state: State, parameters: State) -> Tensor:
        """Return the step in which the fastest value crosses a cell of mean width, shape (batch,)."""
        speed = state[0].detach().abs().amax(1).clamp(min=1e-12)
        return (self.length / self.cells) / speed

    def stepper(self, dt: float) -> Callable[[State, State, int], State]:
        """Return the differentiable step `step(state, parameters, index)` of length `dt`.

        The midpoint is found without a tape; one more Newton step with the matrix held fixed then carries its
        exact first derivative, by the implicit function theorem.
        """

        def step(state: State, parameters: State, index: int) -> State:
            u, passed = self._wrapped(state[0]), state[1]
            viscosity = parameters[0][:, None]
            found = self._midpoint(_primal(u), _primal(viscosity), dt)
            near = found if self.periodic else torch.cat([u[:, :1], found[:, 1:-1], u[:, -1:]], 1)
            residual = self._residual(near, u, viscosity, dt)
            m = near - self._held(self._jacobian(found, _primal(viscosity), dt).solve(residual.T).T)
            flux = self._flux(m, viscosity)
            moved = u[:, 1:-1] + dt * (flux[:, :-1] - flux[:, 1:]) / self.widths
            return self._unwrapped(moved, u), passed + dt * self._passing(m, flux, viscosity)

        return step

    def advance(self, state: State, parameters: State, dt: float, steps: int) -> State:
        """Take steps without a tape: compiled on the processor, else as `stepper`.

        A member whose midpoint is not found becomes NaN.
        """
        if state[0].device.type != "cpu":
            step = self.stepper(dt)
            with torch.no_grad():
                for index in range(steps):
                    state = step(state, parameters, index)
            return state
        u = self._wrapped(state[0].detach()).clone(memory_format=torch.contiguous_format)
        passed = state[1].detach().clone()
        widths, gaps = self.widths.numpy(), self.gaps.numpy()

        def member(k: int) -> None:
            viscosity = float(parameters[0][k])
            if not kernels.march(u[k].numpy(), passed[k].numpy(), widths, gaps, viscosity, self.periodic, dt, steps):
                u[k] = math.nan

        each_member(len(u), member)
        return self._unwrapped(u[:, 1:-1], u), passed

    def _wrapped(self, u: Tensor) -> Tensor:
        """Return the moving nodes between one more on either side."""
        return torch.cat([u[:, -1:], u, u[:, :1]], 1) if self.periodic else u

    def _unwrapped(self, moved: Tensor, wrapped: Tensor) -> Tensor:
        return moved if self.periodic else torch.cat([wrapped[:, :1], moved, wrapped[:, -1:]], 1)

    def _held(self, change: Tensor) -> Tensor:
        """Return a change of the moving nodes with that of the nodes beyond them."""
        if self.periodic:
            return torch.cat([change[:, -1:], change, change[:, :1]], 1)
        return torch.nn.functional.pad(change, (1, 1))

    def _flux(self, m: Tensor, viscosity: Tensor) -> Tensor:
        a, b = m[:, :-1], m[:, 1:]
        return (a * a + a * b + b * b) / 6.0 - viscosity * (b - a) / self.gaps

    def _residual(self, m: Tensor, u: Tensor, viscosity: Tensor, dt: float) -> Tensor:
        flux = self._flux(m, viscosity)
        return self.widths * (2.0 / dt) * (m - u)[:, 1:-1] + flux[:, 1:] - flux[:, :-1]

    def _passing(self, m: Tensor, flux: Tensor, viscosity: Tensor) -> Tensor:
        """Return the rates of momentum and energy through the ends, and of dissipation, (batch, 5)."""
        left, right, first = m[:, -1 if self.periodic else 0], m[:, -1], 1 if self.periodic else 0
        energy = [left * flux[:, 0] - left**3 / 6.0, right * flux[:, -1] - right**3 / 6.0]
        heat = viscosity[:, 0] * (m.diff(dim=1) ** 2 / self.gaps)[:, first:].sum(1)
        return torch.stack([flux[:, 0], flux[:, -1], *energy, heat], 1)

    def _jacobian(self, m: Tensor, viscosity: Tensor, dt: float) -> _Wheel:
        left, here, right = m[:, :-2], m[:, 1:-1], m[:, 2:]
        before, behind = viscosity / self.gaps[:-1], viscosity / self.gaps[1:]
        lower = -(2.0 * left + here) / 6.0 - before
        upper = (here + 2.0 * right) / 6.0 - behind
        diag = self.widths * (2.0 / dt) + (right - left) / 6.0 + before + behind
        return _Wheel(Tridiagonal(lower.T, diag.T, upper.T), self.periodic)

    def _midpoint(self, u: Tensor, viscosity: Tensor, dt: float) -> Tensor:
        """Return m by Newton's method from u; NaN where it does not meet."""
        if u.device.type != "cpu":
            return self._array_midpoint(u, viscosity, dt)
        m, work = torch.empty_like(u), np.empty((6, u.shape[1] - 1))
        for k in range(len(u)):
            row, nu = u[k].contiguous().numpy(), float(viscosity[k, 0])
            args = self.widths.numpy(), self.gaps.numpy(), nu, 2.0 / dt, self.periodic, m[k].numpy(), work
            if not kernels.midpoint(row, *args):
                m[k] = math.nan
        return m

    def _array_midpoint(self, u: Tensor, viscosity: Tensor, dt: float) -> Tensor:
        m = u
        for _ in range(kernels.MOST):
            change = self._jacobian(m, viscosity, dt).solve(self._residual(m, u, viscosity, dt).T).T
            m = m - self._held(change)
            if bool((change.abs().amax(1) <= kernels.CLOSE * m.abs().amax(1)).all()):
                return m
        return torch.full_like(m, math.nan)

    def sample(self, u: Tensor, at: Tensor) -> Tensor:
        """Return u (..., nodes) at the positions `at` (m,), by the polynomial through the nearest nodes."""
        x = self.nodes
        if self.periodic:
            u = torch.cat([u, u[..., :1]], -1)
        first = (torch.searchsorted(x, at) - _NEIGHBOURS // 2).clamp(0, len(x) - _NEIGHBOURS)
        index = first[:, None] + torch.arange(_NEIGHBOURS, device=x.device)
        places = x[index]
        apart = places[:, :, None] - places[:, None, :] + torch.eye(_NEIGHBOURS, dtype=x.dtype, device=x.device)
        reach = (at[:, None] - places)[:, None, :].expand(-1, _NEIGHBOURS, -1)
        eye = torch.eye(_NEIGHBOURS, dtype=torch.bool, device=x.device)
        weights = torch.where(eye, 1.0, reach / apart).prod(-1)
        return (u[..., index] * weights).sum(-1)

    def observe(self, state: State, parameters: State) -> dict[str, Tensor]:
        """Return momentum and energy of the nodes that move, what passed the ends, and the field."""
        u, passed = state
        momentum, energy = self._sums(u)
        names = ("passed_left", "passed_right", "energy_left", "energy_right", "dissipated")
        return {"momentum": momentum, "energy": energy, **dict(zip(names, passed.T, strict=True)), "velocity": u}

    def _sums(self, u: Tensor) -> tuple[Tensor, Tensor]:
        moving = u if self.periodic else u[:, 1:-1]
        return (self.widths * moving).sum(1), 0.5 * (self.widths * moving**2).sum(1)

    def balances(self, first: State, last: State, parameters: State) -> list[Balance]:
        """Return the balances of momentum and energy."""
        passed, found = last[1] - first[1], []
        before, after = self._sums(first[0]), self._sums(last[0])
        for k, name in enumerate(("momentum", "energy")):
            terms = {"before": before[k], "after": after[k], "in": passed[:, 2 * k], "out": passed[:, 2 * k + 1]}
            lost = passed[:, 4] if name == "energy" else torch.zeros_like(passed[:, 4])
            left = terms["before"] + terms["in"] - terms["out"] - lost - terms["after"]
            scale = (self.length * before[1]).sqrt() if name == "momentum" else before[1]
            scale = scale + terms["in"].abs() + terms["out"].abs()
            found.append(Balance(name, terms | {"lost": lost}, left, scale.clamp(min=1e-300), 1e-11, ""))
        return found


class _Wheel:
    """A tridiagonal system, with the two corners of a period where it has one (Sherman-Morrison)."""

    def __init__(self, matrix: Tridiagonal, around: bool) -> None:
        self.around = around
        if not around:
            self.inner = CyclicReduction(matrix)
            return
        diag = matrix.diag.clone()
        gamma, beta, alpha = -diag[0], matrix.lower[0], matrix.upper[-1]
        diag[0] -= gamma
        diag[-1] -= alpha * beta / gamma
        self.inner = CyclicReduction(Tridiagonal(matrix.lower, diag, matrix.upper))
        corner = torch.zeros_like(diag)
        corner[0], corner[-1] = gamma, alpha
        self.share = beta / gamma
        self.turn = self.inner.solve(corner)

    def solve(self, rhs: Tensor) -> Tensor:
        """Return x of shape (cells, batch); differentiable in `rhs`."""
        x = self.inner.solve(rhs)
        if not self.around:
            return x
        weight = (x[0] + self.share * x[-1]) / (1.0 + self.turn[0] + self.share * self.turn[-1])
        return x - weight * self.turn


def _primal(value: Tensor) -> Tensor:
    """Return the values without derivative of either mode."""
    return forward_ad.unpack_dual(value).primal.detach()
