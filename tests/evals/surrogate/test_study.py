"""The table of the study, and a whole study that is small."""

import math
from dataclasses import replace

import pytest
import torch

from evals.surrogate import study, trainings
from evals.surrogate.records import HORIZONS
from evals.surrogate.trainings import Training
from physics.surrogate.fields.model import Shape
from physics.surrogate.frames import read
from physics.surrogate.regimes import get
from tools.surrogate.data import make_data


def record(model, seed, **vrmse):
    errors = {name: dict(zip(HORIZONS, both, strict=True)) for name, both in vrmse.items()}
    return {"model": model, "seed": seed, "vrmse": errors, "parameters": 10, "cpu_minutes": 4.0}


RECORDS = [
    record("ours", 0, burgers=(0.1, 0.4), dendrite=(0.2, 0.4)),
    record("ours", 1, burgers=(0.1, 0.2), dendrite=(0.2, 0.4)),
    record("fno", 0, burgers=(0.2, 0.6)),
    record("fno", 0, dendrite=(0.4, 0.4)),
    record("unet", 0, burgers=(0.1, 0.6)),
    record("unet", 0, dendrite=(0.4, 0.7)),
    {"milliseconds": {"ours": 1.0}},
]


def test_a_row_for_each_data_set_horizon_and_training():
    rows = study.rows(RECORDS)
    assert len(rows) == 16
    assert rows[0] == {
        "dataset": "burgers", "horizon": "step", "model": "ours", "seed": 0, "vrmse": 0.1, "parameters": 10,
        "cpu_minutes": 2.0,
    }  # fmt: skip


def test_options_have_rows_of_their_own():
    found = [*RECORDS, record("base", 0, burgers=(0.1, 0.2)), record("solver_in_the_loop", 0, burgers=(0.1, 0.3))]
    assert study.rows(found) == study.rows(RECORDS)
    assert {row["model"] for row in study.options(found)} == {"base", "solver_in_the_loop"}


def test_models_that_do_not_see_a_channel_stand_apart():
    found = [*RECORDS, record("fading_memory", 0, burgers=(0.1, 0.2))]
    assert study.rows(found) == study.rows(RECORDS)
    assert [row["vrmse"] for row in study.memories(found)] == [0.1, 0.2]


def test_the_ratio_is_one_of_means_over_the_best_peer():
    rows = study.rows(RECORDS)
    assert study.best_peer(rows) == "fno"
    assert study.ratio(rows, "fno") == pytest.approx(0.25 / 0.4)
    assert study.ratio(rows, "fno", "rollout") == pytest.approx(0.35 / 0.5)
    assert study.geometric_ratio(rows, "fno", "rollout") == pytest.approx(math.sqrt(0.5 * 1.0))


def test_without_peers_there_is_no_best():
    assert study.best_peer(study.rows(RECORDS[:2])) is None


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(("burgers", "advection_dispersion"), folder, counts={"train": 4, "valid": 4, "test": 2})
    return folder


@pytest.fixture
def small(monkeypatch):
    names = ("advection_dispersion", "burgers")
    tiny = {"latent": 8, "frame": 4, "tokens": 16, "given": 12, "blocks": 1, "backbone_layers": 1}
    monkeypatch.setattr(trainings, "all_regimes", lambda: {name: get(name) for name in names})
    monkeypatch.setattr(trainings, "ABLATIONS", {})
    monkeypatch.setattr(Training, "shape", Shape(**tiny))
    return names


def test_a_training_takes_the_steps_that_its_minutes_hold(data, small, tmp_path):
    pace = trainings.pace(tmp_path, "pace", data=data, seed=0, peers=())
    assert pace["milliseconds"]["ours"] > 0
    (tmp_path / "pace.json").write_text('{"result": {"milliseconds": {"ours": 1500.0}}}')
    given = {"seed": 0, "data": data, "minutes": 0.1}
    (tmp_path / "ours_0.part").write_bytes(b"what another study left")
    found = trainings.train(tmp_path, "ours_0", model="ours", regimes=small, **given)
    assert found["steps"] == 8
    assert found["vrmse"].keys() == set(small)
    coarse = trainings.coarse(tmp_path, "coarse", weights="ours_0", regime="burgers", data=data)
    assert coarse["vrmse"]["burgers"]["rollout"] > 0
    trainings.train(tmp_path, "left", model="left_out", regimes=["advection_dispersion"], **given)
    like = {"weights": "left", "regime": "burgers", "like": "advection_dispersion", "data": data}
    shot = trainings.zero_shot(tmp_path, "zero_shot", **like)["vrmse"]["burgers"]
    assert 0 < shot["step"] < 10
    assert not list(tmp_path.glob("*.part"))


def test_a_record_does_not_outlive_the_settings_of_its_option(data, small, monkeypatch):
    monkeypatch.setattr(study, "all_regimes", lambda: {name: get(name) for name in small})
    monkeypatch.setattr(study, "OPTIONS_ON", small)
    monkeypatch.setattr(study.hidden, "HIDDEN", {"burgers": "velocity"})

    def fingerprints():
        wanted = study.Study.on(data, 0, 0.1, ())
        return {piece.name: piece.fingerprint for piece in (*wanted.first(), *wanted.second(None))}

    before = fingerprints()
    changed = replace(trainings.OPTIONS["conservation_loss"], conservation=2e-3)
    monkeypatch.setitem(trainings.OPTIONS, "conservation_loss", changed)
    after = fingerprints()
    assert {name for name in before if before[name] != after[name]} == {"conservation_loss_0"}


def test_weights_are_borrowed_from_the_regime_that_is_like(data, small):
    runs = {name: read(data, get(name), "train") for name in small}
    known = trainings.build(Training("ours", ("advection_dispersion",), 0), runs).state_dict()
    wanted = trainings.build(Training("ours", ("burgers",), 0), runs).state_dict()
    found = trainings.borrowed(wanted, known, "burgers", "advection_dispersion")
    leave = "adapters.{}.leave.bias"
    torch.testing.assert_close(found[leave.format("burgers")], known[leave.format("advection_dispersion")])
    assert not found["conditioning.settings.burgers.weight"].any()
    torch.testing.assert_close(found["adapters.burgers.mean"], wanted["adapters.burgers.mean"])


def test_nothing_changes(data):
    errors = trainings.still(None, "still", regime="burgers", data=data)["vrmse"]["burgers"]
    assert 0.05 < errors["step"] < errors["rollout"]
