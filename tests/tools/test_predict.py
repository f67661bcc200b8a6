"""The predict tool: the surrogate with its interval, the solver with its error, and why the one or the other."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from physics.solution import Cost, Solution, Status
from physics.surrogate.curves import weights
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.predict import predict
from tools.predictions import Tally
from tools.simulate import simulate

RESTING = {
    "length": "30 cm", "velocity": "10 cm/h", "dispersion": "6 cm**2/h", "mobile_fraction": "0.7", "exchange": "2",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that ship, as fast as on a machine where they are worth it."""
    place = tmp_path_factory.mktemp("weights")
    for end in ("safetensors", "json"):
        shutil.copy(weights.FOLDER / f"two_region.{end}", place)
    card = json.loads((place / "two_region.json").read_text())
    card["speed"] |= {"ratio": 1000.0, "solver_us": 1e7}
    (place / "two_region.json").write_text(json.dumps(card))
    return place


def test_the_surrogate_answers_with_an_interval_that_holds_the_solver(folder: Path) -> None:
    found = predict("column", RESTING, folder=folder, level=0.99)
    assert found.data["source"] == "surrogate", found.data["reason"]
    assert found.data["reason"] == ""
    row = found.data["outputs"][0]
    solved = simulate("column", RESTING).data["outputs"]
    truth = solved[0]
    assert [each["name"] for each in found.data["outputs"]] == [each["name"] for each in solved]
    assert row["name"] == truth["name"] == "concentration"
    assert row["time"] == truth["time"]
    assert row["time_unit"] == truth["time_unit"] == "h"
    assert row["meaning"] == truth["meaning"]
    held = [a - 1e-6 <= b <= c + 1e-6 for a, b, c in zip(row["lower"], truth["values"], row["upper"], strict=True)]
    assert all(held)
    assert max(c - a for a, c in zip(row["lower"], row["upper"], strict=True)) < 0.05
    assert {check["status"] for check in found.data["checks"]} == {"pass", "not applicable"}
    assert found.seconds["solver"] == 0.0


def test_after_its_last_place_a_step_lies_between_there_and_the_feed(folder: Path) -> None:
    row = predict("column", RESTING | {"times": "3 h, 300 h"}, folder=folder).data["outputs"][0]
    assert row["upper"][1] == 1.0
    assert 0.99 < row["lower"][1] <= row["values"][1] <= 1.0


def test_times_come_in_the_users_unit(folder: Path) -> None:
    row = predict("column", RESTING | {"times": "60 min, 200 min"}, folder=folder).data["outputs"][0]
    assert (row["time_unit"], row["time"]) == ("min", pytest.approx([60, 200]))
    assert len(row["lower"]) == len(row["upper"]) == 2


@pytest.mark.parametrize(
    ("more", "kind", "told"),
    [
        ({"dispersion": "0.5 cm**2/h"}, "range", "peclet = 600 lies outside the trained range, 3 to 300"),
        ({"exchange": "50", "mobile_fraction": "0.1"}, "range", "mobile_fraction = 0.1 lies outside"),
        ({"inlet": "first-type"}, "setting", "inlet = first-type is not among what was learned"),
        ({"position": "10 cm"}, "setting", "a sensor inside the column was not learned"),
        ({"decay": "0.1 1/h"}, "setting", "decay with two regions was not learned"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 9 else "",
)
def test_the_solver_answers_where_the_surrogate_should_not(
    folder: Path, more: dict[str, str], kind: str, told: str
) -> None:
    found = predict("column", {"times": "1 h, 3 h", **RESTING, **more}, folder=folder)
    assert found.data["source"] == "solver"
    assert told in found.data["reason"]
    assert kind in [each["kind"] for each in found.data["reasons"]]
    row = found.data["outputs"][0]
    assert row["values"] == simulate("column", {"times": "1 h, 3 h", **RESTING, **more}).data["outputs"][0]["values"]
    assert all(a <= b <= c for a, b, c in zip(row["lower"], row["values"], row["upper"], strict=True))
    assert found.data["balances"]


def test_a_file_as_input_goes_to_the_solver(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "fed.csv"
    file.write_text("time_h,relative_concentration\n0,1\n1,1\n1.1,0\n4,0\n")
    found = predict("column", RESTING | {"input": str(file), "times": "2 h, 3 h"}, folder=folder)
    assert (found.data["source"], found.data["reason"]) == ("solver", "a file as input was not learned")


def test_a_budget_decides(folder: Path) -> None:
    found = predict("column", RESTING | {"times": "2 h, 3 h"}, folder=folder, budget=1e-7)
    assert found.data["source"] == "solver"
    assert "wider than the budget, 1e-07" in found.data["reason"]


def test_broken_weights_are_told_and_the_solver_answers(folder: Path, tmp_path: Path) -> None:
    for end in ("safetensors", "json"):
        shutil.copy(folder / f"two_region.{end}", tmp_path)
    file = tmp_path / "two_region.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    found = predict("column", RESTING | {"times": "2 h, 3 h"}, folder=tmp_path)
    assert found.data["source"] == "solver"
    assert "cannot be read" in found.data["reason"]
    file.unlink()
    assert "no surrogate of two_region" in predict("column", RESTING | {"times": "2 h"}, folder=tmp_path).data["reason"]


def test_a_slow_surrogate_gives_way_to_the_solver(folder: Path, tmp_path: Path) -> None:
    for end in ("safetensors", "json"):
        shutil.copy(folder / f"two_region.{end}", tmp_path)
    card = json.loads((tmp_path / "two_region.json").read_text())
    card["speed"]["ratio"] = 3.0
    (tmp_path / "two_region.json").write_text(json.dumps(card))
    found = predict("column", RESTING | {"times": "2 h, 3 h"}, folder=tmp_path)
    assert found.data["source"] == "solver"
    assert "less than 100" in found.data["reason"]
    narrow = predict("column", RESTING | {"dispersion": "0.5 cm**2/h", "times": "2 h, 3 h"}, folder=tmp_path)
    assert [each["kind"] for each in narrow.data["reasons"]] == ["speed", "range"]


def test_an_experiment_without_a_surrogate_is_solved() -> None:
    reactor = {"feed": "0.03", "kill": "0.062", "size": "0.2", "cells": "16", "duration": "4"}
    found = predict("gray_scott", reactor)
    assert found.data["source"] == "solver"
    assert "gray_scott" in found.data["reason"]
    mean = next(row for row in found.data["outputs"] if row["name"] == "mean_b")
    assert len(mean["lower"]) == len(mean["values"])


@pytest.mark.parametrize(
    ("settings", "options", "told"),
    [
        ({"length": "30 cm"}, {}, "velocity, dispersion is missing"),
        (RESTING | {"lenght": "3 cm"}, {}, "did you mean length"),
        (RESTING, {"level": 1.0}, "level = 1 is outside its range"),
        (RESTING, {"budget": -1.0}, "budget = -1"),
        ({"rayleigh": "5000", "prandtl": "1", "times": "1 s"}, {}, "counts time without a unit"),
    ],
    ids=["missing", "name", "level", "budget", "clock"],
)
def test_bad_input_is_told(settings: dict[str, str], options: dict[str, float], told: str) -> None:
    name = "convection" if "rayleigh" in settings else "column"
    with pytest.raises(Retry, match=told):
        predict(name, settings, **options)


def test_a_run_that_nobody_can_predict_is_told_with_both_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = find("column")

    def diverged(*given: object, **options: object) -> Solution:
        return Solution({}, [], Status.DIVERGED, "At 3 s.", Cost(1, 1, 0.0), 1e-6)

    monkeypatch.setattr("tools.predict.find", lambda name: replace(declared, simulate=diverged))
    with pytest.raises(Failed, match=r"left the range of finite numbers.* Nor can the surrogate: inlet = first-type"):
        predict("column", RESTING | {"inlet": "first-type", "times": "1 h, 3 h"})


def test_every_call_is_counted(folder: Path, tmp_path: Path) -> None:
    tally = Tally(tmp_path / "home" / "predictions.jsonl")
    assert tally.summary() == []
    few = RESTING | {"times": "2 h, 3 h"}
    predict("column", few, folder=folder, tally=tally, run="a")
    predict("column", few, folder=folder, budget=1e-7, tally=tally, run="b")
    predict("column", few | {"inlet": "first-type"}, folder=folder, tally=tally)
    with tally.path.open("a") as file:
        file.write('{"half of a li')
    assert [(row["run"], row["source"]) for row in tally.rows()] == [
        ("a", "surrogate"), ("b", "solver"), (None, "solver"),
    ]  # fmt: skip
    (row,) = tally.summary()
    assert (row["calls"], row["surrogate"], row["solver"]) == (3, 1, 2)
    assert row["reasons"] == {"width": 1, "setting": 1}
    assert row["saved"] > 9.0
