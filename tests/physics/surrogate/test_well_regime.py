"""Data sets of The Well as regimes: points, ends, settings; told in a card and made again."""

import json
from pathlib import Path

import pytest
import torch

from physics.errors import DataError, ParameterError
from physics.surrogate.regime import Channel
from physics.surrogate.well_files import headers
from physics.surrogate.well_regime import WellRegime, rebuilt, regime_of
from tests.physics.surrogate.the_well import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "data/train/a.hdf5", scale=10.0)
    write(tmp_path / "data/train/b.hdf5", scale=1000.0)
    return tmp_path


def regime(folder: Path, points: tuple[int, ...] | None = None) -> WellRegime:
    return regime_of(headers(folder, "train"), 8, points)


def test_what_does_not_divide_is_cut_off_and_its_axis_is_open(folder: Path) -> None:
    found = regime(folder)
    assert found.name == "well_cavity_flow"
    assert found.points == (16, 16)
    assert [axis.boundary for axis in found.axes] == ["periodic", "open"]
    assert [axis.length for axis in found.axes] == pytest.approx([2.0, 1.6])
    assert found.strides == (1, 1)
    assert found.channels[0] == Channel("density")
    assert found.steady == (1,)
    assert found.moving == [0, *range(2, 8)]
    assert found.interval == pytest.approx(0.25)


def test_every_so_many_points_are_taken(folder: Path) -> None:
    found = regime(folder, (8, 8))
    assert (found.points, found.strides) == ((8, 8), (2, 2))
    assert [axis.boundary for axis in found.axes] == ["periodic", "open"]


def test_settings_run_over_the_files(folder: Path) -> None:
    found = regime(folder)
    (only,) = found.ranges
    assert (only.name, only.low, only.high, only.log) == ("Rayleigh", 10.0, 1000.0, True)
    place = found.scaled({"Rayleigh": torch.tensor([10.0, 100.0, 1000.0], dtype=torch.float64)})
    assert place[:, 0].tolist() == pytest.approx([-1.0, 0.0, 1.0])


def test_one_value_is_in_the_middle_and_intervals_that_differ_are_a_setting(tmp_path: Path) -> None:
    write(tmp_path / "data/train/a.hdf5")
    alone = regime(tmp_path)
    assert alone.scaled({"Rayleigh": torch.ones(3, dtype=torch.float64)}).tolist() == [[0.0]] * 3
    write(tmp_path / "data/train/b.hdf5", interval=0.5)
    assert {each.name: (each.low, each.high) for each in regime(tmp_path).ranges} == {
        "Rayleigh": (1.0, 1.0),
        "frame_interval": pytest.approx((0.25, 0.5)),
    }


def test_a_regime_is_made_again_from_its_card(folder: Path) -> None:
    found = regime(folder, (16, 8))
    again = rebuilt(found.name, json.loads(json.dumps(found.told())))
    assert again.told() == found.told()
    assert (again.axes, again.channels, again.ranges, again.steady) == (
        found.axes, found.channels, found.ranges, found.steady,
    )  # fmt: skip


def test_it_is_neither_solved_nor_drawn(folder: Path) -> None:
    found = regime(folder)
    with pytest.raises(ParameterError, match="well_cavity_flow is a data set of The Well, which has no solver"):
        found.solve(torch.zeros(1, 8, 16, 16), {})
    with pytest.raises(ParameterError, match="runs come from files"):
        found.start({}, torch.Generator())


@pytest.mark.parametrize(
    ("points", "word"),
    [
        ((16,), "along 1 axes are asked for, and it has 2"),
        ((12, 8), "12 points along x cannot be; take a multiple of 8 up to the 16"),
        ((16, 24), "24 points along y cannot be"),
        ((0, 8), "0 points along x cannot be"),
    ],
)
def test_points_that_cannot_be_are_told(folder: Path, points: tuple[int, ...], word: str) -> None:
    with pytest.raises(DataError, match=word):
        regime(folder, points)


def test_too_few_points_are_told(folder: Path) -> None:
    with pytest.raises(DataError, match="16 points along x are too few; the model takes 32 at least"):
        regime_of(headers(folder, "train"), 32)
