"""A time grid for a response to one jump at zero: fine up to 2, then octaves whose step doubles.

    [0, 2], [2, 4], [4, 8], ...        steps of h, 2 h, 4 h, ... with h = 2 / steps

A mode exp(-a t) has decayed by the time that its step has grown, so the error relative to it stays the same
in every octave, and a long tail costs steps / 2 for each doubling. The nodes do not depend on where the march
ends.

Between the nodes stands the polynomial of degree seven through eight of them. Only values are used: the slope
that the equation gives at a node is not the slope of the discrete solution, they differ by the order of the
scheme, and an interpolant that mixed them would leave an error that extrapolation cannot remove.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.integrate.crank_nicolson import CRANK_NICOLSON, HALF_STEP

HALF_STEPS = 4
POINTS = 8


class Octave(NamedTuple):
    """One stretch of constant step: where it starts, its step and the weights of its marching steps."""

    start: float
    step: float
    weights: np.ndarray


class Nodes(NamedTuple):
    """The nodes of a march that are kept: every stretch is evenly spaced.

    Attributes:
        starts, steps: of each stretch, shape (stretches,).
        offsets: the index of each stretch's first node and, last, of the final node, shape (stretches + 1,).
    """

    starts: Tensor
    steps: Tensor
    offsets: Tensor


def octaves(steps: int, end: float) -> list[Octave]:
    """Return the stretches that reach at least `end` > 0; `steps` is even and counts those of [0, 2].

    The first begins with four half steps, whose odd ones are not nodes.
    """
    step = 2.0 / steps
    plain = min(steps, max(int(np.ceil(end / step)), POINTS)) - HALF_STEPS // 2
    damped = np.full(HALF_STEPS, HALF_STEP)
    stretches = [Octave(0.0, step, np.concatenate([damped, np.full(plain, CRANK_NICOLSON)]))]
    start = 2.0
    while start < end:
        step *= 2.0
        count = min(steps // 2, max(int(np.ceil((end - start) / step)), POINTS))
        stretches.append(Octave(start, step, np.full(count, CRANK_NICOLSON)))
        start *= 2.0
    return stretches


def nodes_of(stretches: list[Octave], like: Tensor) -> Nodes:
    """Return the kept nodes, on the device of `like`."""
    counts = [len(stretch.weights) for stretch in stretches]
    counts[0] -= HALF_STEPS // 2
    return Nodes(
        like.new_tensor([stretch.start for stretch in stretches]),
        like.new_tensor([stretch.step for stretch in stretches]),
        torch.tensor(np.concatenate([[0], np.cumsum(counts)]), device=like.device),
    )


def kept(path: Tensor) -> Tensor:
    """Drop the odd half steps from rows that follow the march, the start included."""
    return torch.cat([path[: HALF_STEPS + 1 : 2], path[HALF_STEPS + 1 :]])


class Lookup:
    """Where times lie among the nodes: found once, then read for any number of quantities.

    Args:
        at: where to read, inside the nodes, shape (times, batch); differentiable.
    """

    def __init__(self, nodes: Nodes, at: Tensor) -> None:
        where = at.detach().contiguous()
        stretch = (torch.bucketize(where, nodes.starts, right=True) - 1).clamp(min=0)
        start, step = nodes.starts[stretch], nodes.steps[stretch]
        first, last = nodes.offsets[stretch], nodes.offsets[stretch + 1]
        cell = ((where - start) / step).floor().long()
        self.base = torch.minimum((first + cell - POINTS // 2 + 1).clamp(min=0), last - POINTS + 1).maximum(first)
        self.basis: Tensor = _Basis.apply(at, start + (self.base - first) * step, step)

    def read(self, values: Tensor) -> Tensor:
        """Return the values between the nodes, shape (times, batch), given those at them, (nodes, batch)."""
        rows = self.base + torch.arange(POINTS, device=values.device)[:, None, None]
        return (self.basis * values.gather(0, rows.flatten(0, 1)).unflatten(0, (POINTS, -1))).sum(0)


def interpolate(nodes: Nodes, values: Tensor, at: Tensor) -> Tensor:
    """Return the values between the nodes; `Lookup` for one quantity."""
    return Lookup(nodes, at).read(values)


class _Basis(torch.autograd.Function):
    """The basis polynomials at `at` on the nodes origin + k step, k = 0 ... POINTS - 1: shape (POINTS, times, batch).

    Differentiated as a whole: in forward mode a tensor without a tangent is dear beside one that has it.
    """

    @staticmethod
    def forward(at: Tensor, origin: Tensor, step: Tensor) -> Tensor:
        return _lagrange((at - origin) / step)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def _slopes(ctx: Any) -> Tensor:
        at, origin, step = (part.detach() for part in ctx.saved_tensors)
        return _lagrange((at - origin) / step)[1] / step

    @staticmethod
    def jvp(ctx: Any, along: Tensor, *_: None) -> Tensor:
        return _Basis._slopes(ctx) * along

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor, None, None]:
        return (bar * _Basis._slopes(ctx)).sum(0), None, None


def _lagrange(u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the basis polynomials on the nodes 0 ... POINTS - 1 at `u`, and their derivatives."""
    one, none = torch.ones_like(u), torch.zeros_like(u)
    below, above = [(one, none)], [(one, none)]
    for m in range(POINTS - 1):
        for side, node in ((below, m), (above, POINTS - 1 - m)):
            value, slope = side[-1]
            side.append((value * (u - node), slope * (u - node) + value))
    values, slopes = [], []
    for k in range(POINTS):
        scale = math.prod(k - m for m in range(POINTS) if m != k)
        (left, left_slope), (right, right_slope) = below[k], above[POINTS - 1 - k]
        values.append(left * right / scale)
        slopes.append((left_slope * right + left * right_slope) / scale)
    return torch.stack(values), torch.stack(slopes)
