"""One step of a convecting layer as a pure function, for checkpointing and other loops over differentiable steps.

    state = (u, w, T, p),   parameters = (Ra, Pr) of shape (batch,),   state <- step(state, parameters, index)

The scheme is that of `physics.integrate.projection`; the step lengths are numbers, so no gradient flows through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from physics.equations.boussinesq.layer import Layer
from physics.integrate.projection import Stepper

Step = Callable[[tuple[Tensor, ...], tuple[Tensor, ...], int], tuple[Tensor, ...]]


def step_of(layer: Layer, dts: Sequence[float] | float, device: torch.device | str = "cpu") -> Step:
    """Return the step of `layer`; `dts` are the lengths of the steps by index, or one for all."""
    stepper = Stepper(layer.operators, device)

    def step(state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], index: int) -> tuple[Tensor, ...]:
        rayleigh, prandtl = parameters
        u, w, t, p = state
        dt = dts if isinstance(dts, float | int) else dts[index]
        fields, _ = stepper.step((u, w, t, p), prandtl, layer.push(rayleigh, prandtl), torch.full_like(prandtl, dt))
        return fields

    return step
