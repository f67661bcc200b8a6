"""What measured curves say before the next run: the parameters, whether curves agree, and what cannot be told."""

import math
from pathlib import Path

import pytest

from tests.curves import column_file
from tools.errors import Failed, Retry
from tools.learn import learn
from tools.look import look
from tools.records import Evidence

DATA = Path(__file__).parents[3] / "shared" / "data" / "column"


def learned(*paths: Path) -> Evidence:
    return learn("column", look([str(path) for path in paths]), "dispersion")


def values(evidence: Evidence) -> dict[str, float]:
    return {fact.id: fact.value for fact in evidence.facts}


@pytest.mark.skipif(not DATA.is_dir(), reason="the measured data are not beside the project")
def test_the_measured_sand_column() -> None:
    evidence = learned(DATA / "sand_step_11cm.csv")
    found = values(evidence)
    assert found["past_velocity"] == pytest.approx(2.4515, rel=3e-3)
    assert found["past_dispersion"] == pytest.approx(0.1540, rel=3e-3)
    assert found["past_sse"] == pytest.approx(1.702e-3, rel=5e-4)
    assert found["past_points"] == 35
    assert {"column", "calibrate"} >= {fact.source.tool for fact in evidence.facts}
    assert any(check.kind == "conservation" for check in evidence.checks)
    assert all(check.status == "pass" for check in evidence.checks)


@pytest.mark.skipif(not DATA.is_dir(), reason="the measured data are not beside the project")
def test_two_depths_that_disagree_are_told_and_the_last_one_counts() -> None:
    evidence = learned(DATA / "sand_step_11cm.csv", DATA / "sand_step_17cm.csv")
    found = values(evidence)
    assert evidence.data["past"]["disagree"]
    assert found["past_dispersion"] == pytest.approx(0.1264, rel=3e-3)
    assert found["past_1_dispersion"] == pytest.approx(0.1540, rel=3e-3)
    assert [row["used"] for row in evidence.data["calibration"]["files"]] == [False, True]


def test_curves_that_agree_narrow_the_interval_by_the_root_of_two(tmp_path: Path) -> None:
    one, two = (column_file(tmp_path / f"{seed}.csv", seed=seed) for seed in (1, 2))
    alone = learned(one).data["past"]
    both = learned(one, two).data["past"]
    assert not both["disagree"]
    assert both["curves"] == 2
    deviation = [math.sqrt(past["covariance"][1][1]) for past in (alone, both)]
    assert deviation[1] == pytest.approx(deviation[0] / math.sqrt(2), rel=0.2)
    assert both["noise"] == pytest.approx(0.007, rel=0.25)


def test_what_the_request_leaves_open_is_taken_from_the_past_run(tmp_path: Path) -> None:
    evidence = learned(column_file(tmp_path / "run.csv"))
    bounds = {row["name"]: row for row in evidence.data["bounds"]}
    assert bounds["samples"]["upper"] == 35
    assert bounds["shortest_interval"]["lower"] == 7
    assert values(evidence)["aim_dispersion"] < values(evidence)["past_precision_dispersion"]
    sentences = " ".join(row["sentence"] for row in evidence.data["assumed"])
    assert "go on behind the sensor" in sentences
    assert not any(character.isdigit() for character in sentences)


def test_a_curve_that_does_not_reach_the_front_gives_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "early.csv"
    rows = "\n".join(f"{0.1 * k:g},{1e-4 * (k % 3)}" for k in range(1, 15))
    path.write_text(f"# Sensor depth: 11 cm\ntime_h,relative_concentration\n{rows}\n0.0,0\n".replace("\n0.0,0", ""))
    with pytest.raises((Failed, Retry)):
        learned(path)


def test_a_curve_of_something_else_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    rows = "\n".join(f"{0.5 * k:g},{0.5 + 0.5 * (-1) ** k}" for k in range(1, 30))
    path.write_text(f"# Sensor depth: 11 cm\ntime_h,relative_concentration\n{rows}\n")
    try:
        evidence = learned(path)
    except (Failed, Retry):
        return
    assert any(check.status == "fail" for check in evidence.checks)


def test_pore_volumes_say_nothing_of_the_velocity(tmp_path: Path) -> None:
    path = column_file(tmp_path / "run.csv")
    path.write_text(path.read_text().replace("time_h", "time_pv"))
    with pytest.raises(Retry, match="pore volumes"):
        learned(path)


def test_few_readings_are_said_to_be_few(tmp_path: Path) -> None:
    evidence = learned(column_file(tmp_path / "few.csv", points=6))
    assert any("few readings" in row["sentence"] for row in evidence.data["assumed"])
    assert evidence.data["past"]["noise"] > 0.015 * values(evidence)["past_noise"]
    assert next(row for row in evidence.data["bounds"] if row["name"] == "samples")["upper"] == 20
