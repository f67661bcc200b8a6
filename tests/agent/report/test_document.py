"""Reports of runs: what a reader finds on the page."""

from typing import Any

import pytest

from agent.report.document import write
from agent.runs import RunRecord

PLAN: dict[str, Any] = {
    "status": "recommended",
    "experiment": "convection",
    "settings": [{"name": "waiting_time", "value": 3.9, "unit": "h"}],
    "schedule": [{"name": "temperature difference", "value": value, "unit": "mK"} for value in (135.0, 138.0)],
    "predictions": [
        {"name": "onset", "value": 153.4, "unit": "mK", "lower": 140.0, "upper": 170.0, "level": 0.9, "time": None},
        {"name": "heat flux", "value": 1.02, "unit": "W", "lower": None, "upper": None, "level": None,
         "time": {"value": 2.0, "unit": "h"}},
    ],
    "curve": {"time": [0.0, 1.0], "time_unit": "h", "label": "Nusselt number", "values": [1.0, 1.1]},
}  # fmt: skip
RUN: dict[str, Any] = {
    "status": "converged",
    "message": "Ra = 5000, Pr = 1.",
    "outputs": [
        {"name": "pattern", "value": "worms", "unit": "", "meaning": "its class"},
        {"name": "along_max", "value": -1e-138, "unit": "m/s", "meaning": "speed <w>"},
        {"name": "rear_temperature", "unit": "K", "time": [0.0, 1.0], "time_unit": "ms", "values": [0.0, 2.0]},
    ],
    "balances": [],
    "checks": [
        {"name": "kept", "kind": "constraint", "status": "pass", "value": 0.0, "limit": 1.0, "unit": "", "detail": ""},
        {"name": "idle", "kind": "constraint", "status": "not applicable", "value": None, "limit": None, "unit": "",
         "detail": ""},
    ],
    "limits": [
        {"name": "rear_rise", "value": 12.0, "unit": "K", "lower": None, "upper": 10.0, "status": "above",
         "meaning": "adiabatic rise"},
        {"name": "readings", "value": None, "unit": "", "lower": 50.0, "upper": None, "status": "within",
         "meaning": "of the detector"},
    ],
}  # fmt: skip


def record(kind: str, result: dict[str, Any], **inputs: Any) -> RunRecord:
    return RunRecord(id="r1", kind=kind, inputs=inputs, result=result)


def test_a_plan_tells_its_schedule_by_name_and_marks_no_times() -> None:
    page = write(record("plan", PLAN, request="When does it start?"), "html")
    assert "<h2>Schedule</h2>" in page
    assert "Sampling times" not in page
    assert "135 mK, 138 mK" in page
    assert "Nusselt number" in page
    assert "measure<" not in page
    assert "<h2>Expected heat flux</h2>" in page
    assert "heat flux (W)" in page
    assert "waiting time" in page


def test_a_plan_of_samples_lists_them() -> None:
    samples = [{"name": "sampling time", "value": value, "unit": "h"} for value in (0.25, 0.75)]
    page = write(record("plan", {**PLAN, "schedule": samples}), "html")
    assert "<h2>Sampling times</h2>" in page
    assert "0.25 h, 0.75 h" in page
    assert "measure<" in page


def test_a_simulation_tells_settings_numbers_words_and_limits() -> None:
    page = write(record("simulate", RUN, experiment="flash", settings={"pulse_energy": "20 J"}), "html")
    assert "Simulation: flash" in page
    assert "20 J" in page
    assert "Ra = 5000, Pr = 1." in page
    assert "worms" in page
    assert "speed &lt;w&gt;" in page
    assert "e-138" not in page
    assert 'class="fail">above' in page
    assert "at most 10" in page
    assert "temperature (K)" in page
    assert "idle" not in page


def test_a_simulation_in_markdown() -> None:
    text = write(record("simulate", RUN, experiment="flash", settings={"pulse_energy": "20 J"}), "md")
    assert "| pulse_energy | 20 J" in text
    assert "| pattern | worms" in text
    assert "| rear_temperature | K | 0 | 2 | 0 | 2 |" in text
    assert "Limit left: rear_rise = 12 K, above what the model allows: adiabatic rise." in text
    assert "readings" not in text


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_record_of_little_is_still_a_page(form: str) -> None:
    bare = {"status": "converged", "outputs": [{"name": "end", "value": 1.5, "unit": "s"}]}
    assert "1.5" in write(record("simulate", bare, experiment="cup"), form)
