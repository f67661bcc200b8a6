"""Training of the surrogate of fields from a folder of runs, end to end on toy sizes."""

import json

import pytest

from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Shape
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.regimes import all_regimes
from tools.errors import Retry
from tools.surrogate.data import make_data
from tools.surrogate.fields import TOY, chosen, train_fields

COUNTS = {"train": 3, "test": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data([], folder, counts=COUNTS)
    return folder


def test_all_regimes_train_end_to_end(data, tmp_path):
    shape, settings = chosen("toy", 30)
    said, out = [], tmp_path / "fields.safetensors"
    result = train_fields([], data, out, settings=settings, shape=shape, progress=said.append)
    card = result["card"]
    assert set(card["vrmse"]) == set(all_regimes())
    assert all(found["step"] > 0 for found in card["vrmse"].values())
    assert "left; loss" in said[-1]
    model, kept = stored.read(out)
    assert json.dumps(kept["vrmse"], sort_keys=True) == json.dumps(card["vrmse"], sort_keys=True)
    assert model.shape == TOY
    assert [path.name for path in tmp_path.iterdir()] == ["fields.safetensors"]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(data, tmp_path):
    made = []
    for index, seed in enumerate((0, 0, 1)):
        path = tmp_path / f"{index}.safetensors"
        train_fields(["burgers"], data, path, settings=Settings(steps=8, points=2048, seed=seed), shape=TOY)
        made.append(stored.read(path)[0].detoken.weight)
    assert made[0].equal(made[1])
    assert not made[0].equal(made[2])


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda data, out: train_fields(["tides"], data, out), "no regime 'tides'"),
        (lambda data, out: train_fields(["burgers"], out.parent / "nowhere", out), "generate it with"),
        (lambda data, out: chosen("huge"), "not one of full, toy"),
        (lambda data, out: chosen("toy", 0), "must be above 0"),
    ],
)
def test_what_cannot_be_used_is_told(data, tmp_path, call, word):
    with pytest.raises(Retry, match=word):
        call(data, tmp_path / "fields.safetensors")
    assert not list(tmp_path.iterdir())


def test_what_ships_is_small_enough():
    from physics.surrogate.fields.model import Surrogate

    count = sum(part.numel() for part in Surrogate(all_regimes(), Shape()).parameters())
    assert 4 * count < 20e6
