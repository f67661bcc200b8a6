"""The march of `crank_nicolson` in array operations, for devices other than the processor.

Same arguments and results as `kernels`, to rounding. Each step costs log2(cells) sweeps of cyclic reduction.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal


def _rows(window: Tensor, size: int) -> Tensor:
    return window[None, :] + torch.arange(size, device=window.device)[:, None]


def _fed(state: Tensor, source: Tensor) -> Tensor:
    fed = state.clone()
    fed[0] += source
    return fed


def forward(
    lower: Tensor,
    diag: Tensor,
    upper: Tensor,
    source: Tensor,
    state: Tensor,
    weights: Tensor,
    window: Tensor,
    size: int,
    mass: Tensor,
    face: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the watched cells (steps, size, batch), the last state and the sums (steps, 4, batch)."""
    system, rows, c = CyclicReduction(Tridiagonal(lower, diag, upper)), _rows(window, size), state
    seen, sums = [], []
    for weight in weights.tolist():
        x = system.solve(_fed(c, source))
        c = torch.lerp(c, x, weight)
        seen.append(c.gather(0, rows))
        if len(mass):
            after = c[face] if face < len(c) else torch.zeros_like(c[0])
            sums.append(torch.stack([(mass[:face] * c[:face]).sum(0), c[0], c[face - 1], after]))
    counted = torch.stack(sums) if sums else c.new_empty(0, 4, c.shape[1])
    return torch.stack(seen), c.clone(), counted


def tangent(
    lower: Tensor,
    diag: Tensor,
    upper: Tensor,
    source: Tensor,
    state: Tensor,
    weights: Tensor,
    window: Tensor,
    lower_t: Tensor,
    diag_t: Tensor,
    upper_t: Tensor,
    source_t: Tensor,
    state_t: Tensor,
    size: int,
) -> tuple[Tensor, Tensor]:
    """Return the directional derivatives of the watched cells and of the last state."""
    system, rows = CyclicReduction(Tridiagonal(lower, diag, upper)), _rows(window, size)
    change, c, ct, seen = Tridiagonal(lower_t, diag_t, upper_t), state, state_t, []
    for weight in weights.tolist():
        x = system.solve(_fed(c, source))
        xt = system.solve(_fed(ct, source_t) - change.times(x))
        c, ct = torch.lerp(c, x, weight), torch.lerp(ct, xt, weight)
        seen.append(ct.gather(0, rows))
    return torch.stack(seen), ct.clone()


def adjoint(
    lower: Tensor,
    diag: Tensor,
    upper: Tensor,
    source: Tensor,
    state: Tensor,
    weights: Tensor,
    window: Tensor,
    seen_bar: Tensor,
    final_bar: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the cotangents of the diagonals, the source and the state."""
    matrix = Tridiagonal(lower, diag, upper)
    system, rows, c, kept = CyclicReduction(matrix), _rows(window, seen_bar.shape[1]), state, []
    for weight in weights.tolist():
        kept.append(system.solve(_fed(c, source)))
        c = torch.lerp(c, kept[-1], weight)
    back, bar = CyclicReduction(matrix.transposed()), final_bar.clone()
    lower_bar, diag_bar, upper_bar = (torch.zeros_like(diag) for _ in range(3))
    source_bar = torch.zeros_like(source)
    for n in range(len(kept) - 1, -1, -1):
        weight, x = float(weights[n]), kept[n]
        bar.scatter_add_(0, rows, seen_bar[n])
        mu = back.solve(weight * bar)
        bar = (1.0 - weight) * bar + mu
        diag_bar -= mu * x
        lower_bar[1:] -= mu[1:] * x[:-1]
        upper_bar[:-1] -= mu[:-1] * x[1:]
        source_bar += mu[0]
    return lower_bar, diag_bar, upper_bar, source_bar, bar
