"""The predict command: the contract's object, the interval, the reason, the exit status and the tally."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
RESTING = ("length=30 cm", "velocity=10 cm/h", "dispersion=6 cm**2/h", "mobile_fraction=0.7", "exchange=2")


def test_a_prediction_stands_in_the_contracts_form_and_is_counted(labwright: Call, home: Path) -> None:
    ended = labwright("predict", "column", "--set", *RESTING, "times=1 h, 3 h, 5 h", "--json", "--level", "0.8")
    assert ended.status == 0
    result = ended.object
    assert result["level"] == 0.8
    assert result["source"] in ("surrogate", "solver")
    assert bool(result["reason"]) == (result["source"] == "solver")
    (row,) = [row for row in result["outputs"] if row["name"] == "concentration"]
    assert row["time"] == [1.0, 3.0, 5.0]
    assert all(a <= b <= c for a, b, c in zip(row["lower"], row["values"], row["upper"], strict=True))
    (line,) = (home / "predictions.jsonl").read_text().splitlines()
    assert json.loads(line)["run"] == result["run"]
    assert json.loads(line)["source"] == result["source"]
    listed = labwright("runs", "--json").object["runs"]
    assert [entry["run"] for entry in listed] == [result["run"]]


def test_the_screen_says_who_answered_and_why(labwright: Call) -> None:
    ended = labwright("predict", "column", "--set", *RESTING, "inlet=first-type", "times=1 h, 3 h")
    assert ended.status == 0
    assert "source: solver" in ended.out
    assert "not the surrogate: inlet = first-type is not among what was learned" in ended.out
    assert "concentration" in ended.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "length=30 cm"), "velocity, dispersion is missing"),
        (("--set", *RESTING, "--level", "1.2"), "level = 1.2 is outside its range"),
        (("--set", *RESTING, "--budget", "0"), "budget = 0 must be a number above 0"),
        (("--set", *RESTING, "--level", "nine"), "level"),
    ],
    ids=["missing", "level", "budget", "word"],
)
def test_bad_input_is_one_line_and_status_two(labwright: Call, arguments: tuple[str, ...], told: str) -> None:
    ended = labwright("predict", "column", *arguments)
    assert ended.status == 2
    assert told in ended.line
