"""Projections against the operators of the solvers, and as projections."""

import pytest
import torch

from physics.equations.boussinesq.layer import Layer, State, measures
from physics.equations.shear_flow import ShearFlow
from physics.linalg.spectral import Grid
from physics.surrogate.invariants import Mean, SpectralDivergence, StaggeredDivergence
from physics.surrogate.regime import Invariant

PERIODIC = SpectralDivergence((0, 1), (2.0, 1.0))
LAYER = StaggeredDivergence((1, 2), (2.0, 1.0))
KINDS: list[Invariant] = [Mean((0, 2)), PERIODIC, LAYER]


def fields(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kept", KINDS, ids=lambda kept: type(kept).__name__)
def test_a_projection_goes_the_shortest_way(kept: Invariant) -> None:
    values, start = fields(2, 3, 3, 8, 6), fields(2, 1, 3, 8, 6, seed=2)
    start = kept.project(start, start, {})
    back = kept.project(values, start, {})
    assert float(kept.defect(back, start, {}).max()) < 1e-12
    assert torch.allclose(kept.project(back, start, {}), back, atol=1e-12)
    # what is taken out is orthogonal to the way between any two frames that keep it
    others = kept.project(fields(2, 3, 3, 8, 6, seed=3), start, {})
    assert float(((values - back) * (back - others)).sum().abs()) < 1e-10


@pytest.mark.parametrize("kept", KINDS, ids=lambda kept: type(kept).__name__)
def test_other_channels_are_left_alone(kept: Invariant) -> None:
    values, start = fields(1, 2, 4, 8, 6), fields(1, 1, 4, 8, 6, seed=2)
    changed = (kept.project(values, start, {}) != values).flatten(3).any(-1).all(0).all(0)
    assert changed.tolist() == [channel in kept.channels for channel in range(4)]  # type: ignore[attr-defined]


def test_a_mean_is_measured_against_its_field() -> None:
    start = 3.0 + fields(1, 1, 1, 50)
    shifted = start.repeat(1, 2, 1, 1)
    shifted[:, 1] += 1e-3
    defect = Mean((0,)).defect(shifted, start, {})
    scale = float(start.square().mean().sqrt())
    assert defect.tolist()[0] == pytest.approx([0.0, 1e-3 / scale], abs=1e-12)


def test_the_periodic_divergence_is_that_of_the_solver() -> None:
    grid = Grid(12, 8, 2.0, 1.0)
    state = ShearFlow(grid, tracer=False).start(fields(2, 12, 8), fields(2, 12, 8, seed=2))
    flow = torch.stack(ShearFlow(grid, tracer=False).velocity(state[0][:, 0]), 1)[:, None]
    assert float(PERIODIC.defect(flow, flow, {}).max()) < 1e-12
    assert torch.allclose(PERIODIC.project(flow, flow, {}), flow, atol=1e-13)
    x = grid.x[:, None] + 0.0 * grid.y
    source = torch.stack([torch.sin(torch.pi * x), torch.zeros_like(x)])[None, None]
    assert float(PERIODIC.defect(source, source, {})) == pytest.approx(torch.pi * (1 / 8) / 0.5**0.5, rel=1e-9)
    assert float(PERIODIC.project(source, source, {}).abs().max()) < 1e-13


def test_the_divergence_of_a_layer_is_that_of_the_solver() -> None:
    layer = Layer(8, 6, 2.0)
    values = LAYER.project(fields(2, 1, 3, 8, 6), fields(2, 1, 3, 8, 6), {})
    temperature, u, w = values[:, 0].transpose(-1, -2).unbind(1)
    w = torch.cat([w, torch.zeros_like(w[:, :1])], 1)
    assert float(measures(layer, State(u, w, temperature, temperature)).divergence.max()) < 1e-12
    assert float(w[:, 0].abs().max()) == 0.0
    through = values.clone()
    through[:, :, 2, :, 0] = 0.1
    assert float(LAYER.defect(through, values, {}).min()) > 0.01
