"""Training on data sets of The Well: our runs and others in its layout, a few steps, end to end."""

from pathlib import Path

import h5py
import pytest
import torch

from physics.errors import ParameterError
from physics.surrogate.fields import stored
from physics.surrogate.fields.accuracy import errors
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.train import Trainer
from physics.surrogate.well_regime import WellRegime
from physics.surrogate.well_runs import WellRuns
from tests.physics.surrogate.the_well import write
from tools.errors import Retry
from tools.surrogate.calibrate_fields import calibrate_fields
from tools.surrogate.data import make_data
from tools.surrogate.fields import TOY, WELL, chosen, train_fields

FEW = Settings(steps=6, points=2048, warm=2, unroll_from=0.3, depth=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("well")
    make_data(["burgers", "shear_flow"], folder, counts={"train": 3, "test": 2})
    for split, scale in (("train", 1.0), ("train", 2.0), ("test", 1.5)):
        write(folder / f"cavity/data/{split}/{scale}.hdf5", scale=scale)
    return folder


def train(data: Path, out: Path, *names: str, **given):
    folders = [data / name for name in names]
    return train_fields([], data, out, well=folders, **{"settings": FEW, "shape": TOY, **given})


def test_one_model_of_several_sets_is_trained_read_back_and_rolled_out(data, tmp_path):
    out, said = tmp_path / "well.safetensors", []
    card = train(data, out, "burgers", "shear_flow", "cavity", progress=said.append)["card"]
    assert card["device"] == "cpu"
    assert card["runs"] == {"well_burgers": 3, "well_shear_flow": 3, "well_cavity_flow": 4}
    assert all(found["step"] > 0 and found["rollout"] > 0 for found in card["vrmse"].values())
    assert "step 6 of 6" in said[-1]
    model, kept = stored.read(out)
    assert kept["vrmse"] == card["vrmse"]
    assert {name: regime.points for name, regime in model.regimes.items()} == {
        "well_burgers": (128,), "well_shear_flow": (64, 32), "well_cavity_flow": (16, 16),
    }  # fmt: skip
    for name, folder in (
        ("well_burgers", "burgers"),
        ("well_shear_flow", "shear_flow"),
        ("well_cavity_flow", "cavity"),
    ):
        regime = model.regimes[name]
        assert isinstance(regime, WellRegime)
        frames = WellRuns(regime, data / folder, "test").sample(2, 8)
        made = rollout(model, regime, frames.values[:, :4], frames.settings, 4, frames.values[:, 0])
        assert made.shape == frames.values[:, 4:].shape
        assert bool(made.isfinite().all())
        steady = list(regime.steady)
        torch.testing.assert_close(made[:, :, steady].float(), frames.values[:, 4:, steady], rtol=0, atol=1e-4)


def test_the_error_told_is_that_of_what_moves(data, tmp_path):
    out = tmp_path / "well.safetensors"
    told = train(data, out, "cavity")["card"]["vrmse"]["well_cavity_flow"]
    model, _ = stored.read(out)
    regime = model.regimes["well_cavity_flow"]
    frames = WellRuns(regime, data / "cavity", "test").sample(2, 32)
    moving = errors(model, regime, frames, 4, regime.moving)
    assert told["step"] == pytest.approx(float(moving.step.mean()), rel=1e-5)
    assert float(errors(model, regime, frames, 4).step.mean()) < 0.95 * told["step"]


def test_a_training_on_files_learns(data, tmp_path):
    """One step leaves the model at "nothing changes"."""
    told = []
    for steps in (1, 120):
        plan = Settings(steps=steps, points=2048, warm=min(steps, 5), unrolled=0.0)
        told.append(train(data, tmp_path / str(steps), "burgers", settings=plan)["card"]["vrmse"]["well_burgers"])
    assert told[1]["step"] < 0.85 * told[0]["step"]


def test_every_second_point_and_a_killed_training(data, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    train(data, whole, "shear_flow", points="32x16")
    drawn, inner = [], WellRuns.window

    def killed(self, run, first, length):
        drawn.append(run)
        if len(drawn) > 64 + 3 * 4:  # the sample, then three steps of four windows
            raise KeyboardInterrupt
        return inner(self, run, first, length)

    monkeypatch.setattr(WellRuns, "window", killed)
    monkeypatch.setattr(Trainer, "run", saving())
    with pytest.raises(KeyboardInterrupt):
        train(data, cut, "shear_flow", points="32x16")
    monkeypatch.undo()
    said = []
    train(data, cut, "shear_flow", points="32x16", progress=said.append)
    assert said[0] == "going on from step 3 of 6"
    one, other = stored.read(whole)[0], stored.read(cut)[0]
    assert one.regimes["well_shear_flow"].points == (32, 16)
    assert stored.fingerprint(one) == stored.fingerprint(other)


def saving():
    """Return a run that writes its checkpoint after every step."""
    inner = Trainer.run
    return lambda self, **given: inner(self, **{**given, "save_every": -1.0})


def test_a_data_set_has_no_solver(data, tmp_path):
    out = tmp_path / "well.safetensors"
    train(data, out, "burgers")
    with pytest.raises(ParameterError, match="has no solver here"):
        stored.read(out)[0].regimes["well_burgers"].solve(torch.zeros(1, 1, 128), {})
    with pytest.raises(Retry, match="well_burgers: a data set of The Well has no solver here to calibrate"):
        calibrate_fields([], data, out, counts={"calibration": 40, "coverage": 2, "beyond": 2})


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"points": "32by16"}, "--points 32by16: give the points along each axis"),
        ({"points": "30x16"}, "30 points along x cannot be"),
        ({"device": "abacus"}, "device 'abacus' cannot be used here"),
        ({"well": ["shear_flow", "shear_flow"]}, "well_shear_flow is there already from another folder"),
        ({"well": ["nowhere"]}, "no HDF5 file of the split train"),
        ({"settings": Settings(steps=2, depth=40)}, "runs of 28 frames are too short; the training takes 45"),
        ({"names": ["burgers"]}, "--well is a training of its own; leave burgers out"),
        ({"well": [], "points": "8x8"}, "--points is for data sets of The Well"),
    ],
)
def test_what_cannot_be_used_is_told(data, tmp_path, given, word):
    folders = [data / name for name in given.pop("well", ["shear_flow"])]
    names = given.pop("names", [])
    with pytest.raises(Retry, match=word) as told:
        train_fields(names, data, tmp_path / "out", well=folders, **{"settings": FEW, "shape": TOY, **given})
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_used_are_told(tmp_path):
    folder = tmp_path / "cavity"
    train_file = folder / "data/train/a.hdf5"
    write(train_file)
    with pytest.raises(Retry, match="no HDF5 file of the split test"):
        train(tmp_path, tmp_path / "out", "cavity")
    write(folder / "data/test/a.hdf5")
    with h5py.File(train_file, "a") as file:
        file["t1_fields/velocity"][:] = float("inf")
    with pytest.raises(Retry, match="run 0 has numbers that are not finite"):
        train(tmp_path, tmp_path / "out", "cavity")
    train_file.write_bytes(train_file.read_bytes()[:3000])
    with pytest.raises(Retry, match=r"a.hdf5: cannot be read as an HDF5 file"):
        train(tmp_path, tmp_path / "out", "cavity")
    write(train_file, axes=("x", "y", "z"))
    with pytest.raises(Retry, match="3 axes"):
        train(tmp_path, tmp_path / "out", "cavity")


def test_the_size_for_an_accelerator(tmp_path):
    shape, settings = chosen("well", 7, 3)
    assert shape == WELL
    assert (shape.latent, shape.tokens, shape.given, shape.blocks) == (128, 256, 256, 6)
    assert (settings.steps, settings.seed) == (7, 3)
    assert settings.points == 8 * 256 * 256
