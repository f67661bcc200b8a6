"""March cells that hold more than what is dissolved in them, as one differentiable step of the tape.

    d(c + kappa s)/dt = -L c + source f(t),      c = sign(w) |w|^a,  s = sign(w) |w|^b

w is the unknown: with min(a, b) = 1 either c or s is w itself, and what a cell holds, c + kappa s, has a slope in
w that is never zero and never infinite, whichever of the two isotherms bends. Two implicit stages make a step dt,

    y1 = y + g F(y1),    y2 = y + (1 - g) / g (y1 - y) + g F(y2),    g = (1 - 1 / sqrt 2) dt,

of second order and stiffly accurate: the last stage is the new state, a jump is damped at once and the sum of
what the cells hold changes by the fluxes of the stages, exactly (Alexander's SDIRK2). Newton's iteration is
differentiated by the implicit function theorem: one linear solve a stage in either mode.

Source: R. Alexander, Diagonally implicit Runge-Kutta methods for stiff O.D.E.'s, SIAM J. Numer. Anal. 14 (1977)
1006-1021, doi:10.1137/0714068.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.integrate import sorption_kernels, sorption_sweeps
from physics.integrate.crank_nicolson import _arrays
from physics.integrate.lanes import each_member

_INPUTS = 9  # those that carry derivatives: three diagonals, source, steps, feed, kappa, a, b
GAMMA = sorption_kernels.GAMMA


class Sorbed(NamedTuple):
    """What a march returns.

    Attributes:
        seen: c of the watched cells after each step, shape (steps, size, batch); not a number from the step on
            that did not converge.
        sums: what the cells before `face` hold at first and after each step, and of each step the weighted means
            of the first cell, the cells before and behind the face and the dissolved mass before it, shape
            (steps + 1, 5, batch); not differentiable; empty without `mass`.
    """

    seen: Tensor
    sums: Tensor


class _SorptionFunction(torch.autograd.Function):
    @staticmethod
    def forward(*args: Any) -> tuple[Tensor, Tensor, Tensor]:
        *tensors, full, size, face, keep = args
        return _forward(tensors, full, size, face, keep)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:10], output[2])
        ctx.save_for_forward(*inputs[:10], output[2])
        ctx.full, ctx.size = inputs[11], inputs[12]
        ctx.mark_non_differentiable(output[1], output[2])
        ctx.set_materialize_grads(True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, seen_bar: Tensor, *_: Tensor) -> tuple[Any, ...]:
        given = _arrays(*ctx.saved_tensors, seen_bar)
        inputs, window, kept, bar = given[:_INPUTS], given[9], given[10], given[11]
        bars = [np.zeros_like(value) for value in inputs]

        def work(k: int) -> None:
            sorption_kernels.adjoint(*inputs, bar, ctx.full, window, kept, k, k + 1, *bars)

        each_member(inputs[1].shape[1], work)
        return (*(torch.from_numpy(value) for value in bars), *(None,) * 6)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor, None, None]:
        saved = ctx.saved_tensors
        moved = [torch.zeros_like(s) if t is None else t for s, t in zip(saved, tangents[:_INPUTS], strict=False)]
        inputs, (window, kept) = _arrays(*saved[:_INPUTS], *moved), _arrays(*saved[9:])
        seen = np.empty((saved[4].shape[0], ctx.size, saved[1].shape[1]))

        def work(k: int) -> None:
            sorption_kernels.tangent(*inputs, ctx.full, window, kept, k, k + 1, seen)

        each_member(seen.shape[2], work)
        return torch.from_numpy(seen), None, None


def march(
    lower: Tensor, diag: Tensor, upper: Tensor, source: Tensor, steps: Tensor, feed: Tensor, kappa: Tensor,
    a: Tensor, b: Tensor, full: float, window: Tensor, mass: Tensor, size: int, face: int,
) -> Sorbed:  # fmt: skip
    """March with one operator and one isotherm per member of the batch.

    Args:
        lower, diag, upper: the diagonals of L, shape (cells, batch), float64.
        source: what the feed brings to the first cell, shape (batch,).
        steps: g of each step, shape (steps, batch).
        feed: f of each step, shape (steps, batch).
        kappa, a, b: of the isotherm, shape (batch,); the smaller of a and b is 1.
        full: the concentration in all cells at first.
        window: the first watched cell, shape (batch,), integer; `size` cells are watched.
        mass: what each cell weighs in the sums, shape (cells, batch), or (0, batch) to leave them out.
        face: how many cells from the inlet count into the sums.

    Returns:
        Sorbed: differentiable (once) in both modes with respect to the first nine arguments; for that the stages
            are held, 2 * steps * cells * batch numbers.
    """
    tensors = (lower, diag, upper, source, steps, feed, kappa, a, b)
    if diag.device.type != "cpu":
        return Sorbed(*sorption_sweeps.march(*tensors, full, window, mass, size, face))
    seen, sums, _ = _SorptionFunction.apply(*tensors, window, mass, full, size, face, _wanted(tensors))
    return Sorbed(seen, sums)


def _wanted(tensors: tuple[Tensor, ...]) -> bool:
    """Say whether a derivative is asked for."""
    if torch.is_grad_enabled() and any(value.requires_grad for value in tensors):
        return True
    return any(forward_ad.unpack_dual(value).tangent is not None for value in tensors)


def _forward(tensors: Any, full: float, size: int, face: int, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    given = _arrays(*tensors)
    (cells, batch), steps, mass = given[1].shape, given[4].shape[0], given[10]
    seen = np.empty((steps, size, batch))
    sums = np.empty((steps + 1 if len(mass) else 0, 5, batch))
    kept = np.empty((batch if keep else 0, steps, 2, cells))

    def work(k: int) -> None:
        sorption_kernels.forward(*given[:9], full, given[9], mass, face, k, k + 1, seen, sums, kept)

    each_member(batch, work)
    return torch.from_numpy(seen), torch.from_numpy(sums), torch.from_numpy(kept)
