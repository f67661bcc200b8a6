"""A trained surrogate of fields in a file: it comes back, and what is not it is refused in a sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from physics.errors import DataError
from physics.surrogate.fields import stored
from physics.surrogate.fields.intervals import FLOORS
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.regimes import all_regimes, get
from physics.surrogate.well_files import headers
from physics.surrogate.well_regime import WellRegime, regime_of
from tests.physics.surrogate.the_well import write

SMALL = Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, backbone_layers=1)
REGIMES = {name: all_regimes()[name] for name in ("burgers", "gray_scott")}


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    stored.write(tmp_path / "fields.safetensors", Surrogate(REGIMES, SMALL), {"seed": 0})
    return tmp_path / "fields.safetensors"


def changed(path: Path, **parts: object) -> Path:
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        told = json.loads(file.metadata()["labwright-surrogate"])
    save_file(tensors, path, metadata={"labwright-surrogate": json.dumps({**told, **parts})})
    return path


def test_a_model_comes_back(path):
    model, card = stored.read(path)
    assert card["seed"] == 0
    torch.manual_seed(0)
    for one, other in zip(model.parameters(), Surrogate(REGIMES, SMALL).parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ({"version": 99}, "format 99"),
        ({"shape": {**SMALL.as_dict(), "latent": 16}}, "another model"),
        ({"shape": {"breadth": 3}}, "another model"),
        ({"regimes": {"tides": {}}}, "another model"),
        ({"regimes": {**stored._regimes(REGIMES), "burgers": {"points": [64]}}}, "burgers has other points"),
    ],
)
def test_what_is_of_another_model_is_refused(path, part, word):
    with pytest.raises(DataError, match=word):
        stored.read(changed(path, **part))


def test_a_data_set_of_the_well_comes_back_from_the_card(tmp_path):
    write(tmp_path / "data/train/a.hdf5")
    regime = regime_of(headers(tmp_path, "train"), 8)
    path = tmp_path / "fields.safetensors"
    stored.write(path, Surrogate({regime.name: regime, **REGIMES}, SMALL), {})
    model, card = stored.read(path)
    again = model.regimes["well_cavity_flow"]
    assert isinstance(again, WellRegime)
    assert again.told() == regime.told()
    assert "well" not in card["regimes"]["burgers"]
    for spoilt in ({}, {**regime.told(), "axes": 3}, {**regime.told(), "interval": "long"}):
        kept = {**card["regimes"], regime.name: {**card["regimes"][regime.name], "well": spoilt}}
        with pytest.raises(DataError, match="is of another model"):
            stored.read(changed(path, regimes=kept))


def test_a_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="cut off or damaged"):
        stored.read(path)


def test_weights_that_are_not_finite_are_refused(path):
    with safe_open(path, "pt") as file:
        tensors, told = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    tensors["detoken.bias"] = tensors["detoken.bias"] * float("nan")
    save_file(tensors, path, metadata=told)
    with pytest.raises(DataError, match="not finite"):
        stored.read(path)


def test_other_tensors_and_no_file_are_refused(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="not weights of a surrogate"):
        stored.read(tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="no such file"):
        stored.read(tmp_path / "none.safetensors")


@pytest.fixture
def calibrated(trusted, tmp_path):
    path = tmp_path / "fields.safetensors"
    stored.write(path, trusted.model, {})
    stored.write_calibration(path, trusted.model, trusted.calibrations, trusted.told)
    return path


def test_a_calibration_comes_back(trusted, runs, calibrated):
    found = Trusted.load(calibrated)
    assert found.told == trusted.told
    frames = runs["klein_gordon"]["beyond"]
    regime, history = get("klein_gordon"), frames.values[:, :4]
    for frames_asked in (1, 12, 24):
        one, other = (each.predict(regime, history, frames.settings, frames_asked) for each in (trusted, found))
        assert torch.equal(one.lower, other.lower)
        assert torch.equal(one.bound, other.bound)
        assert [doubt.members.tolist() for doubt in one.doubts] == [doubt.members.tolist() for doubt in other.doubts]
    for name, each in found.calibrations.items():
        assert all(horizon.floor in FLOORS for horizon in each.intervals.horizons)
        assert each.limits == replace(
            trusted.calibrations[name].limits, known=each.limits.known, spread=each.limits.spread
        )
    assert stored.calibration_path(calibrated).stat().st_size < 200_000


def test_a_calibration_that_is_missing_cut_off_or_of_other_weights_is_refused(trusted, calibrated, tmp_path):
    model, place = trusted.model, stored.calibration_path(calibrated)
    whole = place.read_bytes()
    for part in (whole[:100], whole[: len(whole) // 2]):
        place.write_bytes(part)
        with pytest.raises(DataError, match="cut off or damaged"):
            stored.read_calibration(calibrated, model)
    place.write_bytes(whole)
    torch.manual_seed(1)
    with pytest.raises(DataError, match="of other weights than fields"):
        stored.read_calibration(calibrated, Surrogate(model.regimes, model.shape))
    place.unlink()
    with pytest.raises(DataError, match="was never calibrated; run 'labwright surrogate calibrate'"):
        Trusted.load(calibrated)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"version": 99}, "format 99"),
        ({"regimes": {"tides": {}}}, "lacks or has something else"),
        ({"regimes": {"klein_gordon": {"points": [64]}}}, "klein_gordon has other points"),
    ],
)
def test_a_calibration_of_changed_regimes_is_refused(trusted, calibrated, change, word):
    changed(stored.calibration_path(calibrated), **change)
    with pytest.raises(DataError, match=word):
        stored.read_calibration(calibrated, trusted.model)


@pytest.mark.parametrize("part", ["klein_gordon/known", "klein_gordon/0.profile", "klein_gordon/3.scores"])
def test_a_calibration_with_tensors_missing_or_not_finite_is_refused(trusted, calibrated, part):
    place = stored.calibration_path(calibrated)
    with safe_open(place, "pt") as file:
        tensors, told = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    kept = tensors.pop(part)
    save_file(tensors, place, metadata=told)
    with pytest.raises(DataError, match="lacks or has something else"):
        stored.read_calibration(calibrated, trusted.model)
    save_file({**tensors, part: kept * float("nan")}, place, metadata=told)
    with pytest.raises(DataError, match="not finite"):
        stored.read_calibration(calibrated, trusted.model)
