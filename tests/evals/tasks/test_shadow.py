"""Past runs are replanned from what was known before them, and judged at what they gave."""

import json

import pytest
import torch

from evals.tasks.shadow import beliefs, precision, run
from evals.virtual_lab.past import from_files, from_records
from physics.experiments import get

HOUR = 3600.0


@pytest.fixture
def folder(tmp_path):
    """Two tracer tests, at 11 and 17 cm, read evenly."""
    column = get("column")
    for depth, seed in ((11, 0), (17, 1)):
        settings = {"length": depth / 100, "velocity": 7e-6, "dispersion": 4e-9, "outlet": "semi-infinite"}
        times = torch.linspace(0.05, 2.0, 30, dtype=torch.float64) * depth / 100 / 7e-6
        curve = column.simulate(settings, times).outputs["concentration"].values[0]
        curve = curve + 0.005 * torch.randn(30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        rows = "\n".join(f"{float(t) / HOUR:.4f},{float(c):.4f}" for t, c in zip(times, curve, strict=True))
        (tmp_path / f"sand_step_{depth}cm.csv").write_text(f"time_h,relative_concentration\n{rows}\n")
    return tmp_path


def test_even_readings_are_beaten_by_those_planned_from_the_run_before(folder, tmp_path):
    result = run(0, records=tmp_path / "none", files=folder)
    rows = {(row["run"], row["known"]): row for row in result["rows"]}
    assert len(rows) == 5
    row = rows["sand_step_17cm.csv", "sand_step_11cm.csv"]
    assert row["target"] == "dispersion"
    assert row["points_replanned"] <= row["points"] == 30
    assert row["variance_ratio"] < 0.6
    assert result["summary"]["a run before"] == {"runs": 1, "median_variance_ratio": row["variance_ratio"]}


def test_beliefs_do_not_know_the_run_itself(folder):
    first, second = from_files(folder)
    assert set(beliefs(first, [])) == {"declared priors", "own schedule"}
    known = beliefs(second, [first])
    assert known["declared priors"].median["velocity"] == pytest.approx(5e-6)
    assert known["sand_step_11cm.csv"].median["velocity"] == pytest.approx(first.theta["velocity"])
    assert known["sand_step_11cm.csv"].deviation["dispersion"] > 0.3
    assert known["own schedule"].median["velocity"] != pytest.approx(second.theta["velocity"], rel=1e-3)


def test_precision_is_that_of_the_fit(folder):
    (past, _) = from_files(folder)
    told = precision(past, past.times)
    for j, name in enumerate(past.theta):
        assert told[name] == pytest.approx(1.96 * float(past.covariance[j, j]) ** 0.5, rel=0.05)


def test_without_runs_it_is_skipped(tmp_path):
    assert "no past run" in run(0, records=tmp_path, files=tmp_path)["skipped"]


def test_records_of_calibrations_are_read_and_others_passed_over(folder, tmp_path):
    home = tmp_path / "runs"
    home.mkdir()
    (past, _) = from_files(folder)
    curve = [line.split(",") for line in (folder / "sand_step_11cm.csv").read_text().splitlines()[1:]]
    record = {
        "id": "20260101-000000-calibrate-0000",
        "kind": "calibrate",
        "inputs": {
            "experiment": "column",
            "data": "a.csv",
            "settings": {"length": "11 cm", "outlet": "semi-infinite"},
            "fit": ["velocity", "dispersion"],
        },
        "result": {
            "status": "converged",
            "curve": {"time": [float(t) for t, _ in curve], "time_unit": "h", "measured": [float(c) for _, c in curve]},
        },
    }
    (home / f"{record['id']}.json").write_text(json.dumps(record))
    broken = record | {"id": "20260101-000001-calibrate-0001", "result": {"status": "stalled"}}
    (home / f"{broken['id']}.json").write_text(json.dumps(broken))
    (home / "20260101-000002-calibrate-0002.json").write_text("{")
    (found,) = from_records(home)
    assert found.name == "a.csv"
    assert found.theta["velocity"] == pytest.approx(past.theta["velocity"], rel=1e-3)
