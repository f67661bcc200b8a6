"""From a calibration to the figures of the dashboard, on runs of a small model."""

import pytest
import torch
from torch import nn

from evals.surrogate.calibrated import raised, sentences, speed, trusted
from evals.surrogate.gather import figures, piece
from evals.surrogate.records import Records
from physics.surrogate.fields import stored
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.features import of_start
from physics.surrogate.fields.intervals import compare
from physics.surrogate.fields.judge import LEVEL, held
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.frames import write
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get

REGIME = get("klein_gordon")
TOY = Shape(latent=8, frame=4, tokens=16, given=12, blocks=2, backbone_layers=1)
COUNTS = {"calibration": 48, "coverage": 40, "test": 5, "beyond": 24}


@pytest.fixture(scope="module")
def splits():
    return {split: generate(REGIME, split, count, 0, beyond=split == "beyond") for split, count in COUNTS.items()}


@pytest.fixture(scope="module")
def model(splits):
    torch.manual_seed(0)
    made = Surrogate({REGIME.name: REGIME}, TOY)
    made.set_scales(REGIME.name, scales_of(splits["calibration"]))
    for part in made.adapter(REGIME.name).leave.parameters():
        nn.init.normal_(part, std=0.02)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def calibration(model, splits):
    frames, adapter = splits["calibration"], model.adapter(REGIME.name)
    scales = (adapter.mean.double(), adapter.deviation.double())
    starts = of_start(frames.values[:, : TOY.history].double(), frames.settings, REGIME, *scales)
    return Calibration.of(model, REGIME, compare(model, REGIME, frames), starts)


def test_coverage_is_that_of_the_bands_and_what_is_doubted_is_not_answered(model, calibration, splits):
    seen = compare(model, REGIME, splits["beyond"])
    found = trusted(calibration, REGIME, seen, "beyond")
    (row,), (risk,) = found.reliability, found.risk
    last = len(calibration.intervals.horizons) - 1
    within = held(calibration, seen, last).double().mean()
    assert row.covered[row.nominal.index(LEVEL)] == pytest.approx(float(within))
    assert list(row.covered) == sorted(row.covered)
    assert risk.risk[-1] == pytest.approx(float(seen.vrmse.mean()), rel=1e-9)
    doubts = sentences(raised(calibration, REGIME, seen), len(seen))
    assert risk.answered == pytest.approx(sum(not each for each in doubts) / len(doubts))
    assert risk.answered == 0.0  # every run beyond has a setting outside of its range


def test_the_speed_of_a_card_says_who_answers():
    told = {"batch": 64, "surrogate_us": 100.0, "solver_us": 2000.0, "coarse": 2, "error": 0.1, "solver_error": 0.09,
            "ratio": 20.0}  # fmt: skip
    found = speed("burgers", told)
    assert (found.solver, found.answers) == (pytest.approx(2e-3), "solver")
    assert speed("burgers", told | {"ratio": 100.0}).answers == "surrogate"


def test_a_regime_is_gathered_with_and_without_a_calibration(model, calibration, splits, tmp_path):
    for split, frames in splits.items():
        write(tmp_path / "data", split, frames, REGIME)
    weights = tmp_path / "fields.safetensors"
    stored.write(weights, model, {})
    bare = figures(tmp_path / "data", weights, REGIME.name, runs=4)
    assert {each.split for each in bare.errors} == {"within", "beyond"}
    assert {each.runs for each in bare.errors} == {4}
    assert not bare.reliability
    assert bare.cases[0].doubts is None
    timed = {"batch": 4, "surrogate_us": 1.0, "solver_us": 2.0, "coarse": 1, "error": 0.1, "solver_error": 0.0,
             "ratio": 2.0}  # fmt: skip
    stored.write_calibration(weights, model, {REGIME.name: calibration}, {REGIME.name: {"speed": timed}})
    given = {"data": tmp_path / "data", "weights": weights, "regime": REGIME.name, "runs": 4}
    whole = Records.model_validate(piece(tmp_path, "figures", **given))
    assert [each.split for each in whole.reliability] == ["within", "beyond"]
    assert all("range" in case.doubts[0] for case in whole.cases if case.split == "beyond")
    assert whole.speed[0].answers == "solver"
