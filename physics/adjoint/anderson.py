"""Anderson mixing for a batch of fixed points u = u + R(u).

    u_{k+1} = u_k + R_k - (dU + dR) gamma,      gamma = argmin || R_k - dR gamma ||

dU and dR hold the last differences of u and R. It needs no derivative and converges where u -> u + R(u) nearly
contracts; on a linear problem it is GMRES in disguise.

Source: H. F. Walker and P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715-1735, doi:10.1137/10078356X.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

DEPTH = 8


def mix(
    residual: Callable[[Tensor], Tensor],
    u: Tensor,
    r: Tensor,
    which: Tensor,
    norm: Callable[[Tensor], Tensor],
    tolerance: float,
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Return the best state found in `steps` steps and its residual, shapes (batch, n).

    Only the members of `which` move; a member that leaves the finite numbers keeps its best.
    """
    best, best_r = u, r
    at, rate = u, r
    before: tuple[Tensor, Tensor] | None = None
    differences: list[tuple[Tensor, Tensor]] = []
    for _ in range(steps):
        if before is not None:
            differences = [*differences, (at - before[0], rate - before[1])][-DEPTH:]
        before = (at, rate)
        moved = torch.where(which[:, None], at + _mixed(rate, differences), at)
        rates = residual(moved)
        sound = torch.isfinite(rates).all(dim=1)
        at = torch.where(sound[:, None], moved, best)
        rate = torch.where(sound[:, None], rates, best_r)
        better = norm(rate) < norm(best_r)
        best = torch.where(better[:, None], at, best)
        best_r = torch.where(better[:, None], rate, best_r)
        if bool((norm(best_r) <= tolerance)[which].all()):
            break
    return best, best_r


def _mixed(rate: Tensor, differences: list[tuple[Tensor, Tensor]]) -> Tensor:
    if not differences:
        return rate
    states = torch.stack([s for s, _ in differences], dim=2)
    rates = torch.stack([r for _, r in differences], dim=2)
    # columns of one length, so that the small ones of late steps count in the normal equations
    length = torch.linalg.vector_norm(rates, dim=1, keepdim=True).clamp(min=torch.finfo(rate.dtype).tiny)
    states, rates = states / length, rates / length
    normal = rates.mT @ rates
    ridge = 1e-13 * torch.eye(normal.shape[1], dtype=rate.dtype, device=rate.device)
    gamma = torch.linalg.solve(normal + ridge, rates.mT @ rate[:, :, None])
    return rate - ((states + rates) @ gamma)[:, :, 0]
