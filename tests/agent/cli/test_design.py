import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
COLUMN = ("column", "--set", "length=30 cm", "velocity=2 cm/h", "dispersion=0.15 cm**2/h", "input=step")
LIMITS = ("--limit", "duration<=24 h", "samples<=6")


def test_a_design_is_recommended_and_kept(labwright: Call) -> None:
    ended = labwright("design", *COLUMN, *LIMITS, "--target", "dispersion=10%", "--json")
    assert ended.status == 0, ended.err
    told = ended.object
    assert told["status"] == "recommended"
    assert len(told["schedule"]) <= 6
    assert labwright("runs", "--json").out.count(told["run"]) == 1
    assert {"settings", "schedule", "predictions", "trade_off", "checks", "information_over_time", "seconds"} <= set(
        told
    )


def test_what_cannot_be_met_is_withheld_with_the_best_found(labwright: Call) -> None:
    ended = labwright("design", *COLUMN, *LIMITS, "--target", "dispersion=0.1%", "--json")
    assert ended.status == 3
    assert ended.object["status"] == "withheld"
    assert ended.object["reason"]
    assert ended.object["schedule"]


def test_tables_show_settings_times_and_trade_off(labwright: Call) -> None:
    ended = labwright("design", *COLUMN, *LIMITS, "--target", "dispersion=10%")
    assert ended.status == 0
    for words in ("measure at (h)", "trade-off", "are expected to know dispersion within"):
        assert words in ended.out


def test_bad_input_is_one_line(labwright: Call) -> None:
    assert "no such limit" in labwright("design", *COLUMN, "--limit", "speed<=2", "--target", "dispersion=5%").line
    assert "NAME=VALUE" in labwright("design", *COLUMN, "--target", "dispersion").line
    assert labwright("design", *COLUMN, "--target", "dispersion=5%", "--after", "nothing").status == 2


def test_the_surrogate_is_asked_and_its_refusal_counted(labwright: Call, home: Path) -> None:
    asked = ("design", *COLUMN, *LIMITS, "--target", "dispersion=10%", "--json")
    told = labwright(*asked).object
    assert told["search"]["doubts"] == {"speed": told["search"]["solved"]}
    assert {row["source"] for row in told["trade_off"]} == {"solver"}
    (line,) = (home / "predictions.jsonl").read_text().splitlines()
    assert json.loads(line)["kinds"] == ["speed"]
    alone = labwright(*asked, "--no-surrogate").object
    assert alone["search"] == {}
    assert alone["schedule"] == told["schedule"]


def test_the_environment_switches_the_surrogate_off(labwright: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWRIGHT_SURROGATE", "off")
    assert labwright("design", *COLUMN, *LIMITS, "--target", "dispersion=10%", "--json").object["search"] == {}
    monkeypatch.setenv("LABWRIGHT_SURROGATE", "perhaps")
    assert "LABWRIGHT_" in labwright("design", *COLUMN, *LIMITS, "--target", "dispersion=10%").line
