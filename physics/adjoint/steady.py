"""Steady states, and their derivatives by the implicit function theorem.

    R(u, p) = 0          du/dp = - J^-1 dR/dp,     J = dR/du
    adjoint:             J^T lambda = - ubar,      pbar = (dR/dp)^T lambda

R may be a residual or, by `of_step`, the change u -> step(u) - u that a time step makes. Newton's method solves
J du = -R with GMRES; J is never formed: its products come from forward mode, those of J^T from one tape. Where a
Newton step does not reduce the residual, Anderson mixing of u -> u + R(u) takes over for a while; it converges
where that map nearly contracts. A steady state that the dynamics leave (an unstable one) is a root like any
other: start near the one that is meant.

Where J is singular (a fold, a conserved quantity, a free translation) there is no derivative; the transposed
solve then fails and says so.

Sources: D. A. Knoll and D. E. Keyes, J. Comput. Phys. 193 (2004) 357-397, doi:10.1016/j.jcp.2003.08.010
(Newton-Krylov); S. C. Eisenstat and H. F. Walker, SIAM J. Sci. Comput. 17 (1996) 16-32, doi:10.1137/0917003
(how exactly to solve each step); H. F. Walker and P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715-1735,
doi:10.1137/10078356X (Anderson mixing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.adjoint.anderson import mix
from physics.adjoint.krylov import gmres
from physics.adjoint.linearise import Linearised, plain
from physics.errors import ParameterError, SolverError
from physics.solution import Status

State = tuple[Tensor, ...]
Residual = Callable[[State, tuple[Tensor, ...]], State]
_HALVINGS = 10


@dataclass(frozen=True)
class Krylov:
    """How linear systems are solved: products before a restart, rounds, and the accuracy of a derivative."""

    products: int = 60
    rounds: int = 10
    derivative: float = 1e-11


@dataclass(frozen=True)
class Steady:
    """A steady state.

    Attributes:
        state: differentiable with respect to the parameters, in both modes; the derivative of a member that did
            not converge is NaN, as it has none.
        status: CONVERGED, NOT_SETTLED (the residual stopped falling) or DIVERGED.
        residual: root mean square of each member's residual, shape (batch,).
        iterations: Newton steps; evaluations: residuals and products with J.
    """

    state: State
    status: Status
    message: str
    residual: Tensor
    iterations: int
    evaluations: int


def of_step(step: Callable[[State, tuple[Tensor, ...], int], State]) -> Residual:
    """Return the residual of a time step: the change it makes."""

    def change(state: State, parameters: tuple[Tensor, ...]) -> State:
        return tuple(b - a for a, b in zip(state, step(state, parameters, 0), strict=True))

    return change


def steady(
    residual: Residual,
    state: State,
    parameters: tuple[Tensor, ...],
    *,
    tolerance: float = 1e-10,
    newton: int = 40,
    mixing: int = 60,
    krylov: Krylov | None = None,
) -> Steady:
    """Find u with R(u, p) = 0, for a batch of independent members.

    Args:
        residual: `residual(state, parameters)`, of the shapes of the state, pure and differentiable.
        state: where to start; every tensor has the batch as its first axis.
        tolerance: of the root mean square of the residual, in its own unit.
        newton: Newton steps at most; 0 leaves Anderson mixing alone.
        mixing: steps of Anderson mixing at a time; 0 leaves Newton alone.

    Raises:
        ParameterError: the state has no batch, or the tolerance is not above zero.
    """
    if not state or len({part.shape[:1] for part in state}) != 1 or state[0].dim() == 0:
        raise ParameterError("steady: every tensor of the state must have the batch as its first axis")
    if not tolerance > 0:
        raise ParameterError(f"steady: tolerance = {tolerance:g} must be above zero")
    how = krylov or Krylov()
    given = tuple(plain(part) for part in parameters)
    search = _Search(residual, tuple(plain(part) for part in state), given, tolerance, how)
    with torch.no_grad():
        search.go(newton, mixing)
    status, message = search.verdict()
    found = search.shape.split(search.u)
    settled = search.norm(search.r) <= tolerance
    return Steady(
        _attached(residual, found, parameters, settled, how),
        status,
        message,
        search.norm(search.r),
        search.iterations,
        search.evaluations,
    )


class _Search:
    """Newton's method with its fallback; members that are done rest."""

    def __init__(
        self, residual: Residual, state: State, parameters: tuple[Tensor, ...], tolerance: float, how: Krylov
    ) -> None:
        self.shape = Shape(state)
        self.parameters, self.residual_of, self.tolerance, self.how = parameters, residual, tolerance, how
        self.iterations = self.evaluations = 0
        self.u = self.shape.join(state)
        with torch.no_grad():
            self.r = self.residual(self.u)

    def residual(self, u: Tensor) -> Tensor:
        self.evaluations += 1
        return self.shape.join(self.residual_of(self.shape.split(u), self.parameters))

    @staticmethod
    def norm(r: Tensor) -> Tensor:
        return torch.linalg.vector_norm(r, dim=1) / max(r.shape[1], 1) ** 0.5

    def go(self, newton: int, mixing: int) -> None:
        previous = None
        while bool((self.norm(self.r) > self.tolerance).any()) and bool(torch.isfinite(self.r).all()):
            before = self.norm(self.r)
            moved = self._newton(previous) if self.iterations < newton else torch.zeros_like(before, dtype=torch.bool)
            stuck = (before > self.tolerance) & ~moved
            if bool(stuck.any()):
                mixed = mix(self.residual, self.u, self.r, stuck, self.norm, self.tolerance, mixing)
                if not bool((self.norm(mixed[1]) < 0.5 * before)[stuck].any()) and not bool(moved.any()):
                    break
                self.u, self.r = mixed
            previous = before

    def _newton(self, previous: Tensor | None) -> Tensor:
        """Take one step; return which members it brought nearer, shape (batch,)."""
        self.iterations += 1
        before = self.norm(self.r)
        active = before > self.tolerance
        forcing = torch.full_like(before, 0.1) if previous is None else 0.9 * (before / previous) ** 2
        # never solve closer than the tolerance asks for
        forcing = torch.maximum(forcing.clamp(1e-10, 0.1), 0.3 * self.tolerance / before.clamp(min=1e-300))
        line = Linearised(self.residual_of, self.shape.split(self.u), self.parameters)
        solved = gmres(
            lambda v: self.shape.join(line.jvp(self.shape.split(v))),
            torch.where(active[:, None], -self.r, 0.0),
            forcing.clamp(max=0.5),
            krylov=self.how.products,
            restarts=self.how.rounds,
        )
        self.evaluations += solved.products
        share, open_ = torch.ones_like(before), active.clone()
        for _ in range(_HALVINGS):
            tried = self.u + share[:, None] * solved.x
            r = self.residual(tried)
            good = open_ & (self.norm(r) <= (1.0 - 1e-4 * share) * before)
            self.u = torch.where(good[:, None], tried, self.u)
            self.r = torch.where(good[:, None], r, self.r)
            open_ &= ~good
            if not bool(open_.any()):
                break
            share = torch.where(open_, share / 2, share)
        return active & ~open_

    def verdict(self) -> tuple[Status, str]:
        norm = self.norm(self.r)
        wrong = ~torch.isfinite(norm)
        if bool(wrong.any()):
            member = int(wrong.long().argmax())
            return (
                Status.DIVERGED,
                f"member {member}: the residual is not a finite number; start nearer the steady state",
            )
        if bool((norm > self.tolerance).any()):
            member = int(norm.argmax())
            return Status.NOT_SETTLED, (
                f"member {member}: the residual stays at {float(norm[member]):.2g}, above {self.tolerance:.2g}; "
                "march further towards the steady state and start from there, or loosen the tolerance"
            )
        return Status.CONVERGED, ""


class Shape:
    """A state of several tensors as one of shape (batch, n), and back."""

    def __init__(self, state: State) -> None:
        self.shapes = [part.shape for part in state]
        self.sizes = [part[0].numel() for part in state]

    def join(self, state: State) -> Tensor:
        """Return the state as one tensor of shape (batch, n)."""
        return torch.cat([part.reshape(part.shape[0], -1) for part in state], dim=1)

    def split(self, u: Tensor) -> State:
        """Return the tensors of the state."""
        parts = u.split(self.sizes, dim=1)
        return tuple(part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True))


def _attached(residual: Residual, state: State, parameters: tuple[Tensor, ...], settled: Tensor, how: Krylov) -> State:
    """Give the state its derivatives with respect to the parameters."""
    if forward_ad._current_level >= 0:
        tangents = [forward_ad.unpack_dual(part).tangent for part in parameters]
        if any(part is not None for part in tangents):
            return _dual(residual, state, parameters, settled, how)
    if torch.is_grad_enabled() and any(part.requires_grad for part in parameters):
        return tuple(_Implicit.apply(residual, settled, how, len(state), *state, *parameters))
    return state


def _dual(residual: Residual, state: State, parameters: tuple[Tensor, ...], settled: Tensor, how: Krylov) -> State:
    """Forward mode: J du = - (dR/dp) dp."""
    shape = Shape(state)
    line = Linearised(residual, state, tuple(plain(part) for part in parameters))
    with torch.no_grad():
        moved = residual(state, parameters)
        rates = [forward_ad.unpack_dual(part).tangent for part in moved]
        source = shape.join(tuple(torch.zeros_like(u) if t is None else t for u, t in zip(state, rates, strict=True)))
        slope = _solved(lambda v: shape.join(line.jvp(shape.split(v))), -source, settled, how)
    return tuple(forward_ad.make_dual(u, t) for u, t in zip(state, shape.split(slope), strict=True))


class _Implicit(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, residual: Residual, settled: Tensor, how: Krylov, parts: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.residual, ctx.settled, ctx.how, ctx.parts = residual, settled, how, parts
        ctx.save_for_backward(*tensors)
        return tuple(part.clone() for part in tensors[:parts])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *bars: Tensor) -> tuple[Any, ...]:
        state, parameters = ctx.saved_tensors[: ctx.parts], ctx.saved_tensors[ctx.parts :]
        shape = Shape(state)
        line = Linearised(ctx.residual, state, parameters, ctx.needs_input_grad[4 + ctx.parts :])
        adjoint = _solved(lambda w: shape.join(line.vjp(shape.split(w))), -shape.join(bars), ctx.settled, ctx.how)
        return (None, None, None, None, *([None] * ctx.parts), *line.parameter_vjp(shape.split(adjoint)))


def _solved(apply: Callable[[Tensor], Tensor], rhs: Tensor, settled: Tensor, how: Krylov) -> Tensor:
    """Solve for a derivative; a member that did not settle has none."""
    found = gmres(
        apply, torch.where(settled[:, None], rhs, 0.0), how.derivative, krylov=how.products, restarts=how.rounds
    )
    worst = int(found.residual.argmax())
    if not float(found.residual[worst]) <= 1e3 * how.derivative:
        raise SolverError(
            f"member {worst}: the steady state has no derivative, or more products are needed (the linear system "
            f"was solved to {float(found.residual[worst]):.2g}); look for a fold or a conserved quantity, or raise "
            "Krylov.products"
        )
    return torch.where(settled[:, None], found.x, torch.nan)
