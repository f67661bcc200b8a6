"""How fast the solver itself lets a small disturbance of the conducting layer grow.

The layer is marched with a disturbance too small to act on itself; whenever it has grown or shrunk by some factor it is
set back to its first size, so that only its shape goes on, until its rate stands still. For a periodic layer the rate
tends to that of `onset` with the square of the grid; between walls there is no other way to it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from physics.equations.boussinesq.layer import Layer, State, conduction, perturbed
from physics.equations.boussinesq.run import Flow, longest_step
from physics.integrate.projection import march

SMALL = 1e-6
_STRETCHES = 60
_SHAPING = 6  # stretches of long steps, in which the disturbance only finds its shape
_STILL = 1e-6  # relative change of the rate at which it is taken


def growth(layer: Layer, flow: Flow, guess: Tensor) -> Tensor:
    """Return the growth rates, shape (batch,), in units of kappa / d^2; `guess` sets the lengths of the stretches."""
    rest = conduction(layer, flow.batch)
    state = perturbed(layer, torch.full((flow.batch,), SMALL, dtype=torch.float64), flow.rolls)
    push = layer.push(flow.rayleigh, flow.prandtl)
    pace = guess.abs().clamp_min(5.0).numpy()
    viscous = np.maximum(0.03 / flow.prandtl.numpy(), 7e-4 / pace)  # so that the scheme resolves viscosity
    length = np.minimum(1.0 / pace, 0.1)
    finest = np.minimum(np.minimum(longest_step(layer, flow), 0.03 / pace), viscous) * (16.0 / layer.nz)
    counts = np.ceil(length / finest).astype(np.int64)
    rough = np.ceil(length / np.minimum(longest_step(layer, flow), 0.2 / pace)).astype(np.int64)
    rate = torch.full((flow.batch,), torch.inf, dtype=torch.float64)
    before = _size(state, rest)
    for k in range(_STRETCHES):
        steps = np.minimum(rough, counts) if k < _SHAPING else counts
        fields, _, _ = march(layer.operators, state, flow.prandtl, push, length / steps, steps)
        after = _size(State(*fields), rest)
        latest = torch.log(after / before) / torch.from_numpy(length)
        still = (latest - rate).abs() <= _STILL * (latest.abs() + 1.0)
        rate = latest
        if k > _SHAPING and bool(still.all()):
            break
        scale = (before / after)[:, None, None]
        state = State(*((base + (field - base) * scale) for field, base in zip(fields, rest, strict=True)))
        before = _size(state, rest)
    return rate


def _size(state: State, rest: State) -> Tensor:
    """The root of the sum of squares of the disturbance of T."""
    return (state.T - rest.T).square().sum((1, 2)).sqrt()
