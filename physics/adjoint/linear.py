"""Linear maps and solves whose derivatives are their own transposes.

    y = L x            xbar = L^T ybar
    A x = f            fbar = A^-T xbar,    Abar_ij = - fbar_i x_j  (on the three diagonals alone)

Both modes march the same factors: a tangent solves A dx = df - dA x, an adjoint the transposed system, so that
neither needs the tape of an elimination, and code outside torch (a compiled kernel, another library's transform)
takes part as long as its transpose is known. Derivatives of derivatives follow by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal

Map = Callable[[Tensor], Tensor]


def linear_map(x: Tensor, forward: Map, transposed: Map) -> Tensor:
    """Return L x for a fixed L that is known only by its products.

    Args:
        forward: x -> L x; it sees plain values.
        transposed: y -> L^T y (for a complex map the conjugate transpose).
    """
    return _Map.apply(x, forward, transposed)


class _Map(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, forward: Map, transposed: Map) -> Tensor:
        return forward(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.maps = inputs[1:]

    @staticmethod
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor, None, None]:
        forward, transposed = ctx.maps
        return linear_map(bar, transposed, forward), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return ctx.maps[0](tangent)


def solve_tridiagonal(matrix: Tridiagonal, rhs: Tensor) -> Tensor:
    """Return x of shape (cells, batch), differentiable with respect to the diagonals and the right-hand side.

    Args:
        matrix: diagonals of shape (cells, batch); the corners `lower[0]` and `upper[-1]` do not count.
        rhs: shape (cells, batch).

    Raises:
        ParameterError: the shapes differ.
    """
    shapes = {tuple(part.shape) for part in (matrix.lower, matrix.diag, matrix.upper, rhs)}
    if len(shapes) != 1 or rhs.dim() != 2:
        raise ParameterError(f"solve_tridiagonal: shapes {sorted(shapes)}; give all of one shape (cells, batch)")
    return _Solve.apply(matrix.lower, matrix.diag, matrix.upper, rhs)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(lower: Tensor, diag: Tensor, upper: Tensor, rhs: Tensor) -> Tensor:
        return CyclicReduction(Tridiagonal(lower, diag, upper)).solve(rhs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:3], output)
        ctx.save_for_forward(*inputs[:3], output)

    @staticmethod
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor, ...]:
        lower, diag, upper, x = ctx.saved_tensors
        adjoint = solve_tridiagonal(Tridiagonal(lower, diag, upper).transposed(), bar)
        none = torch.zeros_like(x[:1])
        below = torch.cat([none, -adjoint[1:] * x[:-1]])
        above = torch.cat([-adjoint[:-1] * x[1:], none])
        return below, -adjoint * x, above, adjoint

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        lower, diag, upper, x = ctx.saved_tensors
        lower_t, diag_t, upper_t, rhs_t = (torch.zeros_like(x) if t is None else t for t in tangents)
        source = rhs_t - diag_t * x
        source = source - torch.cat([torch.zeros_like(x[:1]), lower_t[1:] * x[:-1]])
        source = source - torch.cat([upper_t[:-1] * x[1:], torch.zeros_like(x[:1])])
        return CyclicReduction(Tridiagonal(lower, diag, upper)).solve(source)
