"""GMRES for a batch of independent systems, of which only the product with a vector is known.

    A_b x_b = f_b        x_b = argmin || f_b - A_b x ||  over  span{f_b, A_b f_b, A_b^2 f_b, ...}

One call of `apply` multiplies every member at once; each has its own Krylov space and its own convergence. The
basis is orthogonalised twice by classical Gram-Schmidt, the projected systems are kept triangular by Givens
rotations. It restarts after `krylov` products and then may stall where the full method would not.

Source: Y. Saad and M. H. Schultz, GMRES, SIAM J. Sci. Stat. Comput. 7 (1986) 856-869, doi:10.1137/0907058.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Solved(NamedTuple):
    """x of shape (batch, n), the residual norm over that of the right-hand side (batch,), and the products."""

    x: Tensor
    residual: Tensor
    products: int


def gmres(
    apply: Callable[[Tensor], Tensor],
    rhs: Tensor,
    tolerance: float | Tensor,
    *,
    krylov: int = 40,
    restarts: int = 10,
) -> Solved:
    """Solve A x = rhs, shape (batch, n), until every member's residual norm is `tolerance` of that of its rhs.

    Args:
        apply: x -> A x, both of shape (batch, n).
        tolerance: relative, a number or shape (batch,).
        krylov: products before a restart.
        restarts: how many rounds at most.
    """
    x = torch.zeros_like(rhs)
    size = torch.linalg.vector_norm(rhs, dim=1)
    goal = torch.as_tensor(tolerance, dtype=rhs.dtype, device=rhs.device) * size
    residual, products = rhs, 0
    for _ in range(restarts):
        if bool((torch.linalg.vector_norm(residual, dim=1) <= goal).all()):
            break
        step, used = _cycle(apply, residual, goal, min(krylov, rhs.shape[1]))
        before = torch.linalg.vector_norm(residual, dim=1)
        moved = x + step
        after = rhs - apply(moved)
        products += used + 1
        better = torch.linalg.vector_norm(after, dim=1) < before  # rounding may spoil a solved member
        x = torch.where(better[:, None], moved, x)
        residual = torch.where(better[:, None], after, residual)
        if not bool((better & (torch.linalg.vector_norm(residual, dim=1) < 0.999 * before)).any()):
            break
    final = torch.linalg.vector_norm(residual, dim=1)
    return Solved(x, torch.where(size > 0, final / size.clamp(min=torch.finfo(rhs.dtype).tiny), final), products)


def _cycle(apply: Callable[[Tensor], Tensor], rhs: Tensor, goal: Tensor, krylov: int) -> tuple[Tensor, int]:
    """Return the correction of one round, shape (batch, n), and the products it took."""
    batch, tiny = rhs.shape[0], torch.finfo(rhs.dtype).tiny
    size = torch.linalg.vector_norm(rhs, dim=1)
    basis = rhs.new_zeros(batch, krylov + 1, rhs.shape[1])
    basis[:, 0] = rhs / size.clamp(min=tiny)[:, None]
    triangle = rhs.new_zeros(batch, krylov, krylov)
    target = rhs.new_zeros(batch, krylov + 1)
    target[:, 0] = size
    turns: list[tuple[Tensor, Tensor]] = []
    used = 0
    for k in range(krylov):
        w = apply(basis[:, k])
        scale = torch.linalg.vector_norm(w, dim=1)
        column, w = _orthogonal(basis[:, : k + 1], w)
        length = torch.linalg.vector_norm(w, dim=1)
        # what is left by rounding is no direction: the space of this member is exhausted
        length = torch.where(length > 1e-14 * scale, length, 0.0)
        basis[:, k + 1] = torch.where(length[:, None] > 0, w / length.clamp(min=tiny)[:, None], 0.0)
        for i, (c, s) in enumerate(turns):
            upper = c * column[:, i] + s * column[:, i + 1]
            column[:, i + 1] = -s * column[:, i] + c * column[:, i + 1]
            column[:, i] = upper
        radius = torch.hypot(column[:, k], length)
        c = torch.where(radius > 0, column[:, k] / radius.clamp(min=tiny), 1.0)
        s = torch.where(radius > 0, length / radius.clamp(min=tiny), 0.0)
        turns.append((c, s))
        column[:, k] = radius
        triangle[:, : k + 1, k] = column[:, : k + 1]
        target[:, k + 1] = -s * target[:, k]
        target[:, k] = c * target[:, k]
        used = k + 1
        if bool((target[:, used].abs() <= 0.5 * goal).all()):
            break
    weights = _back_substitute(triangle[:, :used, :used], target[:, :used])
    return torch.einsum("bk,bkn->bn", weights, basis[:, :used]), used


def _orthogonal(basis: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Return the components of `w` along the basis (with room for one more) and what is left of it."""
    first = torch.einsum("bkn,bn->bk", basis, w)
    w = w - torch.einsum("bk,bkn->bn", first, basis)
    second = torch.einsum("bkn,bn->bk", basis, w)
    w = w - torch.einsum("bk,bkn->bn", second, basis)
    return torch.cat([first + second, torch.zeros_like(first[:, :1])], dim=1), w


def _back_substitute(triangle: Tensor, target: Tensor) -> Tensor:
    """Solve the triangular systems; a direction that a member does not have gets no weight."""
    used = target.shape[1]
    weights = torch.zeros_like(target)
    diagonal = torch.diagonal(triangle, dim1=1, dim2=2)
    floor = 1e-14 * diagonal.abs().amax(dim=1)
    for k in range(used - 1, -1, -1):
        rest = target[:, k] - (triangle[:, k, k + 1 :] * weights[:, k + 1 :]).sum(dim=1)
        sound = diagonal[:, k].abs() > floor
        weights[:, k] = torch.where(sound, rest / torch.where(sound, diagonal[:, k], 1.0), 0.0)
    return weights
