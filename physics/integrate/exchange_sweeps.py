"""The march of `exchange` in array operations, for devices other than the processor.

Same arguments and results as `exchange_kernels`, to rounding. Each step costs log2(cells) sweeps of cyclic
reduction.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal


def _rows(window: Tensor, size: int) -> Tensor:
    return window[None, :] + torch.arange(size, device=window.device)[:, None]


def _fed(state: Tensor, store: Tensor, into: Tensor, source: Tensor) -> Tensor:
    fed = state + into * store
    fed[0] += source
    return fed


def forward(*args: Tensor, size: int, face: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the watched cells (steps, size, batch), the last state and store and the sums (steps, 5, batch)."""
    lower, diag, upper, source, into, keep, take, c, s, weights, window, mass = args
    system, rows = CyclicReduction(Tridiagonal(lower, diag, upper)), _rows(window, size)
    seen, sums = [], []
    for weight in weights.tolist():
        x = system.solve(_fed(c, s, into, source))
        c, s = torch.lerp(c, x, weight), torch.lerp(s, keep * s + take * x, weight)
        seen.append(c.gather(0, rows))
        if len(mass):
            after = c[face] if face < len(c) else torch.zeros_like(c[0])
            held = [(mass[:face] * value[:face]).sum(0) for value in (c, s)]
            sums.append(torch.stack([held[0], c[0], c[face - 1], after, held[1]]))
    counted = torch.stack(sums) if sums else c.new_empty(0, 5, c.shape[1])
    return torch.stack(seen), c.clone(), s.clone(), counted


def tangent(*args: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the directional derivatives of the watched cells, of the last state and of the last store."""
    lower, diag, upper, source, into, keep, take, c, s, weights, window = args[:11]
    lower_t, diag_t, upper_t, source_t, into_t, keep_t, take_t, ct, st = args[11:]
    system, rows = CyclicReduction(Tridiagonal(lower, diag, upper)), _rows(window, size)
    change, seen = Tridiagonal(lower_t, diag_t, upper_t), []
    for weight in weights.tolist():
        x = system.solve(_fed(c, s, into, source))
        xt = system.solve(_fed(ct, st, into, source_t) + into_t * s - change.times(x))
        held_t = keep_t * s + keep * st + take_t * x + take * xt
        c, s = torch.lerp(c, x, weight), torch.lerp(s, keep * s + take * x, weight)
        ct, st = torch.lerp(ct, xt, weight), torch.lerp(st, held_t, weight)
        seen.append(ct.gather(0, rows))
    return torch.stack(seen), ct.clone(), st.clone()


def adjoint(*args: Tensor) -> tuple[Tensor, ...]:
    """Return the cotangents of the diagonals, the source, the couplings, the state and the store."""
    lower, diag, upper, source, into, keep, take, c, s, weights, window = args[:11]
    seen_bar, final_bar, store_bar = args[11:]
    matrix = Tridiagonal(lower, diag, upper)
    system, rows = CyclicReduction(matrix), _rows(window, seen_bar.shape[1])
    kept, stores = [], []
    for weight in weights.tolist():
        stores.append(s)
        kept.append(system.solve(_fed(c, s, into, source)))
        c, s = torch.lerp(c, kept[-1], weight), torch.lerp(s, keep * s + take * kept[-1], weight)
    back, bar, s_bar = CyclicReduction(matrix.transposed()), final_bar.clone(), store_bar
    lower_bar, diag_bar, upper_bar = (torch.zeros_like(diag) for _ in range(3))
    source_bar, into_bar, keep_bar, take_bar = (torch.zeros_like(source) for _ in range(4))
    for n in range(len(kept) - 1, -1, -1):
        weight, x, held = float(weights[n]), kept[n], stores[n]
        bar.scatter_add_(0, rows, seen_bar[n])
        held_bar = weight * s_bar
        keep_bar += (held_bar * held).sum(0)
        take_bar += (held_bar * x).sum(0)
        mu = back.solve(weight * bar + take * held_bar)
        bar = (1.0 - weight) * bar + mu
        s_bar = (1.0 - weight) * s_bar + keep * held_bar + into * mu
        into_bar += (mu * held).sum(0)
        diag_bar -= mu * x
        lower_bar[1:] -= mu[1:] * x[:-1]
        upper_bar[:-1] -= mu[:-1] * x[1:]
        source_bar += mu[0]
    return lower_bar, diag_bar, upper_bar, source_bar, into_bar, keep_bar, take_bar, bar, s_bar
