"""Headers of files of The Well: what they say is read, and what cannot be used is told in one line."""

from pathlib import Path

import h5py
import pytest

from physics.errors import DataError
from physics.surrogate.well_files import headers
from tests.physics.surrogate.the_well import FRAMES, NX, NY, RUNS, write


def test_what_a_file_says(tmp_path: Path) -> None:
    write(tmp_path / "data/train/a.hdf5", scale=10.0)
    write(tmp_path / "data/train/b.hdf5", scale=1000.0)
    first, second = headers(tmp_path, "train")
    assert (first.data_set, first.axes, first.sizes) == ("cavity-flow", ("x", "y"), (NX, NY))
    assert (first.runs, first.frames) == (RUNS, FRAMES)
    assert first.kinds == ("periodic", "wall")
    assert first.lengths == pytest.approx((2.0, 2.0))
    assert first.intervals.tolist() == pytest.approx([0.25] * RUNS)
    assert [channel for field in first.fields for channel in field.channels] == [
        "density", "map", "velocity_x", "velocity_y", "stress_xx", "stress_xy", "stress_yx", "stress_yy",
    ]  # fmt: skip
    assert set(second.scalars) == {"Rayleigh"}
    assert second.scalars["Rayleigh"].tolist() == [1000.0] * RUNS


def test_an_axis_with_a_wall_at_one_end_is_open(tmp_path: Path) -> None:
    write(tmp_path / "data/train/a.hdf5")
    with h5py.File(tmp_path / "data/train/a.hdf5", "a") as file:
        file["boundary_conditions/y_ends/mask"][-1] = False
    assert headers(tmp_path, "train")[0].kinds == ("periodic", "open")


def test_walls_of_two_groups_and_periods_without_a_mask(tmp_path: Path) -> None:
    write(tmp_path / "data/train/a.hdf5")
    with h5py.File(tmp_path / "data/train/a.hdf5", "a") as file:
        group = file["boundary_conditions"]
        group["x_ends/mask"][:] = False
        group.copy("y_ends", "y_other")
        group["y_ends/mask"][0] = False
        group["y_other/mask"][-1] = False
    assert headers(tmp_path, "train")[0].kinds == ("periodic", "wall")


def spoil(path: Path, how: str) -> None:
    with h5py.File(path, "a") as file:
        if how == "kind":
            file["boundary_conditions/y_ends"].attrs["bc_type"] = "SPONGE"
        elif how == "times":
            file["dimensions/time"][:] = 0.0
        elif how == "points":
            file["dimensions/x"][:] = 1.0
        elif how == "flags":
            file["t0_fields/density"].attrs["sample_varying"] = False
        elif how == "field":
            del file["t1_fields/velocity"]
        elif how == "scalar":
            file["scalars/Rayleigh"][()] = float("nan")
        elif how == "text":
            file.attrs["Rayleigh"] = "many"
        elif how == "layout":
            del file["dimensions"]


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("kind", "kind sponge is not known"),
        ("times", "times do not grow"),
        ("points", "points of x span no length"),
        ("flags", "has the shape .* where its flags ask for"),
        ("field", "fields cannot be read"),
        ("scalar", "scalar Rayleigh is not finite"),
        ("text", "attributes cannot be read"),
        ("layout", "dimensions is missing"),
    ],
)
def test_a_file_that_does_not_fit_is_told(tmp_path: Path, how: str, word: str) -> None:
    path = tmp_path / "data/train/a.hdf5"
    write(path)
    spoil(path, how)
    with pytest.raises(DataError, match=word) as told:
        headers(tmp_path, "train")
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_split_a_damaged_file_three_axes_and_two_sets_are_told(tmp_path: Path) -> None:
    path = tmp_path / "data/train/a.hdf5"
    write(path)
    with pytest.raises(DataError, match="there is no HDF5 file of the split test"):
        headers(tmp_path, "test")
    write(path.with_name("b.hdf5"), axes=("x",), kinds=("OPEN",))
    with pytest.raises(DataError, match=r"b.hdf5: other fields or another grid than a.hdf5"):
        headers(tmp_path, "train")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="cannot be read as an HDF5 file"):
        headers(tmp_path, "train")
    write(path, axes=("x", "y", "z"))
    with pytest.raises(DataError, match=r"3 axes \(x, y, z\); the model takes one or two"):
        headers(tmp_path, "train")
