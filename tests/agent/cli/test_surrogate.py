from collections.abc import Callable
from pathlib import Path

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
FEW = ("--train", "2", "--valid", "1", "--test", "1", "--calibration", "0", "--coverage", "0", "--beyond", "1")


def test_data_are_made_once(labwright: Call, home: Path) -> None:
    ended = labwright("surrogate", "data", "advection_dispersion", *FEW, "--json")
    assert ended.status == 0, ended.err
    told = ended.object
    assert told["out"] == str(home / "surrogate" / "data")
    assert [row["regime"] for row in told["regimes"]] == ["advection_dispersion"]
    assert told["regimes"][0]["kept"] == []
    assert (home / "surrogate/data/advection_dispersion/data/train/advection_dispersion.hdf5").is_file()
    again = labwright("surrogate", "data", "advection_dispersion", *FEW)
    assert again.status == 0, again.err
    assert again.out.count("kept") == 4


def test_bad_input_is_one_line(labwright: Call, tmp_path: Path) -> None:
    for arguments, told in (
        (("burger",), "did you mean burgers?"),
        (("burgers", "--train", "-1"), "train = -1 runs"),
        (("burgers", "--seed", "-1"), "seed = -1"),
        (("burgers", "--train", "many"), "'--train'"),
    ):
        ended = labwright("surrogate", "data", *arguments, "--out", str(tmp_path / "new"))
        assert ended.status == 2
        assert told in ended.line
    assert not (tmp_path / "new").exists()
