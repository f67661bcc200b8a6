"""A plan is carried out on hidden truths; what it promised is compared with what came out."""

import pytest

from evals.tasks import next_run
from evals.tasks.next_run import achieved, data_folder, measured, run

FILE = data_folder() / "column" / "sand_step_11cm.csv"
needs_data = pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} is not there")


def plan(expected=1.6, **more):
    """The past run's time around its front again, with a pulse."""
    return {
        "status": "recommended",
        "settings": [
            {"name": "length", "value": 11.0, "unit": "cm"},
            {"name": "position", "value": 11.0, "unit": "cm"},
            {"name": "velocity", "value": 2.45, "unit": "cm/h"},
            {"name": "input", "value": "pulse", "unit": ""},
            {"name": "pulse_duration", "value": 54.0, "unit": "min"},
            {"name": "samples", "value": 35.0, "unit": ""},
        ],
        "schedule": [{"name": "sampling time", "value": 222.0 + 4.7 * k, "unit": "min"} for k in range(35)],
        "facts": [
            {"id": "precision_level", "value": 95.0},
            {"id": "precision_velocity", "value": 0.085},
            {"id": "precision_dispersion", "value": expected},
            {"id": "past_precision_velocity", "value": 0.123},
            {"id": "past_precision_dispersion", "value": 3.33},
        ],
    } | more


@needs_data
@pytest.mark.parametrize(("expected", "inside"), [(1.9, True), (0.8, False)])
def test_an_expected_precision_is_confirmed_or_not(expected, inside):
    result = run(0, truths=12, plan=plan(expected))
    row = next(row for row in result["rows"] if row["parameter"] == "dispersion")
    assert row["expected_inside"] is inside
    assert row["achieved_percent"] < row["before_percent"]
    assert row["held"] > 0.6


@needs_data
def test_two_runs_tell_more_than_one():
    first = measured(FILE)
    once, _ = achieved(first, plan(), 4, 0)
    facts = [*plan()["facts"], {"id": "runs", "value": 3.0}]
    thrice, _ = achieved(first, plan(facts=facts), 4, 0)
    assert bool((thrice < 0.9 * once).all())


@needs_data
def test_what_is_not_recommended_is_not_carried_out():
    result = run(0, plan={"status": "withheld", "reason": "the pump is broken"})
    assert result["rows"] == []
    assert "the pump is broken" in result["skipped"]


def test_without_the_data_it_is_skipped(monkeypatch, tmp_path):
    monkeypatch.setenv("LABWRIGHT_DATA", str(tmp_path))
    assert "is not there" in next_run.run(0)["skipped"]
