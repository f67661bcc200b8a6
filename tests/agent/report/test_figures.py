"""Figures of a run: labels, units, marks and pictures."""

from typing import Any
from xml.etree import ElementTree

import pytest

from agent.report import figures

CURVE = {"time": [0.0, 1.0, 2.0], "time_unit": "h", "label": "rise of the rear (K)", "values": [0.0, 0.5, 0.9]}


def words(svg: str) -> list[str]:
    """The words of a figure, which is sound XML."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own text
    return ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]


def item(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


@pytest.mark.parametrize(
    ("schedule", "marks"),
    [
        (
            [item("sampling time", 0.5, "h"), item("sampling time", 1.5, "h"), item("sampling time", 9.0, "h")],
            [0.5, 1.5],
        ),
        ([item("sampling time", 0.5, "min")], []),
        ([item("temperature difference", 0.5, "K"), item("temperature difference", 1.0, "K")], []),
        ([item("record after the pulse", 0.5, "h"), item("rest between two shots", 1.0, "h")], []),
        ([], []),
    ],
)
def test_only_sampling_times_are_marked(schedule: list[dict[str, Any]], marks: list[float]) -> None:
    assert figures.sampling_times(CURVE, schedule) == marks
    assert ("measure" in words(figures.predicted(CURVE, schedule))) == bool(marks)


def test_the_axes_of_a_predicted_curve_are_its_own() -> None:
    told = words(figures.predicted(CURVE, []))
    assert "Rise of the rear (K)" in told
    assert "time (h)" in told
    assert "time (dimensionless)" in words(figures.predicted({**CURVE, "time_unit": ""}, []))


def test_a_run_is_drawn_by_quantity_with_its_fields() -> None:
    curves = [
        {"name": name, "unit": unit, "time": [0.0, 1.0], "time_unit": "min", "values": [1.0, 2.0]}
        for name, unit in (("rear_temperature", "K"), ("front_temperature", "K"), ("energy_in", "J"))
    ]
    axis = {"points": 2, "from": 0.0, "to": 10.0, "unit": "mm"}
    field = {
        "name": "velocity", "unit": "m/s", "kind": "field", "time": [0.0, 6.0], "time_unit": "min",
        "values": [0.0, 1.0], "axes": {"x": axis, "z": axis}, "components": ["x", "z"],
        "picture": {"lowest": 0.0, "highest": 2e-3, "rows": ["00ff", "80ff"]},
    }  # fmt: skip
    told = words(figures.simulated([*curves, field, {"name": "maximum", "value": 3.0, "unit": "K"}]).split("\n<svg")[0])
    assert {"temperature (K)", "energy in (J)", "rear temperature", "front temperature", "time (min)"} <= set(told)
    assert "velocity" not in " ".join(told)  # the mean of a field is no curve of the run
    picture = figures.simulated([field])
    assert "data:image/png;base64" in picture
    assert {"x (mm)", "z (mm)", "size of velocity (m/s)", "at time 6 min"} <= set(words(picture))
    assert figures.simulated([{"name": "maximum", "value": 3.0, "unit": "K"}]) == ""
