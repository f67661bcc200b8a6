"""Curves of a column from the closed form `exact`, with exact derivatives, where there is one.

Linear sorption, one region and a feed in steps: the response to a step S(t), of a pulse that ends at t_e
S(t) - S(t - t_e), of a column that is leached exp(-mu t / R) (1 - S(t)) with S that of no decay. Rounding is the only
error (about 1e-13 of the feed), whatever the Peclet number, and a curve of 35 points takes some ten microseconds;
a fit calls for nothing else. Every other column is marched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.equations.advection_dispersion import analytic_kernels as kernels
from physics.equations.advection_dispersion.scaling import NEEDED, REGIONS, Scheme
from physics.errors import ParameterError
from physics.integrate.lanes import in_parts
from physics.series import Series

_SHARE = 1000  # points that are worth a thread of their own
_PLAIN = (1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)  # what stands where nothing is given, in the order of the names
_COLUMN = {name: j for j, name in enumerate(kernels.NAMES)}

Marched = Callable[[dict[str, Tensor], Tensor], Tensor]


def has_closed_form(scheme: Scheme, names: Sequence[str]) -> bool:
    """Return whether columns with these parameters have a closed form."""
    linear = scheme.isotherm == "linear" and not isinstance(scheme.input, Series)
    return linear and not any(name in names for name in REGIONS)


class Curves:
    """A differentiable `model(parameters, times)` -> (batch, times), as `physics.calibrate.sensitivity` has it.

    Args:
        scheme: which model.
        marched: the curves of a call that brings parameters for which there is no closed form.
    """

    def __init__(self, scheme: Scheme, marched: Marched) -> None:
        self.scheme, self.marched = scheme, marched
        self._plain, self._closed = has_closed_form(scheme, ()), scheme.outlet == "closed"
        self._kinds = scheme.inlet == "first-type", self._closed, scheme.reading == "flux"
        self._feed = scheme.input == "pulse", scheme.input == "leach"
        self._needed = (*NEEDED, "pulse_duration") if scheme.input == "pulse" else NEEDED

    def __call__(self, parameters: Mapping[str, Tensor], times: Tensor) -> Tensor:
        """Return C/C0, differentiable once in every parameter and in the times, in both modes.

        Args:
            parameters: SI, of shape (batch,) or (), float64; those that a column has not are not looked at.
            times: seconds, shape (times,).
        """
        if not self._known(parameters, times):
            return self.marched(dict(parameters), times)
        names = self._names(parameters)
        curve: Tensor = _Curve.apply(self, names, times, *(parameters[name] for name in names))
        return curve

    def linearise(
        self, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
    ) -> tuple[Tensor, Tensor] | None:
        """Return the curves, shape (batch, times), and their derivatives by `names`, (batch, times, names).

        None where there is no closed form, or the numbers stand on an accelerator.
        """
        if not self._known(parameters, times):
            return None
        known = self._names(parameters)
        values, slopes = self.evaluate(known, [parameters[name] for name in known], times, True, "decay" in names)
        if not set(names) <= set(known):
            slopes = np.concatenate([slopes, np.zeros_like(slopes[..., :1])], -1)  # the last: of no influence
        wanted = slopes[..., [_COLUMN[name] if name in known else -1 for name in names]]
        return torch.from_numpy(values), torch.from_numpy(wanted)

    def evaluate(
        self, names: Sequence[str], given: Sequence[Tensor], times: Tensor, derive: bool, decaying: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the curves and their derivatives by `kernels.NAMES` and the time, (batch, times, 8).

        Without `decaying` the one by a decay of zero is left out.
        """
        rows = [value.detach().numpy() for value in given]
        batch = max((value.size for value in rows if value.ndim), default=1)
        columns = np.empty((batch, len(kernels.NAMES)))
        columns[:] = _PLAIN
        for name, value in zip(names, rows, strict=True):
            if value.ndim and value.size not in (1, batch):
                sizes = ", ".join(f"{name} {row.shape}" for name, row in zip(names, rows, strict=True) if row.ndim)
                raise ParameterError(f"column: the batches differ in size: {sizes}")
            columns[:, _COLUMN[name]] = value
        placed, inside = "position" in names, False
        if not placed:
            columns[:, kernels.POSITION] = columns[:, kernels.LENGTH]
        elif self._closed:
            inside = bool((columns[:, kernels.POSITION] != columns[:, kernels.LENGTH]).any())
        at = np.ascontiguousarray(times.detach().numpy())
        values, slopes = np.empty((batch, len(at))), np.empty((batch, len(at), 8 if derive else 0))
        parts = 1 if values.size < 2 * _SHARE else min(batch, os.cpu_count() or 1, values.size // _SHARE)

        def work(part: int) -> None:
            edges = batch * part // parts, batch * (part + 1) // parts
            kernels.curves(columns, at, *self._kinds, inside, *self._feed, derive, decaying, *edges, values, slopes)

        in_parts(parts, work)
        if derive and not placed and not self._closed:
            slopes[..., kernels.LENGTH] = slopes[..., kernels.POSITION]
        return values, slopes

    def _known(self, parameters: Mapping[str, Tensor], times: Tensor) -> bool:
        if not self._plain or not parameters.keys().isdisjoint(REGIONS):
            return False
        return not (any(value.device.type != "cpu" for value in (times, *parameters.values())))

    def _names(self, parameters: Mapping[str, Tensor]) -> tuple[str, ...]:
        for name in self._needed:
            if name not in parameters:
                raise ParameterError(f"column: {name} is missing; give it a value")
        return tuple(name for name in kernels.NAMES if name in parameters)


class _Curve(torch.autograd.Function):
    """The curves on the tape, with the times and the parameters as inputs."""

    @staticmethod
    def forward(curves: Curves, names: tuple[str, ...], times: Tensor, *given: Tensor) -> Tensor:
        return torch.from_numpy(curves.evaluate(names, given, times, False)[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.curves, ctx.names = inputs[:2]
        ctx.save_for_backward(*inputs[2:])
        ctx.save_for_forward(*inputs[2:])

    @staticmethod
    def _slopes(ctx: Any) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Return the inputs, and the derivatives by each of them, shape (batch, times)."""
        times, *given = ctx.saved_tensors
        _, slopes = ctx.curves.evaluate(ctx.names, given, times, True)
        columns = [kernels.MOMENT, *(_COLUMN[name] for name in ctx.names)]
        return (times, *given), [torch.from_numpy(slopes[..., j]) for j in columns]

    @staticmethod
    def jvp(ctx: Any, _curves: None, _names: None, *tangents: Tensor | None) -> Tensor:
        _, slopes = _Curve._slopes(ctx)
        result = torch.zeros_like(slopes[0])
        for j, (slope, tangent) in enumerate(zip(slopes, tangents, strict=True)):
            if tangent is not None:
                result = result + slope * (tangent if j == 0 or tangent.dim() == 0 else tangent[:, None])
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor | None, ...]:
        inputs, slopes = _Curve._slopes(ctx)
        found: list[Tensor | None] = []
        for j, (value, slope) in enumerate(zip(inputs, slopes, strict=True)):
            if not ctx.needs_input_grad[2 + j]:
                found.append(None)
                continue
            each = bar * slope
            found.append(each.sum(0) if j == 0 else each.sum(1).sum_to_size(value.shape))
        return None, None, *found
