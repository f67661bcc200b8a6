"""Compiled curves on torch's tape, differentiable once in both modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class Compiled(Protocol):
    """Curves of named parameters, each of shape (batch,) or (), at times of shape (times,)."""

    def values(self, names: Sequence[str], given: Sequence[Tensor], times: Tensor) -> np.ndarray:
        """Return the curves, shape (batch, times)."""

    def slopes(
        self, names: Sequence[str], given: Sequence[Tensor], times: Tensor, wanted: Sequence[bool]
    ) -> list[np.ndarray | None]:
        """Return the derivatives by the time and by each name, (batch, times), where `wanted` says so."""


def record(curves: Compiled, names: tuple[str, ...], times: Tensor, given: Sequence[Tensor]) -> Tensor:
    """Return the curves, shape (batch, times), with the times and the parameters as inputs."""
    curve: Tensor = _Curve.apply(curves, names, times, *given)
    return curve


class _Curve(torch.autograd.Function):
    @staticmethod
    def forward(curves: Compiled, names: tuple[str, ...], times: Tensor, *given: Tensor) -> Tensor:
        return torch.from_numpy(curves.values(names, given, times))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.curves, ctx.names = inputs[:2]
        ctx.save_for_backward(*inputs[2:])
        ctx.save_for_forward(*inputs[2:])

    @staticmethod
    def _slopes(ctx: Any, wanted: Sequence[bool]) -> list[Tensor | None]:
        times, *given = ctx.saved_tensors
        found = ctx.curves.slopes(ctx.names, given, times, wanted)
        return [None if slope is None else torch.from_numpy(slope) for slope in found]

    @staticmethod
    def jvp(ctx: Any, _curves: None, _names: None, *tangents: Tensor | None) -> Tensor | None:
        result = None
        for j, slope in enumerate(_Curve._slopes(ctx, [tangent is not None for tangent in tangents])):
            tangent = tangents[j]
            if slope is not None and tangent is not None:
                term = slope * (tangent if j == 0 or tangent.dim() == 0 else tangent[:, None])
                result = term if result is None else result + term
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor | None, ...]:
        found: list[Tensor | None] = []
        slopes = _Curve._slopes(ctx, ctx.needs_input_grad[2:])
        for j, (value, slope) in enumerate(zip(ctx.saved_tensors, slopes, strict=True)):
            if slope is None or not ctx.needs_input_grad[2 + j]:
                found.append(None)
                continue
            each = bar * slope
            found.append(each.sum(0) if j == 0 else each.sum(1).sum_to_size(value.shape))
        return None, None, *found
