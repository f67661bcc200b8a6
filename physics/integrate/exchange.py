"""March a linear system whose every cell exchanges with a store of its own, as one differentiable step.

    B x = c + q s + f,    y = k s + p x,    c <- w x + (1 - w) c,    s <- w y + (1 - w) s

c are the cells and s the stores, x and y their values at the middle of a Crank-Nicolson step (w = 2) or at the
end of a backward Euler half step (w = 1). A store obeys an ordinary equation of its own cell alone, so that it
is eliminated: q, k and p are what remains of it, and B stays tridiagonal. Order, damping of jumps and the two
modes of differentiation are those of `crank_nicolson`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.integrate import exchange_kernels, exchange_sweeps, kernels
from physics.integrate.crank_nicolson import _KEPT_NUMBERS, _arrays, _split

_INPUTS = 9  # those that carry derivatives: three diagonals, source, into, keep, take, state, store


class Exchanged(NamedTuple):
    """What a march returns.

    Attributes:
        seen: the watched cells after each step, shape (steps, size, batch).
        final, store: the last cells and stores, shape (cells, batch).
        sums: after each step, the mass of the cells before `face`, the first cell, the cells before and behind
            the face (0 if there is none) and the mass of the stores before it, shape (steps, 5, batch); not
            differentiable; empty without `mass`.
    """

    seen: Tensor
    final: Tensor
    store: Tensor
    sums: Tensor


class _ExchangeFunction(torch.autograd.Function):
    @staticmethod
    def forward(*args: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        *tensors, size, face = args
        if tensors[1].device.type == "cpu":
            return _forward(*tensors, size=size, face=face)
        return exchange_sweeps.forward(*tensors, size=size, face=face)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:11])
        ctx.save_for_forward(*inputs[:11])
        ctx.size = inputs[12]
        ctx.mark_non_differentiable(output[3])
        ctx.set_materialize_grads(True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, seen_bar: Tensor, final_bar: Tensor, store_bar: Tensor, _: Tensor) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        run = _adjoint if saved[1].device.type == "cpu" else exchange_sweeps.adjoint
        return (*run(*saved, seen_bar, final_bar, store_bar), None, None, None, None, None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        given = [torch.zeros_like(s) if t is None else t for s, t in zip(saved, tangents[:_INPUTS], strict=False)]
        run = _tangent if saved[1].device.type == "cpu" else exchange_sweeps.tangent
        return (*run(*saved, *given, size=ctx.size), None)


def march(
    lower: Tensor,
    diag: Tensor,
    upper: Tensor,
    source: Tensor,
    into: Tensor,
    keep: Tensor,
    take: Tensor,
    state: Tensor,
    store: Tensor,
    weights: Tensor,
    window: Tensor,
    mass: Tensor,
    size: int,
    face: int,
) -> Exchanged:
    """March `len(weights)` steps with one matrix per member of the batch.

    Args:
        lower, diag, upper: the diagonals of B, shape (cells, batch), float64.
        source: f of the first cell, the only one that is fed, shape (batch,).
        into, keep, take: q, k and p, shape (batch,).
        state, store: where to start, shape (cells, batch).
        weights, window, mass, size, face: as in `crank_nicolson.march`.

    Returns:
        Exchanged: differentiable (once) in both modes with respect to the first nine arguments.
    """
    given = (lower, diag, upper, source, into, keep, take, state, store, weights, window, mass)
    return Exchanged(*_ExchangeFunction.apply(*given, size, face))


def _forward(*args: Tensor, size: int, face: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    given = _arrays(*args)
    (cells, batch), steps = given[1].shape, len(given[9])
    seen, ends = np.empty((steps, size, batch)), [np.empty((cells, batch)) for _ in range(2)]
    sums = np.empty((steps if len(given[11]) else 0, 5, batch))
    _split(batch, lambda a, b: exchange_kernels.forward(*given, face, a, b, seen, *ends, sums))
    return torch.from_numpy(seen), torch.from_numpy(ends[0]), torch.from_numpy(ends[1]), torch.from_numpy(sums)


def _tangent(*args: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    given = _arrays(*args)
    cells, batch = given[1].shape
    seen, ends = np.empty((len(given[9]), size, batch)), [np.empty((cells, batch)) for _ in range(2)]
    _split(batch, lambda a, b: exchange_kernels.tangent(*given, a, b, seen, *ends))
    return torch.from_numpy(seen), torch.from_numpy(ends[0]), torch.from_numpy(ends[1])


def _adjoint(*args: Tensor) -> tuple[Tensor, ...]:
    given = _arrays(*args)
    cells, batch = given[1].shape
    lanes = max(1, min(kernels.LANES, _KEPT_NUMBERS // (2 * len(given[9]) * cells)))
    bars = [np.zeros((cells, batch) if k < 3 or k > 6 else batch) for k in range(_INPUTS)]
    _split(batch, lambda a, b: exchange_kernels.adjoint(*given, a, b, lanes, *bars))
    return tuple(torch.from_numpy(bar) for bar in bars)
