"""Marching to a settled state: exact identities on any grid, members of their own, what cannot be marched."""

import numpy as np
import pytest
import torch

from physics.equations.boussinesq.layer import Layer, State, measures, perturbed
from physics.equations.boussinesq.run import Flow, run, rung

F64 = torch.float64
NO = torch.tensor([-1.0, -1.0], dtype=F64)


def flow_of(rayleigh: list[float], prandtl: list[float], amplitude: float = 0.05) -> Flow:
    values = torch.tensor(rayleigh, dtype=F64)
    same = torch.ones_like(values)
    return Flow(values, torch.tensor(prandtl, dtype=F64), amplitude * same, 1, same)


@pytest.mark.parametrize(
    "layer",
    [Layer(16, 8, 2.0, (True, False), stretch=2.0), Layer(12, 12, 1.0, periodic=False, from_side=True, stretch=1.0)],
    ids=["rolls", "cavity"],
)
def test_identities_of_a_settled_run(layer: Layer) -> None:
    flow = flow_of([4000.0, 8000.0], [0.7, 50.0])
    times = np.linspace(0.0, 0.4, 5)
    record = run(
        layer, flow, perturbed(layer, flow.amplitude, 1), times,
        chunk=0.02, patience=8.0, settled=1e-9, left=torch.full_like(NO, 0.1), device=torch.device("cpu"),
    )  # fmt: skip
    assert bool(torch.isfinite(record.settled_at).all())
    m = measures(layer, State(*record.state))
    for other in (m.top, m.volume, m.gradient):
        assert other.tolist() == pytest.approx(m.bottom.tolist(), rel=1e-6)
    assert m.dissipation.tolist() == pytest.approx((flow.rayleigh * m.work).tolist(), rel=1e-6)
    crossed = record.crossed[:, -1]
    assert (crossed[:, 0] - crossed[:, 1] - record.heat[:, -1] + 0.5).abs().max() < 1e-12
    assert record.bottom.shape == (2, 5)
    assert record.fields[1].shape == (2, 5, layer.nz + 1, layer.nx)


def test_members_do_not_touch_each_other() -> None:
    layer, times = Layer(16, 8, 2.0), np.linspace(0.0, 0.2, 3)
    options = {"chunk": 0.05, "patience": 0.0, "settled": 0.0, "device": torch.device("cpu")}
    both = flow_of([3000.0, 30000.0], [1.0, 5.0])
    together = run(layer, both, perturbed(layer, both.amplitude, 1), times, left=NO, **options)
    for b in range(2):
        own = flow_of([float(both.rayleigh[b])], [float(both.prandtl[b])])
        alone = run(layer, own, perturbed(layer, own.amplitude, 1), times, left=NO[:1], **options)
        assert together.bottom[b].tolist() == pytest.approx(alone.bottom[0].tolist(), rel=1e-12)


def test_what_cannot_be_marched_is_named_and_the_rest_goes_on() -> None:
    layer, flow = Layer(16, 8, 2.0), flow_of([2000.0, 2000.0], [1.0, 1.0])
    state = perturbed(layer, torch.tensor([0.05, 1e9]), 1)
    record = run(
        layer, flow, state, np.array([0.0, 0.1]),
        chunk=0.1, patience=0.0, settled=0.0, left=NO, device=torch.device("cpu"),
    )  # fmt: skip
    assert torch.isnan(record.diverged_at).tolist() == [True, False]
    assert float(record.diverged_at[1]) == pytest.approx(0.1)
    assert bool(torch.isfinite(record.bottom[0]).all())


def test_steps_stand_on_a_ladder() -> None:
    assert rung(np.array([0.2, 1.0, 1.1, 2.5, 3.2, 5.0, 9.0, 100.0])).tolist() == [1, 1, 2, 3, 4, 6, 12, 128]
