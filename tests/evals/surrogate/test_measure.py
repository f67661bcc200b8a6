"""Figures of a model on runs: the errors of the table, PDEBench's of a known error, spectra of the truth."""

import pytest
import torch
from torch import nn

from evals.surrogate.measure import channel_errors, error_curve, measured, predicted, spectra, vrmse
from physics.surrogate.fields.accuracy import errors
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get

REGIME = get("klein_gordon")
TOY = Shape(latent=8, frame=4, tokens=16, given=12, blocks=2, backbone_layers=1)


@pytest.fixture(scope="module")
def frames():
    return generate(REGIME, "test", 6, 0, frames=9)


class Shifted(nn.Module):
    """What the last frame was, with a shift of its first channel: its errors can be told without it."""

    def forward(self, history, settings, name, start=None):
        shift = torch.zeros_like(history[:, -1])
        shift[:, 0] = 0.5
        return history[:, -1] + shift


class Lost(nn.Module):
    """One that leaves the finite numbers."""

    def forward(self, history, settings, name, start=None):
        return torch.full_like(history[:, -1], torch.nan)


def test_errors_are_those_of_the_table(frames):
    torch.manual_seed(0)
    model = Surrogate({REGIME.name: REGIME}, TOY)
    model.set_scales(REGIME.name, scales_of(frames))
    for part in model.adapter(REGIME.name).leave.parameters():
        nn.init.normal_(part, std=0.02)
    made, table = predicted(model, REGIME, frames, TOY.history), errors(model, REGIME, frames, TOY.history)
    assert torch.allclose(vrmse(made, REGIME, "step").float(), table.step, rtol=1e-4)
    assert torch.allclose(vrmse(made, REGIME, "rollout").float(), table.rollout, rtol=1e-3)
    curve = error_curve(made, REGIME, "rollout", "within")
    assert curve.times == tuple(REGIME.interval * k for k in range(1, 6))
    assert curve.median[0] == pytest.approx(float(table.rollout[:, 0].double().quantile(0.5)), rel=1e-3)
    assert all(low <= middle <= high for low, middle, high in zip(curve.low, curve.median, curve.high, strict=True))


def test_metrics_of_a_known_error(frames):
    still = frames.__class__(frames.regime, frames.values[:, :1].expand(-1, 9, -1, -1).clone(), frames.settings)
    made = predicted(Shifted(), REGIME, still, 4, ("step",))
    first, second = channel_errors(made, REGIME, "step", "within")
    for value in (first.rmse, first.conserved, first.largest, first.boundary, first.bands[0]):
        assert value == pytest.approx(0.5, rel=1e-6)
    assert max(first.bands[1:]) < 1e-6
    scale = still.values[:, 0, 0].double().square().mean(-1).sqrt()
    assert first.nrmse == pytest.approx(float((0.5 / scale).mean()), rel=1e-6)
    assert second.rmse == second.largest == 0.0


def test_spectra_hold_the_energy_of_the_fields(frames):
    made = predicted(Shifted(), REGIME, frames, 4)
    found = spectra(made, REGIME)
    assert {row.field for row in found} == {"field", "rate"}
    last = next(row for row in found if row.field == "field" and row.time == made.times[-1])
    energy = float(frames.values[:, -1, 0].double().square().mean())
    assert sum(last.true) == pytest.approx(energy, rel=1e-5)


def test_of_runs_beyond_the_ranges_rollouts_alone_are_kept(frames):
    within, beyond = (measured(Shifted(), REGIME, frames, 4, split) for split in ("within", "beyond"))
    assert [each.horizon for each in within.errors] == ["step", "rollout"]
    assert [each.horizon for each in beyond.errors] == ["rollout"]
    assert within.spectra
    assert not beyond.spectra
    assert [len(within.cases), len(beyond.cases)] == [3, 2]


def test_what_is_not_finite_is_told_and_not_hidden(frames):
    found = measured(Lost(), REGIME, frames, 4)
    assert set(found.errors[1].median) == {1e3}
    assert found.channels[0].rmse is None
    assert found.cases[0].predicted[0] is None
