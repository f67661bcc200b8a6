"""March a linear system with constant tridiagonal matrices, as one differentiable step of the tape.

    dc/dt = -A c + s        one Crank-Nicolson step:   B x = c + f,   c <- 2 x - c
                            one backward Euler half step: B x = c + f,   c <- x
    B = I + dt A / 2,  f = dt s / 2

x is the value at the middle of a Crank-Nicolson step (exactly the mean of its ends) and at the end of a half
step, so one factorisation serves both and the discrete balance of every step reads c_new - c_old = (w dt / 2)
(s - A x), w = 2 or 1. Four half steps before the first Crank-Nicolson step damp what a jump in the data
excites; because log(1 + z) and log(1 - z) have opposite odd parts, they leave the global error a series in
even powers of dt, which is what extrapolation needs.

Both modes of differentiation march the linearised scheme itself (tangent forwards, transposed factors
backwards), so derivatives are exact for the discrete values. On the processor the loops are compiled
(`kernels`), elsewhere they are array operations (`sweeps`).

Source: R. Rannacher, Finite element solution of diffusion problems with irregular data, Numer. Math. 43
(1984) 309-327, doi:10.1007/BF01390130.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.integrate import kernels, sweeps

CRANK_NICOLSON = 2.0
HALF_STEP = 1.0
_KEPT_NUMBERS = 20_000_000  # what one thread of the adjoint may keep


class March(NamedTuple):
    """What a march returns.

    Attributes:
        seen: the watched cells after each step, shape (steps, size, batch).
        final: the last state, shape (cells, batch).
        sums: after each step, the mass before `face`, the first cell and the cells before and behind the face
            (0 if there is none), shape (steps, 4, batch); for balances, not differentiable; empty without
            `mass`.
    """

    seen: Tensor
    final: Tensor
    sums: Tensor


class _MarchFunction(torch.autograd.Function):
    @staticmethod
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
        run = _forward if diag.device.type == "cpu" else sweeps.forward
        return run(lower, diag, upper, source, state, weights, window, size, mass, face)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:7])
        ctx.save_for_forward(*inputs[:7])
        ctx.size = inputs[7]
        ctx.mark_non_differentiable(output[2])
        ctx.set_materialize_grads(True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, seen_bar: Tensor, final_bar: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        run: Callable[..., tuple[Tensor, ...]] = _adjoint if saved[1].device.type == "cpu" else sweeps.adjoint
        return (*run(*saved, seen_bar, final_bar), None, None, None, None, None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        saved = ctx.saved_tensors
        given = [torch.zeros_like(s) if t is None else t for s, t in zip(saved, tangents[:5], strict=False)]
        run: Callable[..., tuple[Tensor, Tensor]] = _tangent if saved[1].device.type == "cpu" else sweeps.tangent
        return (*run(*saved, *given, ctx.size), None)


def march(
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
) -> March:
    """March `len(weights)` steps with one matrix per member of the batch.

    Args:
        lower, diag, upper: the diagonals of B, shape (cells, batch), float64.
        source: f of the first cell, the only one that is fed, shape (batch,).
        state: where to start, shape (cells, batch).
        weights: `CRANK_NICOLSON` or `HALF_STEP` for each step, shape (steps,), the same for the whole batch.
        window: the first watched cell, shape (batch,), integer.
        size: how many cells are watched.
        mass: what each cell weighs in `March.sums`, shape (cells, batch), or (0, batch) to leave the sums
            out.
        face: how many cells from the inlet count into them.

    Returns:
        March: differentiable (once) in both modes with respect to the first five arguments.
    """
    return March(*_MarchFunction.apply(lower, diag, upper, source, state, weights, window, size, mass, face))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="march")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _split(batch: int, work: Callable[[int, int], None]) -> None:
    """Run `work(first, last)` over the batch, on several threads when there is more than one block."""
    blocks = -(-batch // kernels.LANES)
    if blocks < 2:
        work(0, batch)
        return
    parts = min(blocks, 4 * (os.cpu_count() or 1))
    edges = [min(batch, kernels.LANES * (blocks * k // parts)) for k in range(parts)] + [batch]
    for done in [_pool().submit(work, edges[k], edges[k + 1]) for k in range(parts)]:
        done.result()


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [np.ascontiguousarray(t.detach().numpy()) for t in tensors]


def _forward(
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
    given = _arrays(lower, diag, upper, source, state, weights, window, mass)
    cells, batch = diag.shape
    seen, final = np.empty((len(weights), size, batch)), np.empty((cells, batch))
    counted = len(weights) if len(mass) else 0
    sums = np.empty((counted, 4, batch))
    _split(batch, lambda a, b: kernels.forward(*given, face, a, b, seen, final, sums))
    return torch.from_numpy(seen), torch.from_numpy(final), torch.from_numpy(sums)


def _tangent(*args: Any) -> tuple[Tensor, Tensor]:
    given, size = _arrays(*args[:-1]), args[-1]
    cells, batch = given[1].shape
    seen, final = np.empty((len(given[5]), size, batch)), np.empty((cells, batch))
    _split(batch, lambda a, b: kernels.tangent(*given, a, b, seen, final))
    return torch.from_numpy(seen), torch.from_numpy(final)


def _adjoint(*args: Tensor) -> tuple[Tensor, ...]:
    given = _arrays(*args)
    cells, batch = given[1].shape
    lanes = max(1, min(kernels.LANES, _KEPT_NUMBERS // (len(given[5]) * cells)))
    bars = [np.zeros((cells, batch)) for _ in range(3)] + [np.zeros(batch), np.zeros((cells, batch))]
    _split(batch, lambda a, b: kernels.adjoint(*given, a, b, lanes, *bars))
    return tuple(torch.from_numpy(bar) for bar in bars)
