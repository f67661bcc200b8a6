"""Predictions of fields: bands by the surrogate, a way back to the solver with its reason, and bad input refused."""

import h5py
import numpy as np
import pytest
import torch

from physics import well
from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.frames import Frames, path_of, read, write
from physics.surrogate.generate import one
from physics.surrogate.regimes import get
from tests.tools.surrogate.conftest import SHAPE
from tools.errors import Retry
from tools.predictions import Tally
from tools.surrogate.predict_fields import predict_fields

REGIME = "klein_gordon"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Three runs of the calibration's kind, six frames each, and their truth."""
    folder = tmp_path_factory.mktemp("start")
    frames = one(get(REGIME), "fresh", range(3), 5, False, 0)
    write(folder, "fresh", Frames(REGIME, frames.values[:, :6], frames.settings), get(REGIME))
    return path_of(folder, REGIME, "fresh"), frames


def ask(start, weights, **given):
    given = {"although_slower": True, **given}
    return predict_fields(REGIME, start, weights=weights, **given)


def test_the_surrogate_answers_with_bands_in_a_file(start, weights, tmp_path):
    path, truth = start
    out, tally = tmp_path / "out.hdf5", Tally(tmp_path / "tally.jsonl")
    found = ask(path, weights, out=out, level=0.8, tally=tally, run="r1")
    data = found.data
    answered = [row["source"] == "surrogate" for row in data["runs"]]
    assert sum(answered) >= 2
    assert all(bool(row["reason"]) != own for row, own in zip(data["runs"], answered, strict=True))
    kept = well.read(out)
    values, lower, upper = (kept.fields[f"field{end}"].values for end in ("", "_lower", "_upper"))
    assert values.shape == (3, 28, 128)
    assert torch.allclose(values[:, :4].float(), truth.values[:, :4, 0], atol=1e-6)
    assert bool((lower <= values).all() and (values <= upper).all())
    assert float((upper - lower)[answered][:, 4:].amin()) > 0.0
    with h5py.File(out, "r") as file:
        assert list(file["prediction"].attrs["source"]) == [row["source"] for row in data["runs"]]
    assert {check.status for check in found.checks} == {"pass"}
    assert all(row["status"] == "pass" for row in data["balances"])
    assert [row["source"] for row in tally.rows()] == [row["source"] for row in data["runs"]]
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_a_run_outside_the_ranges_goes_to_the_solver_and_the_others_do_not(start, weights, tmp_path):
    _, truth = start
    settings = {**truth.settings, "mass": truth.settings["mass"].clone()}
    settings["mass"][1] = 1.8
    write(tmp_path, "one", Frames(REGIME, truth.values[:, :1], settings), get(REGIME))
    found = ask(path_of(tmp_path, REGIME, "one"), weights, frames=3).data["runs"]
    assert found[1]["source"] == "solver"
    assert found[1]["reasons"][0]["kind"] == "range"
    assert "mass = 1.8 lies outside the trained range" in found[1]["reason"]
    assert found[1]["vrmse_at_most"] is None
    assert [row["source"] for row in found].count("surrogate") >= 1


def test_one_frame_is_enough_and_the_solver_is_exact(start, weights, tmp_path):
    _, truth = start
    write(tmp_path, "one", Frames(REGIME, truth.values[:, :1], truth.settings), get(REGIME))
    out = tmp_path / "out.hdf5"
    found = ask(path_of(tmp_path, REGIME, "one"), weights, out=out, budget=1e-9).data
    assert found["source"] == "solver"
    assert found["given"] == 1
    assert "wider than the budget" in found["reason"]
    values = well.read(out).fields["field"].values
    assert torch.allclose(values.float(), truth.values[:, :, 0], atol=1e-4)


def test_more_frames_than_were_learned_are_solved(start, weights):
    found = ask(start[0], weights, frames=30).data
    assert found["source"] == "solver"
    assert "30 further frames are asked" in found["reason"]
    assert len(found["times"]) == 34


def test_the_solver_answers_where_it_is_as_fast(start, weights):
    found = predict_fields(REGIME, start[0], weights=weights, frames=2).data
    assert found["source"] == "solver"
    assert "times as fast, less than 100" in found["reason"]
    assert found["seconds_saved"] == 0.0


def test_a_setting_outside_its_range_is_told_where_the_solver_is_as_fast(start, weights):
    found = predict_fields(REGIME, start[0], settings={"mass": "1.8"}, weights=weights, frames=2).data
    assert [each["kind"] for each in found["runs"][0]["reasons"]][:2] == ["speed", "range"]
    assert "mass = 1.8 lies outside" in found["reason"]


def spoil(weights, how):
    if how == "missing":
        weights.unlink()
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif how == "uncalibrated":
        stored.calibration_path(weights).unlink()
    elif how == "cut calibration":
        place = stored.calibration_path(weights)
        place.write_bytes(place.read_bytes()[:5000])
    elif how == "other weights":
        torch.manual_seed(5)
        stored.write(weights, Surrogate({REGIME: get(REGIME)}, SHAPE), {})
    elif how == "other regime":
        stored.write(weights, Surrogate({"burgers": get("burgers")}, SHAPE), {})
        stored.write_calibration(weights, stored.read(weights)[0], {}, {})


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("missing", "there is no such file of weights"),
        ("truncated", "cut off or damaged"),
        ("uncalibrated", "was never calibrated"),
        ("cut calibration", "cut off or damaged"),
        ("other weights", "of other weights"),
        ("other regime", "do not know klein_gordon"),
    ],
)
def test_weights_that_cannot_be_used_hand_over_to_the_solver(start, weights, how, word):
    spoil(weights, how)
    found = ask(start[0], weights, frames=2).data
    assert found["source"] == "solver"
    assert word in found["reason"]
    assert {row["reasons"][0]["kind"] for row in found["runs"]} == {"weights"}


def changed(path, folder, change):
    """Copy a start with one thing spoilt."""
    copy = folder / "start.hdf5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        change(file)
    return copy


def nan(file):
    file["t0_fields/rate"][1, 2, 7] = np.nan


def channel(file):
    del file["t0_fields/rate"]
    file["t0_fields"].attrs["field_names"] = ["field"]


def grid(file):
    for name in ("field", "rate"):
        data = file[f"t0_fields/{name}"]
        told, values = dict(data.attrs), data[..., ::2]
        del file[f"t0_fields/{name}"]
        file.create_dataset(f"t0_fields/{name}", data=values).attrs.update(told)
    told, values = dict(file["dimensions/x"].attrs), file["dimensions/x"][::2]
    del file["dimensions/x"]
    file.create_dataset("dimensions/x", data=values).attrs.update(told)
    for each in file["boundary_conditions"].values():
        mask = each["mask"][::2]
        del each["mask"]
        each.create_dataset("mask", data=mask)


def longer(file):
    file["dimensions/x"][...] = 2.0 * file["dimensions/x"][...]


def slower(file):
    file["dimensions/time"][...] = 3.0 * file["dimensions/time"][...]


def unset(file):
    del file["settings"]
    del file["scalars/mass"]
    file["scalars"].attrs["field_names"] = ["speed"]


def unit(file):
    file["t0_fields/rate"].attrs["unit"] = "m/s"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (nan, "rate is not finite at run 1, frame 2, point 7"),
        (channel, "the channel rate of klein_gordon is missing"),
        (grid, "there are 64 points along x, klein_gordon is learned and solved on 128"),
        (longer, "the points along x go from 0 to"),
        (slower, "its frames are 0.75 apart, those of klein_gordon are 0.25"),
        (unset, "the setting mass is missing; give it with --set mass=VALUE"),
        (unit, "rate is in m/s"),
    ],
)
def test_a_start_that_cannot_be_used_is_refused_and_nothing_is_written(start, weights, tmp_path, change, word):
    path, out = changed(start[0], tmp_path, change), tmp_path / "out.hdf5"
    with pytest.raises(Retry, match=word):
        ask(path, weights, out=out)
    assert not out.exists()


def test_a_setting_that_is_given_stands_in_place_of_the_files(start, weights, tmp_path):
    path = changed(start[0], tmp_path, unset)
    found = ask(path, weights, frames=1, settings={"mass": "0.8"}).data
    assert [row["settings"]["mass"] for row in found["runs"]] == [0.8] * 3


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"settings": {"viscosity": "1"}}, "klein_gordon has no setting viscosity"),
        ({"settings": {"mass": "-1"}}, "mass = -1 of run 0 cannot be"),
        ({"settings": {"mass": "much"}}, "not a quantity"),
        ({"settings": {"mass": "1 kg"}}, "does not fit"),
        ({"frames": 0}, "frames = 0 cannot be"),
        ({"frames": 100000}, "frames = 100000 cannot be"),
        ({"level": 1.0}, "level = 1 is outside"),
        ({"budget": 0.0}, "budget = 0 must be"),
    ],
)
def test_what_cannot_be_asked_is_refused(start, weights, given, word):
    with pytest.raises(Retry, match=word):
        ask(start[0], weights, **given)


def test_files_that_are_none_and_places_that_cannot_be_written_are_refused(start, weights, tmp_path):
    with pytest.raises(Retry, match="no such file"):
        ask(tmp_path / "none.hdf5", weights)
    (tmp_path / "text.hdf5").write_text("frames")
    with pytest.raises(Retry, match="cannot be read as an HDF5 file"):
        ask(tmp_path / "text.hdf5", weights)
    with pytest.raises(Retry, match="cannot be written"):
        ask(start[0], weights, out=tmp_path / "nowhere" / "out.hdf5")
    with pytest.raises(Retry, match="is the file that the runs start from"):
        ask(start[0], weights, out=start[0])
    with pytest.raises(Retry, match="regime"):
        predict_fields("tides", start[0], weights=weights)


def test_a_residual_of_the_equation_can_be_asked_for(start, weights):
    found = ask(start[0], weights, frames=6, residual=True).data
    assert len(found["runs"]) == 3


def test_what_the_data_command_made_can_be_predicted(fields_data, weights):
    found = predict_fields(
        "advection_dispersion", path_of(fields_data, "advection_dispersion", "beyond"), weights=weights, frames=2,
        although_slower=True,
    ).data  # fmt: skip
    assert found["source"] == "solver"
    assert len(found["runs"]) == len(read(fields_data, get("advection_dispersion"), "beyond")) == 20
