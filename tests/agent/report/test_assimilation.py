"""Figures of an assimilation: readings and residuals, prior and posterior, fields with the sensors' places."""

from typing import Any

import pytest

from agent.report import assimilation
from agent.report.document import write
from agent.runs import RunRecord
from tests.agent.report.test_figures import words

ROW: dict[str, Any] = {
    "name": "rayleigh", "value": 1.0e5, "std": 2e3, "lower": 9.7e4, "upper": 1.03e5, "level": 0.9, "unit": "",
    "prior": {"value": 1.1e5, "lower": 7e4, "upper": 1.6e5},
}  # fmt: skip
METHODS = [{"method": name, "parameters": [ROW]} for name in ("4D-Var", "ensemble smoother")]
AXES = {
    "x": {"points": 2, "from": 0.0, "to": 2.0, "unit": "m"},
    "z": {"points": 2, "from": 0.0, "to": 1.0, "unit": "m"},
}
FIELD: dict[str, Any] = {
    "name": "temperature", "time": 0.1, "time_unit": "", "at": "end", "unit": "", "components": [], "axes": AXES,
    "picture": {"lowest": 0.0, "highest": 1.0, "rows": ["00ff", "ff00"]},
}  # fmt: skip
PROFILE: dict[str, Any] = {
    "name": "concentration", "time": 0.0, "time_unit": "h", "at": "start", "unit": "", "components": [],
    "axes": {"x": AXES["x"]}, "places": [0.0, 2.0], "values": [0.1, 0.8], "deviations": [0.1, 0.02],
}  # fmt: skip


def sensor(k: int, n: int = 3) -> dict[str, Any]:
    measured = [0.1, None, 0.3] if n else [None, None, None]
    return {
        "place": f"x = {k}, z = 0.5", "at": [float(k), 0.5], "n": n, "rms": 0.01 if n else None,
        "mean": 0.0 if n else None, "measured": measured, "predicted": [0.1, 0.2, 0.31],
    }  # fmt: skip


def result(sensors: list[dict[str, Any]], fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "status": "converged", "message": "The analysis fits.", "experiment": "convection", "parameters": [ROW],
        "methods": METHODS, "noise": 0.01, "window": {"from": 0.0, "to": 0.2, "unit": "h"}, "times": [0.0, 0.1, 0.2],
        "sensors": sensors, "fields": fields, "checks": [], "words": ["All of it is seen."],
        "warnings": ["one sensor is <odd>"],
    }  # fmt: skip


def test_of_many_sensors_some_are_drawn_with_all_their_residuals() -> None:
    told = words(assimilation.readings(result([sensor(k) for k in range(9)], [])))
    assert sum(text.startswith("x = ") for text in told) == 4
    assert {"x = 0, z = 0.5", "x = 8, z = 0.5", "4 of 9 sensors, below the residuals of all", "time (h)"} <= set(told)


def test_sensors_that_were_never_read_are_left_out() -> None:
    told = words(assimilation.readings(result([sensor(0, n=0), sensor(1)], [])))
    assert [text for text in told if text.startswith("x = ")] == ["x = 1, z = 0.5"]
    assert assimilation.readings(result([sensor(0, n=0)], [])) == ""


def test_prior_and_posterior_of_every_method_stand_below_each_other() -> None:
    told = words(assimilation.parameters(METHODS))
    places = [told.index(name) for name in ("prior", "4D-Var", "ensemble smoother")]
    assert places == sorted(places)
    assert "rayleigh, 90 % intervals" in told
    assert assimilation.parameters([{"method": "4D-Var", "parameters": []}]) == ""


@pytest.mark.parametrize(("at", "count"), [([0.5, 0.5], 3), (None, 0)])
def test_a_field_has_a_mark_where_a_sensor_stands(at: list[float] | None, count: int) -> None:
    sensors = [{**sensor(k), "at": at} for k in range(3)]
    drawn = assimilation.fields([FIELD, {**FIELD, "at": "start"}], sensors)
    assert [text for text in words(drawn) if text.startswith("at time")] == ["at time 0.1"]
    assert drawn.count("fill: #ffffff; stroke: #b5532a") >= count
    assert ("fill: #ffffff; stroke: #b5532a" in drawn) == (count > 0)


def test_a_profile_has_its_band() -> None:
    told = words(assimilation.fields([PROFILE, {**PROFILE, "at": "end", "time": 15.0}], [sensor(0)]))
    assert {"start, 0 h", "end, 15 h", "x (m)", "Concentration", "bands: 2 standard deviations to either side"} <= set(
        told
    )


def test_the_page_of_an_assimilation() -> None:
    record = RunRecord(
        id="r1", kind="assimilate", inputs={"settings": {"prandtl": "1"}}, result=result([sensor(0)], [FIELD])
    )
    page = write(record, "html")
    assert page.count("<svg") == 3
    for title in ("Parameters", "Readings", "Before and after", "Fields", "Sensors"):
        assert f"<h2>{title}</h2>" in page
    for text in ("Assimilation: convection", "All of it is seen.", "one sensor is &lt;odd&gt;"):
        assert text in page
    assert "| x = 0, z = 0.5 | 3 | 0.01 | 0 |" in write(record, "md")
