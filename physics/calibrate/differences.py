"""A differentiable curve from an experiment that declares none: its simulation, and differences of it.

    d f / d theta . t  =  (f(theta + h t) - f(theta - h t)) / (2 h)  + O(h^2)

A run is within its tolerance e of the exact curve, so that the quotient is off by e / h besides: the step that
balances both is h = e^(1/3) of the parameter, and a derivative is then good to e^(2/3). An experiment whose fits
should be exact to more declares a `model` of its own. A simulation that takes no batch is run member by member.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.experiment import Experiment
from physics.solution import Status

_SMALLEST_STEP = 1e-5
log = logging.getLogger(__name__)


def model_of(experiment: Experiment, given: Mapping[str, Any], times: Tensor, tolerance: float) -> Model:
    """Return the experiment's own model, or one from its simulation; both give the first curve, (batch, n).

    `given` are the settings that someone gave, SI, not those that follow from them: one that follows from a
    parameter would otherwise keep its value when that parameter changes.
    """
    if experiment.model is not None:
        return experiment.model(experiment.complete(dict(given)), times, tolerance)
    name = experiment.curve.name

    def simulated(settings: Mapping[str, Any], at: Tensor) -> Tensor:
        solution = experiment.simulate({**given, **settings}, at, tolerance=tolerance)
        values = solution.outputs[name].values
        return torch.full_like(values, torch.nan) if solution.status is Status.DIVERGED else values

    def run(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        batch = next(iter(parameters.values())).shape[0]
        try:
            values = simulated(parameters, at)
            if values.shape[0] == batch:
                return values
        except (TypeError, ValueError, RuntimeError) as error:
            if batch == 1:
                raise
            log.debug("%s takes one member at a time: %s", experiment.name, error)
        members = [{name: float(value[i]) for name, value in parameters.items()} for i in range(batch)]
        return torch.cat([simulated(member, at) for member in members])

    step = max(tolerance ** (1 / 3), _SMALLEST_STEP)

    def curves(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        names = tuple(parameters)
        return _Differences.apply(run, names, step, at, *(parameters[each] for each in names))

    return curves


def fixed_of(experiment: Experiment, given: Mapping[str, Any], free: Sequence[str]) -> dict[str, float]:
    """Return what such a model takes besides the free parameters: the numbers of the complete settings, or nothing."""
    if experiment.model is None:
        return {}
    full = experiment.complete(dict(given))
    numbers = [item.name for item in experiment.parameters if item.name not in free]
    return {name: full[name] for name in numbers if isinstance(full.get(name), float)}


class _Differences(torch.autograd.Function):
    """Curves of a run, differentiated in both modes by central differences."""

    @staticmethod
    def forward(run: Any, names: tuple[str, ...], step: float, at: Tensor, *values: Tensor) -> Tensor:
        with torch.no_grad():
            return run(dict(zip(names, (value.detach() for value in values), strict=True)), at.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.run, ctx.names, ctx.step, ctx.at = inputs[:4]
        ctx.values = tuple(value.detach() for value in inputs[4:])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        along = [
            torch.zeros_like(value) if tangent is None else tangent
            for value, tangent in zip(ctx.values, tangents[4:], strict=True)
        ]
        return _slope(ctx, along)

    @staticmethod
    def backward(ctx: Any, *bars: Tensor) -> tuple[Tensor | None, ...]:
        found: list[Tensor | None] = []
        for j, value in enumerate(ctx.values):
            if not ctx.needs_input_grad[4 + j]:
                found.append(None)
                continue
            along = [torch.zeros_like(each) for each in ctx.values]
            along[j] = torch.ones_like(value)
            found.append((bars[0] * _slope(ctx, along)).sum(-1).reshape(value.shape))
        return None, None, None, None, *found


def _slope(ctx: Any, along: list[Tensor]) -> Tensor:
    """Return the derivative along a direction for each member; the step is relative to what moves the most."""
    pairs = list(zip(ctx.values, along, strict=True))
    share = torch.stack([direction.abs() / value.abs().clamp_min(1e-30) for value, direction in pairs]).amax(0)
    h = ctx.step / share.clamp_min(1e-300)
    h = torch.where(share > 0, h, torch.ones_like(h))
    with torch.no_grad():
        ends = [
            ctx.run(
                {name: value + sign * h * t for name, (value, t) in zip(ctx.names, pairs, strict=True)},
                ctx.at.detach(),
            )
            for sign in (1.0, -1.0)
        ]
    return (ends[0] - ends[1]) / (2 * h[:, None])
