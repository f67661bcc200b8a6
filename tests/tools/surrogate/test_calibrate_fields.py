"""Calibration of the surrogate of fields: what it writes, what it keeps, and what it refuses."""

import pytest
import torch

from physics.surrogate.fields import stored
from physics.surrogate.frames import read
from physics.surrogate.regimes import get
from tests.tools.surrogate.conftest import COUNTS, NAMES
from tools.errors import Retry
from tools.surrogate.calibrate_fields import calibrate_fields, runs


def test_the_card_tells_coverage_sharpness_and_what_was_caught(fields_weights):
    model, _ = stored.read(fields_weights)
    found, told = stored.read_calibration(fields_weights, model)
    assert set(found) == set(told) == set(NAMES)
    for row in told.values():
        assert row["counts"] == COUNTS
        horizons = row["inside"]["horizons"]
        assert [each["frames"] for each in horizons] == [1, 4, 12, 24]
        for each in horizons:
            assert 0.7 <= each["coverage"] <= 1.0
            assert 0.0 < each["half_width"]["median"] <= each["half_width"]["most"]
        assert row["beyond"]["abstained"] == 1.0
        assert row["beyond"]["caught"] == 1.0
        assert row["inside"]["risk"][0][0] == 1.0
        assert row["speed"]["ratio"] > 0.0
        assert row["speed"]["solver_error"] <= row["speed"]["error"]
    assert all(found[name].limits.residual < float("inf") for name in NAMES)


def test_what_stands_is_kept_and_one_regime_can_be_made_anew(weights, fields_data):
    said: list[str] = []
    before = stored.calibration_path(weights).read_bytes()
    result = calibrate_fields([], fields_data, weights, counts=COUNTS, progress=said.append)
    assert [row["kept"] for row in result["regimes"]] == [True, True]
    assert stored.calibration_path(weights).read_bytes() == before
    assert not said
    other = {**COUNTS, "coverage": 20}
    result = calibrate_fields(["klein_gordon"], fields_data, weights, counts=other, progress=said.append)
    assert [row["kept"] for row in result["regimes"]] == [False]
    assert any("klein_gordon, coverage: 20 of 20 runs" in line for line in said)
    found, _ = stored.read_calibration(weights, stored.read(weights)[0])
    assert set(found) == set(NAMES)


def test_runs_beyond_those_of_the_folder_are_solved_and_are_the_same_runs(fields_data):
    regime = get("klein_gordon")
    found = list(runs(regime, "coverage", 50, fields_data, 0, 20))
    assert [len(each) for each in found] == [20, 20, 10]
    there = read(fields_data, regime, "coverage")
    both = torch.cat([each.values for each in found])
    assert torch.equal(both[:40], there.values)
    other = torch.cat([each.values for each in runs(regime, "coverage", 50, fields_data / "nowhere", 0, 25)])
    assert torch.allclose(both, other, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "counts", "seed", "word"),
    [
        (["tides"], {}, 0, "does not know tides"),
        ([], {"calibration": 3}, 0, "calibration = 3 is too few runs"),
        ([], {"test": 3}, 0, "test is no number of runs"),
        ([], {}, -1, "seed = -1 is negative"),
    ],
)
def test_what_cannot_be_is_refused_and_what_stood_stays(weights, fields_data, names, counts, seed, word):
    before = stored.calibration_path(weights).read_bytes()
    with pytest.raises(Retry, match=word):
        calibrate_fields(names, fields_data, weights, counts=counts, seed=seed)
    assert stored.calibration_path(weights).read_bytes() == before


def test_missing_data_and_missing_weights_are_told(weights, fields_data, tmp_path):
    with pytest.raises(Retry, match="generate it with"):
        calibrate_fields([], tmp_path / "nowhere", weights, counts=COUNTS, again=True)
    with pytest.raises(Retry, match="no such file of weights"):
        calibrate_fields([], fields_data, tmp_path / "none.safetensors", counts=COUNTS)
