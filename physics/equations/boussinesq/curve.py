"""The flux at the bottom plate over time as a differentiable function of Ra, Pr, the first disturbance and the clock.

A member's curve depends on four numbers of its own, so its whole Jacobian is four directions, marched through the
compiled scheme by the complex step (`physics.integrate.projection.march_arrays`): exact for the discrete values, at a
cost that does not depend on how many values the curve has, and without a tape. Both modes of differentiation use it.

The step counts are chosen once, from detached values; a member that flows faster than they bear takes twice as many
throughout, so that the curve is a smooth function of its numbers but for rare such changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.equations.boussinesq.layer import Layer, perturbed
from physics.equations.boussinesq.run import Flow, run
from physics.integrate.projection import march_arrays

_TINY = 1e-30
_STABLE = 1.6
_DOUBLINGS = 6


@dataclass(frozen=True, eq=False)
class Schedule:
    """One layer and the stretches of time it is marched over.

    Attributes:
        lengths: of the stretches, in the unit of the clock, and `counts` the steps in each, shape (stretches,).
        outputs: for each stretch, how many output times stand at its end (the start counts as stretch -1).
        rolls: see `physics.equations.boussinesq.layer.perturbed`.
        last: the numbers last marched, with their factors and curves: a Jacobian asks for them again.
    """

    layer: Layer
    rolls: int
    lengths: np.ndarray
    counts: np.ndarray
    outputs: np.ndarray
    at_start: int
    last: dict[bytes, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)


def schedule(layer: Layer, flow: Flow, times: np.ndarray, chunk: float) -> Schedule:
    """Choose the steps for layers like `flow` and rising `times`, in the unit of the flow's clock."""
    state = perturbed(layer, flow.amplitude, flow.rolls)
    never = torch.full((flow.batch,), torch.inf, dtype=torch.float64)
    record = run(
        layer, flow, state, times, chunk=chunk, patience=0.0, settled=0.0, left=never, device=torch.device("cpu")
    )
    lengths = np.array([length for length, _ in record.plan])
    counts = np.array([max(int(steps.max()), 1) for _, steps in record.plan], dtype=np.int64)
    ends = np.cumsum(lengths)
    nearest = np.array([int(np.abs(ends - time).argmin()) if time > 0 else -1 for time in times])
    outputs = np.array([(nearest == k).sum() for k in range(len(ends))], dtype=np.int64)
    return Schedule(layer, flow.rolls, lengths, counts, outputs, int((nearest == -1).sum()))


def flux(plan: Schedule, rayleigh: Tensor, prandtl: Tensor, amplitude: Tensor, clock: Tensor) -> Tensor:
    """Return the flux at the bottom plate, shape (batch, times), from tensors of shape (batch,)."""
    values: Tensor = _Flux.apply(rayleigh, prandtl, amplitude, clock, plan)
    return values


class _Flux(torch.autograd.Function):
    @staticmethod
    def forward(rayleigh: Tensor, prandtl: Tensor, amplitude: Tensor, clock: Tensor, plan: Schedule) -> Tensor:
        values = _values(rayleigh, prandtl, amplitude, clock)
        return torch.from_numpy(_stable(plan, values)[1].T.copy()).to(rayleigh.device)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:4])
        ctx.save_for_forward(*inputs[:4])
        ctx.plan = inputs[4]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor | None, ...]:
        slopes = _slopes(ctx.plan, ctx.saved_tensors, ctx.needs_input_grad)
        return (*(None if slope is None else (slope * bar).sum(1) for slope in slopes), None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        saved = ctx.saved_tensors
        wanted = [tangent is not None and bool((tangent != 0).any()) for tangent in tangents[:4]]
        total = torch.zeros_like(saved[0])[:, None]
        for slope, tangent in zip(_slopes(ctx.plan, saved, wanted), tangents, strict=False):
            if slope is not None and tangent is not None:
                total = total + slope * tangent[:, None]
        return total.expand(-1, int(ctx.plan.outputs.sum()) + ctx.plan.at_start).clone()


def _values(*tensors: Tensor) -> np.ndarray:
    return np.stack([tensor.detach().cpu().to(torch.float64).numpy() for tensor in tensors])


def _slopes(plan: Schedule, saved: tuple[Tensor, ...], wanted: Any) -> list[Tensor | None]:
    """Return the derivative of the curves by each wanted input, shape (batch, times)."""
    values = _values(*saved)
    factors, _ = _stable(plan, values)
    slopes: list[Tensor | None] = []
    for k in range(4):
        if not wanted[k]:
            slopes.append(None)
            continue
        complexed = values.astype(np.complex128)
        complexed[k] += 1j * _TINY
        slope = _march(plan, complexed, factors).imag.T / _TINY
        slopes.append(torch.from_numpy(slope.copy()).to(saved[0].device))
    return slopes


def _stable(plan: Schedule, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each member's step counts are multiplied so that it is stable, (batch,), and its curve.

    The curves have the shape (times, batch).
    """
    key = values.tobytes()
    if key in plan.last:
        return plan.last[key]
    factors = np.ones(values.shape[1], dtype=np.int64)
    curves = np.empty((plan.at_start + int(plan.outputs.sum()), values.shape[1]))
    pending = np.arange(values.shape[1])
    for _ in range(_DOUBLINGS):
        fastest = np.zeros(len(pending))
        curves[:, pending] = _march(plan, values[:, pending], factors[pending], fastest)
        unsound = ~np.isfinite(curves[:, pending]).all(axis=0) | ~(fastest <= _STABLE)
        pending = pending[unsound]
        if not len(pending):
            break
        factors[pending] *= 2
    if len(pending):
        curves[:, pending] = _march(plan, values[:, pending], factors[pending])
    plan.last.clear()
    plan.last[key] = factors, curves
    return factors, curves


def _march(plan: Schedule, values: np.ndarray, factors: np.ndarray, fastest: np.ndarray | None = None) -> np.ndarray:
    """March members with the numbers (4, batch), real or complex; return the fluxes (times, batch)."""
    layer, kind, batch = plan.layer, values.dtype, values.shape[1]
    rayleigh, prandtl, amplitude, clock = values
    one = torch.ones(1, dtype=torch.float64)
    at_rest, unit = perturbed(layer, 0.0 * one, plan.rolls), perturbed(layer, one, plan.rolls)
    fields = [np.repeat(field.numpy().astype(kind), batch, axis=0) for field in at_rest]
    fields[2] += amplitude[:, None, None] * (unit.T - at_rest.T).numpy()
    force = rayleigh * prandtl
    push = np.stack([force, 0 * force] if layer.from_side else [0 * force, force], axis=1)
    rows = [_bottom(layer, fields[2])] * plan.at_start
    for length, count, outputs in zip(plan.lengths, plan.counts, plan.outputs, strict=True):
        steps = count * factors
        dt = length / clock / steps
        _, swept = march_arrays(layer.operators, fields, prandtl, push, dt, steps)
        if fastest is not None:
            np.maximum(fastest, np.nan_to_num(swept, nan=np.inf) * np.abs(dt), out=fastest)
        rows += [_bottom(layer, fields[2])] * outputs
    return np.stack(rows)


def _bottom(layer: Layer, T: np.ndarray) -> np.ndarray:
    return np.asarray((1.0 - T[:, 0].mean(axis=-1)) / layer.gap[0])
