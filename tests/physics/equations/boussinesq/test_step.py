"""The step as a pure function: the compiled march, and checkpointed gradients equal to those of a full tape."""

import numpy as np
import pytest
import torch

from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import binomial, store_all
from physics.equations.boussinesq.layer import Layer, perturbed, plate_fluxes
from physics.equations.boussinesq.step import step_of
from physics.integrate.projection import march

F64 = torch.float64
LAYER = Layer(12, 8, 2.0, (True, False), stretch=1.0)


def test_steps_are_those_of_the_march() -> None:
    rayleigh, prandtl = torch.tensor([5e3, 2e4], dtype=F64), torch.tensor([1.0, 20.0], dtype=F64)
    state = tuple(perturbed(LAYER, torch.tensor([0.1, 0.2]), 1))
    step = step_of(LAYER, [1e-3] * 5)
    marched, _, _ = march(
        LAYER.operators, state, prandtl, LAYER.push(rayleigh, prandtl), np.full(2, 1e-3), np.full(2, 5)
    )
    for index in range(5):
        state = step(state, (rayleigh, prandtl), index)
    assert (state[2] - marched[2]).abs().max() < 1e-12


def test_checkpointed_gradients() -> None:
    start = tuple(perturbed(LAYER, torch.tensor([0.2]), 1))
    step = step_of(LAYER, 2e-3)
    gradients = []
    for schedule in (store_all(12), binomial(12, 3)):
        parameters = tuple(torch.tensor([value], dtype=F64, requires_grad=True) for value in (8e3, 3.0))
        end, _ = checkpointed(step, start, parameters, 12, schedule=schedule)
        bottom, _ = plate_fluxes(LAYER, end[2])
        gradients.append([float(each) for each in torch.autograd.grad(bottom.sum(), parameters)])
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-12)
    assert gradients[0][0] != 0.0
