"""Designs in words: what is read, what is answered, and what bad input says."""

from itertools import pairwise

import pytest

from tools.errors import Retry
from tools.optimisation.run_limits import read_limits
from tools.optimisation.words import Words, read_limit, read_precision
from tools.optimise import optimise_run

SETTINGS = {"length": "30 cm", "velocity": "2 cm/h", "dispersion": "0.15 cm**2/h", "input": "step"}
LIMITS = ["duration<=24 h", "samples<=8", "interval>=30 min", "velocity=1..3 cm/h"]


@pytest.fixture(scope="module")
def found():
    return optimise_run("column", SETTINGS, LIMITS, {"dispersion": "10%"}, noise="0.01", run="r")


def test_the_answer_is_in_the_users_units_and_inside_the_limits(found):
    data = found.data
    assert data["status"] == "recommended"
    times = [row["value"] for row in data["schedule"]]
    assert {row["unit"] for row in data["schedule"]} == {"h"}
    assert 1 <= len(times) <= 8
    assert times[-1] <= 24
    assert all(b - a >= 0.5 - 1e-9 for a, b in pairwise(times))
    setting = {row["name"]: row for row in data["settings"]}
    assert setting["velocity"]["unit"] == "cm/h"
    assert 1 <= setting["velocity"]["value"] <= 3
    assert "dispersion" not in setting
    assert {check["status"] for check in data["checks"]} <= {"pass", "not applicable"}
    assert any(balance["status"] == "pass" for balance in data["balances"])


def test_predictions_facts_and_growth_of_knowledge_agree(found):
    row = next(row for row in found.data["predictions"] if row["name"] == "dispersion")
    fact = next(fact for fact in found.facts if fact.id == "precision_dispersion")
    assert fact.value == pytest.approx(100 * row["value"])
    assert row["lower"] <= row["value"] <= row["upper"]
    assert row["value"] < row["before"]
    over = found.data["information_over_time"]
    assert over[-1]["precision"]["dispersion"] == pytest.approx(row["value"], rel=1e-6)
    assert [each["time"] for each in over] == found.data["schedule"]
    assert any(point["meets"] for point in found.data["trade_off"])


def test_a_target_out_of_reach_is_withheld_with_what_it_would_cost():
    told = optimise_run("column", SETTINGS, LIMITS, {"dispersion": "0.5%"}, noise="0.01").data
    assert told["status"] == "withheld"
    assert told["met"] is False
    assert 0 < told["need"]["noise_factor"] < 1
    assert "times less noisy" in told["reason"]
    assert "0.5 %" in told["reason"]


def test_most_information_names_no_target():
    told = optimise_run("column", SETTINGS, LIMITS, {"information": "most"}).data
    assert told["status"] == "recommended"
    assert told["met"] is None
    assert told["cheapest"] is None


def test_a_calibration_stands_in_place_of_the_prior():
    known = [
        {"name": "velocity", "value": 2.0, "std": 0.01, "unit": "cm/h"},
        {"name": "dispersion", "value": 0.15, "std": 0.006, "unit": "cm**2/h"},
    ]
    told = optimise_run(
        "column", {"length": "30 cm", "input": "step"}, LIMITS[:3], {"dispersion": "3%"},
        known=known, correlation=[[1.0, 0.2], [0.2, 1.0]],
    ).data  # fmt: skip
    row = next(row for row in told["predictions"] if row["name"] == "dispersion")
    assert row["before"] == pytest.approx(1.645 * 0.04, rel=1e-3)
    assert row["value"] < 0.8 * row["before"]


def test_material_is_limited_in_the_users_unit():
    settings = {**SETTINGS, "diameter": "5 cm", "porosity": "0.4"}
    told = optimise_run("column", settings, [*LIMITS, "material<=120 mL"], {"dispersion": "20%"}).data
    assert told["material"]["unit"] == "mL"
    assert told["material"]["value"] <= 120


@pytest.mark.parametrize(
    ("limits", "targets", "words"),
    [
        (["duration<=8"], {"dispersion": "5%"}, "unit of time"),
        (["duration<=8 cm"], {"dispersion": "5%"}, "does not fit"),
        (["samples<=2.5"], {"dispersion": "5%"}, "whole number"),
        (["velocity=3..1 cm/h"], {"dispersion": "5%"}, "above the upper"),
        (["velocty<=3 cm/h"], {"dispersion": "5%"}, "no such limit"),
        (["velocity 3"], {"dispersion": "5%"}, "is not a limit"),
        (["inlet=third"], {"dispersion": "5%"}, "not one of"),
        (["peclet>=1e6"], {"dispersion": "5%"}, "peclet"),
        (["duration<=8 h", "duration<=9 h"], {"dispersion": "5%"}, "twice"),
        (["material<=3 h"], {"dispersion": "5%"}, "does not fit"),
        ([], {}, "no target"),
        ([], {"dispersion": "0"}, "above zero"),
        ([], {"dispersion": "5"}, "500 %"),
        ([], {"inlet": "5%"}, "a choice"),
        ([], {"nothing": "5%"}, "no parameter"),
        ([], {"length": "5%"}, "set, not found"),
        (["material<=3 mL"], {"dispersion": "5%"}, "set diameter and porosity"),
        (["velocity=1..200 m/s"], {"dispersion": "5%"}, "outside its range"),
    ],
)
def test_bad_input_names_what_is_wrong(limits, targets, words):
    with pytest.raises(Retry, match=words):
        optimise_run("column", SETTINGS, limits, targets)


def test_two_models_are_told_apart_and_the_rate_is_told():
    told = optimise_run(
        "column", SETTINGS, ["duration<=24 h", "samples<=4"], {"models": "30%"},
        rivals=["mobile_fraction=0.6, exchange=1"], noise="0.05",
    ).data  # fmt: skip
    row = next(row for row in told["predictions"] if row["name"] == "wrong_verdicts")
    assert told["met"] == (row["value"] <= 0.3)
    assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= row["before"] + 0.1
    assert len(told["schedule"]) <= 4
    assert told["ranking"]
    assert told["trade_off"] == []
    with pytest.raises(Retry, match="--rival is for"):
        optimise_run("column", SETTINGS, [], {"dispersion": "5%"}, rivals=["mobile_fraction=0.6"])
    with pytest.raises(Retry, match="needs a rival"):
        optimise_run("column", SETTINGS, [], {"models": "5%"})
    with pytest.raises(Retry, match="stands alone"):
        optimise_run("column", SETTINGS, [], {"models": "5%", "dispersion": "5%"})


def test_limits_are_read_as_people_write_them():
    assert read_limit("velocity=1..5 cm/h") == Words("velocity", "1 cm/h", "5 cm/h")
    assert read_limit("duration <= 8 h") == Words("duration", upper="8 h")
    assert read_limit("interval≥10 min") == Words("interval", lower="10 min")
    assert read_limit("input=step,pulse") == Words("input", options=("step", "pulse"))
    assert read_limit("velocity=1-5 cm/h") == read_limit("velocity=1 to 5 cm/h") == read_limit("velocity=1..5 cm/h")
    assert read_limit("x=1e-5").options == ("1e-5",)
    assert read_limit("v=1, 2 cm/h").options == ("1 cm/h", "2 cm/h")
    assert read_limits(["duration=8 h", "interval=5 min"]) == [
        Words("duration", upper="8 h"),
        Words("interval", lower="5 min"),
    ]
    assert read_precision("x", "5 percent") == pytest.approx(0.05)
    assert read_precision("x", "0.05") == pytest.approx(0.05)


def test_a_velocity_that_is_set_is_told_and_one_that_is_missing_is_asked_for():
    told = optimise_run("column", SETTINGS, LIMITS[:3], {"dispersion": "10%"}, noise="0.01").data
    setting = {row["name"]: row for row in told["settings"]}
    assert (setting["velocity"]["value"], setting["velocity"]["unit"]) == (pytest.approx(2.0), "cm/h")
    believed = {row["name"]: row["value"] for row in told["believed"]}
    assert believed["dispersion"] == pytest.approx(0.15)
    with pytest.raises(Retry, match="velocity is missing"):
        optimise_run("column", {"length": "30 cm", "dispersion": "0.15 cm**2/h"}, [], {"dispersion": "10%"})


def test_more_samples_may_stand_closer_where_no_interval_was_named():
    told = optimise_run("column", SETTINGS, ["duration<=24 h", "samples<=8"], {"dispersion": "5%"}, noise="0.02").data
    assert told["status"] == "withheld"
    assert told["need"]["samples"] > 8
    assert "or more apart" in told["reason"]


def test_what_is_known_badly_does_not_leave_samples_unused():
    limits = ["duration<=48 h", "samples<=35", "interval>=15 min"]
    spreads = {"velocity": "300%"}
    told = optimise_run(
        "column", SETTINGS, limits, {"velocity": "1%", "dispersion": "5%"}, noise="0.01", spreads=spreads
    ).data
    assert told["samples"] > 25
    assert any("are not used" in note for note in told["assumptions"]) == (told["samples"] < 34)


def test_samples_that_tell_nothing_are_left_out_with_the_reason():
    told = optimise_run(
        "column", SETTINGS, ["duration<=48 h", "samples<=35", "interval>=2 h"], {"dispersion": "5%"}, noise="0.01"
    ).data
    assert told["samples"] < 20
    assert (
        f"{35 - told['samples']} of 35 samples are not used: at no moment that keeps 2 h from the others"
        in " ".join(told["assumptions"])
    )
