"""The runs command: past runs listed, and those that are like words, a run or a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.common import settings
from agent.runs import RunStore
from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
COLUMN = ("--set", "length=30 cm", "velocity=5 cm/h", "times=1 h, 2 h, 4 h, 5 h, 6 h, 7 h, 8 h, 10 h")
DISC = (
    "--set",
    "thickness=2 mm",
    "diffusivity=4 mm**2/s",
    "biot=0.05",
    "times=1 ms, 50 ms, 100 ms, 200 ms, 500 ms, 1 s",
)


@pytest.fixture
def three(labwright: Call) -> list[str]:
    """Run two columns and a disc."""
    told = [
        labwright("simulate", "column", *COLUMN, "dispersion=1 cm**2/h", "--json"),
        labwright("simulate", "column", *COLUMN, "dispersion=20 cm**2/h", "--json"),
        labwright("simulate", "flash", *DISC, "--json"),
    ]
    return [ended.object["run"] for ended in told]


def test_runs_are_found_by_words_by_another_and_by_a_file(labwright: Call, three: list[str], tmp_path: Path) -> None:
    sharp, blunt, disc = three
    by_words = labwright("runs", "--like", "a thin disc and its thermal diffusivity", "--json").object
    assert by_words["runs"][0]["run"] == disc
    by_run = labwright("runs", "--like", sharp, "--json").object["runs"]
    assert [row["run"] for row in by_run] == [blunt, disc]
    path = tmp_path / "curve.csv"
    path.write_text(
        "time_min,relative_concentration\n60,0\n180,0.0\n300,0.1\n340,0.4\n380,0.7\n420,0.9\n480,1\n600,1\n"
    )
    by_file = labwright("runs", "--like", str(path), "--limit", "1", "--json").object["runs"]
    assert [row["run"] for row in by_file] == [sharp]
    both = labwright("runs", "--like", "a column of 30 cm, its velocity and dispersion", "--trace", str(path))
    assert both.status == 0
    assert "both" in both.out
    assert sharp in both.out


def test_a_run_is_removed_and_no_longer_found(labwright: Call, three: list[str], home: Path) -> None:
    assert len(labwright("runs", "--like", "column", "--json").object["runs"]) == 3
    (home / "runs" / f"{three[0]}.json").unlink()
    assert len(labwright("runs", "--like", "column", "--json").object["runs"]) == 2


def test_a_record_that_cannot_be_read_does_not_stop_a_search(labwright: Call, three: list[str], home: Path) -> None:
    (home / "runs" / "20260101-000000-simulate-0000.json").write_text("{")
    assert len(labwright("runs", "--like", "column", "--json").object["runs"]) == 3


def test_nothing_to_compare_with_is_said(labwright: Call) -> None:
    ended = labwright("runs", "--like", "column")
    assert ended.status == 0
    assert "to compare with yet" in ended.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--like", " "), "--like is empty"),
        (("--like", "20260101-000000-plan-abcd"), "no run"),
        (("--like", "none.csv"), "no such file"),
        (("--like", "a.csv", "--trace", "b.csv"), "both files"),
        (("--trace", "notes.txt"), "no such file"),
        (("--like", "x", "--limit", "0"), "limit"),
    ],
    ids=["empty", "run", "file", "two files", "trace", "limit"],
)
def test_bad_input_is_one_line_and_status_two(labwright: Call, arguments: tuple[str, ...], told: str) -> None:
    ended = labwright("runs", *arguments)
    assert ended.status == 2
    assert told in ended.line


def test_a_field_is_kept_as_a_vector_and_not_printed(labwright: Call, home: Path) -> None:
    ended = labwright(
        "simulate", "gray_scott", "--set", "feed=0.037", "kill=0.06", "cells=32", "size=0.5", "duration=100", "--json"
    )
    assert "trace" not in ended.object
    record = RunStore(settings().runs_path).load(ended.object["run"])
    assert len(record.trace["vector"]) >= 64
