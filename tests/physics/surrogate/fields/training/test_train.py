"""Training: it learns, it goes on after a kill to the same weights, and it refuses what is not its own."""

from pathlib import Path

import pytest
import torch
from torch import nn

from physics.errors import DataError, ParameterError
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.train import Trainer
from physics.surrogate.generate import generate
from physics.surrogate.regimes import all_regimes

SMALL = Shape(latent=8, frame=4, tokens=16, given=12, blocks=2, backbone_layers=1)
REGIMES = {name: all_regimes()[name] for name in ("burgers",)}
DATA = {name: generate(regime, "train", 4, 0) for name, regime in REGIMES.items()}


def trainer(path: Path | None = None, device: torch.device = torch.device("cpu"), **given: float) -> Trainer:  # noqa: B008
    torch.manual_seed(0)
    model = Surrogate(REGIMES, SMALL)
    for name, frames in DATA.items():
        model.set_scales(name, scales_of(frames))
    settings = Settings(**{"steps": 40, "points": 2048, "warm": 5, **given})
    return Trainer(model, REGIMES, DATA, settings, history=4, path=path, device=device)


def test_the_loss_falls():
    losses: list[float] = []
    kept = trainer(steps=120, unrolled=0.0)
    kept.run(report=lambda progress: losses.append(progress.loss["burgers"]), report_every=0.0)
    assert losses[-1] < 0.7 * losses[0]


class Normalised(nn.Module):
    """A model that keeps running statistics, as batch normalisation does."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.share = nn.BatchNorm1d(1), nn.Parameter(torch.zeros(()))

    def forward(self, history, settings, name, start=None):
        last = history[:, -1]
        return last + self.share * self.norm(last)


def test_running_statistics_are_those_of_the_model():
    made = Trainer(Normalised(), REGIMES, DATA, Settings(steps=5, warm=1), history=4)
    averaged = made.run()
    torch.testing.assert_close(averaged.norm.running_var, made.model.norm.running_var, rtol=0, atol=0)
    assert int(averaged.norm.num_batches_tracked) >= 5


@pytest.mark.parametrize("options", [{}, {"conservation": 0.1, "jacobian": 0.01, "unrolled": 1.0, "unroll_from": 0.0}])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, options):
    path = tmp_path / "training.safetensors"
    whole = trainer(steps=12, **options).run()
    trainer(path, steps=12, **options).run(most=5)
    again = trainer(path, steps=12, **options)
    assert again.resume()
    assert again.step == 5
    for one, other in zip(again.run().parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", sorted(all_regimes()))
def test_all_that_a_step_touches_lies_on_the_device_of_the_model(name):
    """The device without memory refuses every operation with a tensor of the processor."""
    regimes, place = {name: all_regimes()[name]}, torch.device("meta")
    frames = generate(regimes[name], "train", 2, 0, frames=6)
    settings = Settings(
        steps=2, points=2048, warm=1, unrolled=1.0, unroll_from=0.0, depth=1, conservation=0.1, jacobian=0.1
    )
    made = Trainer(Surrogate(regimes, SMALL), regimes, {name: frames}, settings, history=4, device=place)
    assert {part.device for part in (*made.averaged.parameters(), *made.averaged.buffers())} == {place}
    loss = made._loss(name, 0.5)
    assert loss.device == place
    made.optimiser.step(loss, 0)
    made._average()
    assert {value.device for value in made.optimiser.tensors().values()} <= {place, torch.device("cpu")}


def test_a_checkpoint_goes_on_at_another_device(tmp_path):
    path = tmp_path / "training.safetensors"
    trainer(path, steps=12).run(most=5)
    again = trainer(path, steps=12, device=torch.device("meta"))
    assert again.resume()
    assert again.step == 5
    assert {part.device.type for part in again.model.parameters()} == {"meta"}
    moments = [value for state in again.optimiser.parts["muon"].state.values() for value in state.values()]
    assert {value.device.type for value in moments} == {"meta"}


def test_the_solver_can_be_the_teacher():
    taught = trainer(steps=2, unrolled=1.0, unroll_from=0.0, solver=1.0)
    taught.run()
    assert taught.step == 2


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    trainer(path, steps=12).run(most=1)
    with pytest.raises(DataError, match="another training"):
        trainer(path, steps=13).resume()


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    trainer(path, steps=12).run(most=1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cut off or damaged"):
        trainer(path, steps=12).resume()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ParameterError, match="unrolled"):
        Settings(unrolled=1.5)
    with pytest.raises(ParameterError, match="rate"):
        Settings(rate=0.0)
