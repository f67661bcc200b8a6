"""The compiled march against the same scheme in array operations, its exact sums, its order, its derivatives."""

import math

import numpy as np
import pytest
import torch

from physics.equations.boussinesq.layer import Layer, State, measures, perturbed
from physics.integrate.projection import Stepper, march, march_arrays

F64 = torch.float64
LAYERS = {
    "periodic": Layer(16, 12, 2.0),
    "no multiple of four": Layer(18, 10, 2.0),
    "cavity": Layer(16, 12, 1.0, (True, False), False, True, 1.5),
    "walls": Layer(16, 12, 2.0, (False, True), False, False, 2.0),
}
PRANDTL, RAYLEIGH = torch.tensor([1.0, 300.0], dtype=F64), torch.tensor([1e4, 5e3], dtype=F64)


def rough(layer: Layer) -> State:
    noise = torch.randn(2, layer.nz, layer.nx, dtype=F64, generator=torch.Generator().manual_seed(3))
    state = perturbed(layer, torch.tensor([0.1, 0.2]), 1)
    return state._replace(T=state.T + 0.05 * noise)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
def test_compiled_march_is_the_scheme_and_its_sums_close(layer: Layer) -> None:
    state, push = rough(layer), layer.push(RAYLEIGH, PRANDTL)
    dt, steps = np.array([1e-3, 5e-4]), np.array([4, 4])
    fields, heat, _ = march(layer.operators, state, PRANDTL, push, dt, steps)
    stepper, other, crossed = Stepper(layer.operators), tuple(state), torch.zeros(2, 2, dtype=F64)
    for _ in range(4):
        other, more = stepper.step(other, PRANDTL, push, torch.from_numpy(dt))
        crossed = crossed + more
    for ours, theirs in zip(fields[:3], other[:3], strict=True):
        assert (ours - theirs).abs().max() < 1e-12 * ours.abs().max().clamp_min(1.0)
    slope, other_slope = fields[3].diff(dim=1), other[3].diff(dim=1)  # a pressure is known up to a constant
    assert (slope - other_slope).abs().max() < 1e-11 * slope.abs().max()
    assert (heat - crossed).abs().max() < 1e-14
    before, after = measures(layer, state), measures(layer, State(*fields))
    assert (after.heat - before.heat - heat[:, 0] + heat[:, 1]).abs().max() < 1e-14
    assert (after.divergence < 1e-12 * after.speed * layer.nx).all()


def test_second_order_in_time() -> None:
    layer = Layer(16, 12, 2.0, stretch=1.0)
    one = torch.ones(1, dtype=F64)
    start, push = perturbed(layer, 0.2 * one, 1), layer.push(2e4 * one, one)
    begin, _, _ = march(layer.operators, start, one, push, np.array([1e-4]), np.array([200]))

    def end(steps: int) -> torch.Tensor:
        fields, _, _ = march(layer.operators, begin, one, push, np.array([0.02 / steps]), np.array([steps]))
        return torch.cat([fields[0].flatten(), fields[1].flatten(), 10 * fields[2].flatten()])

    exact = end(2560)
    errors = [float((end(steps) - exact).norm()) for steps in (80, 160, 320)]
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("layer", [LAYERS["periodic"], LAYERS["cavity"]], ids=["periodic", "cavity"])
def test_complex_step_is_the_derivative_of_the_scheme(layer: Layer) -> None:
    state, dt, tiny = rough(layer), np.array([1e-3, 5e-4]), 1e-30
    prandtl = PRANDTL.clone().requires_grad_()
    stepper, fields = Stepper(layer.operators), tuple(state)
    for _ in range(2):
        fields, _ = stepper.step(fields, prandtl, layer.push(RAYLEIGH, prandtl), torch.from_numpy(dt))
    weights = torch.sin(torch.arange(fields[2].numel(), dtype=F64)).reshape(fields[2].shape)
    (slope,) = torch.autograd.grad((weights * fields[2]).sum(), prandtl)
    arrays = [field.numpy().astype(complex) for field in state]
    leaning = PRANDTL.numpy() + 1j * tiny
    force = RAYLEIGH.numpy() * leaning
    push = np.stack([force, 0 * force] if layer.from_side else [0 * force, force], axis=1)
    march_arrays(layer.operators, arrays, leaning, push, dt, np.array([2, 2]))
    ours = (weights.numpy() * arrays[2].imag).sum((1, 2)) / tiny
    assert ours == pytest.approx(slope.numpy(), rel=1e-10)
