"""The command that trains the surrogate of curves: weights with a card, the same from the same seed, kept runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
FEW = ("--train", "60", "--calibration", "100", "--coverage", "60", "--beyond", "20")


def test_a_small_training_writes_weights_that_predict_reads(labwright: Call, home: Path, tmp_path: Path) -> None:
    ended = labwright("surrogate", "curves", "column", "--out", str(tmp_path / "w"), *FEW, "--json", "--seed", "3")
    assert ended.status == 0
    (row,) = ended.object["families"]
    assert row["data"]["train"] == {"drawn": 60, "solved": 60, "seconds": row["data"]["train"]["seconds"]}
    assert 0.75 < row["inside"]["concentration"]["coverage"] <= 1.0
    assert row["beyond"]["abstained"] == 1.0
    assert row["speed"]["ratio"] > 0
    kept = sorted(path.name for path in (home / "surrogate" / "curve-runs" / "column").iterdir())
    assert kept == ["beyond-20-3.safetensors", "calibration-100-3.safetensors", "coverage-60-3.safetensors",
                    "train-60-3.safetensors"]  # fmt: skip
    first = (tmp_path / "w" / "column.safetensors").read_bytes()
    again = labwright("surrogate", "curves", "column", "--out", str(tmp_path / "w"), *FEW, "--seed", "3")
    assert again.status == 0
    assert "concentration" in again.out
    assert (tmp_path / "w" / "column.safetensors").read_bytes() == first
    given = ("length=1 m", "velocity=1 m/s", "dispersion=0.02 m**2/s", "times=0.5 s, 1 s")
    found = labwright("predict", "column", "--set", *given, "--weights", str(tmp_path / "w"), "--json").object
    assert found["surrogate"] == "column"
    card = tmp_path / "w" / "column.json"
    card.write_text(card.read_text().replace('"ratio": ', '"ratio": 1000'))
    (row,) = labwright("surrogate", "speed", "column", "--weights", str(tmp_path / "w"), "--json").object["families"]
    assert json.loads(card.read_text())["speed"]["ratio"] > 900  # told, not kept
    assert row["surrogate_us"] > 0
    assert row["answers"] == (row["ratio"] >= 100)
    assert "column" in labwright("surrogate", "speed", "column", "--weights", str(tmp_path / "w"), "--keep").out
    assert json.loads(card.read_text())["speed"]["ratio"] < 900


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("colum",), "did you mean column"),
        (("column", "--train", "3"), "train = 3 is too few runs"),
        (("column", "--train", "0"), "train = 0 is too few runs"),
        (("column", "--kind", "forest"), "kind = 'forest' is not one of gaussian, network"),
    ],
    ids=["family", "count", "none", "kind"],
)
def test_bad_input_is_one_line_and_writes_nothing(
    labwright: Call, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    ended = labwright("surrogate", "curves", *arguments, "--out", str(tmp_path / "w"))
    assert ended.status == 2
    assert told in ended.line
    assert not (tmp_path / "w").exists()


def test_weights_that_are_missing_are_told(labwright: Call, tmp_path: Path) -> None:
    ended = labwright("surrogate", "speed", "column", "--weights", str(tmp_path))
    assert ended.status == 2
    assert "no surrogate of column stands at" in ended.line
