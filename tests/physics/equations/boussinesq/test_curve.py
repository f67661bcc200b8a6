"""The differentiable flux: Taylor tests in its four numbers, both modes, and steps that bear a faster flow."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from physics.equations.boussinesq.curve import Schedule, flux, schedule
from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.run import Flow

F64 = torch.float64
VALUES = [
    torch.tensor(pair, dtype=F64) for pair in ([5000.0, 4000.0], [1.0, 7.0], [0.05, 0.1], [2.0, 1.0])
]  # Ra, Pr, amplitude, clock


@pytest.fixture(scope="module")
def plan() -> Schedule:
    flow = Flow(VALUES[0], VALUES[1], VALUES[2], 1, VALUES[3])
    return schedule(Layer(16, 8, 2.0, stretch=2.0), flow, np.linspace(0.0, 0.5, 6), 0.05)


@pytest.mark.parametrize("k", range(4))
def test_taylor_in_both_modes(plan: Schedule, k: int) -> None:
    weights = torch.sin(torch.arange(12, dtype=F64) + 1).reshape(2, 6)
    leaf = VALUES[k].clone().requires_grad_()
    given = [*VALUES[:k], leaf, *VALUES[k + 1 :]]
    base = (flux(plan, *given) * weights).sum()
    (gradient,) = torch.autograd.grad(base, leaf)
    direction = VALUES[k] * torch.tensor([1.0, -0.6], dtype=F64)
    slope = float((gradient * direction).sum())
    remainders = []
    for h in (2e-3, 1e-3):
        moved = [*VALUES[:k], VALUES[k] + h * direction, *VALUES[k + 1 :]]
        remainders.append(abs(float((flux(plan, *moved) * weights).sum()) - float(base.detach()) - h * slope))
    assert math.log2(remainders[0] / remainders[1]) == pytest.approx(2.0, abs=0.05)
    with forward_ad.dual_level():
        dual = [*VALUES[:k], forward_ad.make_dual(VALUES[k], direction), *VALUES[k + 1 :]]
        tangent = forward_ad.unpack_dual(flux(plan, *dual)).tangent
    assert float((tangent * weights).sum()) == pytest.approx(slope, rel=1e-10)


def test_a_faster_flow_takes_more_steps(plan: Schedule) -> None:
    fast = flux(plan, 40 * VALUES[0], *VALUES[1:])
    assert bool(torch.isfinite(fast).all())
    assert float(fast.max()) > 4.0
