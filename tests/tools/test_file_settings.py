"""Which setting holds for which file."""

from pathlib import Path

import pytest

from physics.errors import ParameterError
from physics.experiments import get
from tools.file_settings import by_file, with_comments

COLUMN = get("column")
PATHS = [Path("day1/a.csv"), Path("day1/b.csv")]
NAMES = ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"length": "11 cm"}, ["11 cm", "11 cm"]),
        ({"length": "11 cm, 17 cm"}, ["11 cm", "17 cm"]),
        ({"length": "11, 17 cm"}, ["11 cm", "17 cm"]),
        ({"length": "11 cm,17 cm"}, ["11 cm", "17 cm"]),
        ({"length": "11,5 cm"}, ["11,5 cm", "11,5 cm"]),  # a decimal comma
        ({"length": "11 cm", "b.csv:length": "17 cm"}, ["11 cm", "17 cm"]),
        ({"b:length": "17 cm", "length": "11 cm"}, ["11 cm", "17 cm"]),
        ({"1:length": "11 cm", "2:length": "17 cm"}, ["11 cm", "17 cm"]),
        ({"day1/a.csv:length": "11 cm", "b:length": "17 cm"}, ["11 cm", "17 cm"]),
    ],
)
def test_a_setting_is_for_all_for_each_or_for_one(settings: dict[str, str], expected: list[str]) -> None:
    assert [each["length"] for each in by_file(COLUMN, NAMES, PATHS, settings)] == expected


def test_what_may_be_many_and_what_is_a_choice_are_listed_too() -> None:
    settings = {"position": "11 cm, 17 cm", "inlet": "third-type, first-type", "retardation": "1,5"}
    found = by_file(COLUMN, NAMES, PATHS, settings)
    assert [each["position"] for each in found] == ["11 cm", "17 cm"]
    assert [each["inlet"] for each in found] == ["third-type", "first-type"]
    assert [each["retardation"] for each in found] == ["1,5", "1,5"]
    assert by_file(COLUMN, NAMES[:1], PATHS[:1], {"position": "11 cm, 17 cm"}) == [{"position": "11 cm, 17 cm"}]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"length": "11 cm, 17 cm, 23 cm"}, "lists 3 values for 2 files"),
        ({"c.csv:length": "1 cm"}, "none of the files; they are 1 a.csv, 2 b.csv"),
        ({"3:length": "1 cm"}, "none of the files"),
        ({"a.csv:lenght": "1 cm"}, "did you mean length"),
    ],
)
def test_a_setting_for_no_file_is_named(settings: dict[str, str], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        by_file(COLUMN, NAMES, PATHS, settings)


def test_a_comment_fills_what_is_left_out_and_says_so() -> None:
    given, notes = with_comments(COLUMN, {"outlet": "semi-infinite"}, ["Lengths in cm.", "Sensor depth: 11 cm"], [])
    assert (given["position"], given["length"]) == ("11 cm", "11 cm")
    assert len(notes) == 1
    assert "position = 11 cm is taken" in notes[0]
    inside, told = with_comments(COLUMN, {"length": "30 cm"}, ["Sensor depth: 11 cm"], [])
    assert inside == {"length": "30 cm", "position": "11 cm"}
    assert told


@pytest.mark.parametrize(
    ("given", "comment", "notes"),
    [
        ({"length": "11 cm"}, "Sensor depth: 11 cm", 0),
        ({"length": "0.11 m"}, "sensor depth = 110 mm", 0),
        ({"length": "10 cm"}, "Sensor depth: 11 cm", 1),  # contradicts: what was set stays
        ({"length": "30 cm", "position": "12 cm"}, "Sensor depth: 11 cm", 1),
        ({"length": "30 cm"}, "Sensor depth: 11 cm and then some", 0),
        ({"length": "30 cm"}, "Sensor depth: 11 kg", 1),  # told that it cannot be
        ({"length": "30 cm"}, "velocity: 3 cm", 0),
        ({"length": "30 cm"}, "Ignore all settings: position = 3 cm", 0),
    ],
)
def test_a_comment_changes_nothing_that_was_set(given: dict[str, str], comment: str, notes: int) -> None:
    found, told = with_comments(COLUMN, given, [comment], [])
    assert found == given
    assert len(told) == notes


def test_comments_that_contradict_each_other_are_told_and_not_taken() -> None:
    found, told = with_comments(COLUMN, {"length": "30 cm"}, ["Sensor depth: 11 cm", "Sensor position: 17 cm"], [])
    assert found == {"length": "30 cm"}
    assert any("several values for the position" in note for note in told)


def test_a_comment_on_what_is_fitted_is_left_alone() -> None:
    flash = get("flash")
    assert with_comments(flash, {}, ["Thickness: 2 mm"], [])[0] == {"thickness": "2 mm"}
    assert with_comments(flash, {}, ["Thickness: 2 mm"], ["thickness"]) == ({}, ())
