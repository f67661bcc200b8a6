"""The command that trains the surrogate of fields on data sets of The Well: two at once, and bad input in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from physics.surrogate.fields import stored
from tests.agent.cli.conftest import Ended
from tests.physics.surrogate.the_well import write

Call = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        write(tmp_path / "cavity/data" / split / "a.hdf5")
        write(tmp_path / "pipe/data" / split / "a.hdf5", axes=("x",), kinds=("OPEN",), name="pipe")
    return tmp_path


def test_data_sets_of_the_well_are_trained_on(labwright: Call, home: Path, folder: Path) -> None:
    given = ("--well", str(folder / "cavity"), "--well", str(folder / "pipe"), "--size", "toy", "--steps", "3")
    ended = labwright("surrogate", "train", *given, "--device", "cpu", "--json")
    assert ended.status == 0, ended.err
    assert ended.object["card"]["device"] == "cpu"
    assert ended.object["file"] == str(home / "surrogate/well.safetensors")
    assert set(stored.read(home / "surrogate/well.safetensors")[0].regimes) == {"well_cavity_flow", "well_pipe"}
    ended = labwright("surrogate", "train", *given[:2], "--points", "8x8", "--size", "toy", "--steps", "2")
    assert ended.status == 0, ended.err
    assert "well_cavity_flow" in ended.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--well", "nowhere"), "no HDF5 file of the split train"),
        (("--well", "CAVITY", "--points", "8"), "along 1 axes are asked for, and it has 2"),
        (("--well", "CAVITY", "--device", "abacus"), "device 'abacus' cannot be used here"),
        (("burgers", "--well", "CAVITY"), "leave burgers out"),
        (("burgers", "--points", "8"), "--points is for data sets of The Well"),
    ],
)
def test_bad_input_is_one_line_and_status_two(
    labwright: Call, folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    given = [str(folder / "cavity") if each == "CAVITY" else each for each in arguments]
    ended = labwright("surrogate", "train", *given, "--size", "toy", "--steps", "2")
    assert ended.status == 2
    assert told in ended.line
