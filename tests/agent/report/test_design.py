"""Figures of a design: precision against time and material, and over the run."""

from typing import Any

from agent.report import design
from agent.report.document import write
from agent.runs import RunRecord
from tests.agent.report.test_figures import words


def time(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "h"}


POINTS: list[dict[str, Any]] = [
    {"precision": p, "duration": time(d), "material": {"value": m, "unit": "mL"}, "samples": 9}
    for p, d, m in ((0.08, 2.0, 5.0), (0.03, 6.0, 9.0), (0.05, 8.0, 3.0))
]
ROWS = [
    {"time": time(1.0), "precision": {"velocity": 0.05, "dispersion": None}},
    {"time": time(2.0), "precision": {"velocity": 0.01, "dispersion": 0.2}},
    {"time": time(3.0), "precision": {"velocity": 0.005, "dispersion": 0.04}},
]
SCHEDULE = [time(1.0), time(2.0), time(3.0)]


def test_the_best_runs_are_those_that_no_cheaper_one_beats() -> None:
    front = design._front([(2.0, 8.0), (6.0, 3.0), (8.0, 5.0)])
    assert front == [(2.0, 8.0), (6.0, 3.0), (8.0, 3.0)]


def test_a_trade_off_is_drawn_against_time_and_what_is_used_up() -> None:
    told = words(design.trade_off(POINTS, 0.05))
    assert {"duration (h)", "material (mL)", "expected half-width (%)", "wanted"} <= set(told)
    bare = [{**point, "material": None} for point in POINTS]
    assert "material (mL)" not in words(design.trade_off(bare))
    same = [{**point, "material": {"value": 0.0, "unit": "J"}} for point in POINTS]
    assert "material (J)" not in words(design.trade_off(same))


def test_information_is_drawn_over_the_run() -> None:
    told = words(design.information(ROWS, SCHEDULE, {"dispersion": 0.05}))
    assert {"velocity", "dispersion", "time (h)", "expected half-width (%)", "wanted"} <= set(told)


def test_the_page_of_a_design() -> None:
    result = {
        "status": "recommended", "experiment": "column", "settings": [], "schedule": SCHEDULE, "trade_off": POINTS,
        "information_over_time": ROWS,
        "predictions": [{"name": "dispersion", "value": 0.04, "lower": 0.03, "upper": 0.05, "level": 0.9, "unit": "",
                         "wanted": 0.05, "meaning": "expected half-width of dispersion, relative"}],
        "curve": {"time": [0.0, 3.0], "time_unit": "h", "values": [0.0, 1.0], "label": "concentration"},
    }  # fmt: skip
    page = write(RunRecord(id="r1", kind="design", inputs={}, result=result), "html")
    assert page.count("<svg") == 3
    for text in ("Design: column", "Information over time", "Trade-off", "expected half-width of dispersion"):
        assert text in page
