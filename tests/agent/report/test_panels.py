"""Which curves share a panel."""

import pytest

from agent.report.panels import Curve, label, panels, spans_decades


def curve(name: str, unit: str = "", values: tuple[float, ...] = (0.0, 1.0), **more: object) -> Curve:
    return Curve.of({"name": name, "unit": unit, "time": [0, 1], "time_unit": "s", "values": values, **more})


@pytest.mark.parametrize(
    ("names", "grouped", "labels"),
    [
        (
            [("rear_temperature", "K"), ("front_temperature", "K"), ("energy_in", "J"), ("energy_lost_rear", "J")],
            [["rear temperature", "front temperature"], ["energy in", "energy lost rear"]],
            ["temperature (K)", "energy (J)"],
        ),
        (
            [("nusselt", ""), ("flux_bottom", ""), ("flux_top", ""), ("heat_in", ""), ("heat_out", "")],
            [["nusselt"], ["flux bottom", "flux top"], ["heat in", "heat out"]],
            ["nusselt (dimensionless)", "flux (dimensionless)", "heat (dimensionless)"],
        ),
        (
            [("mean_b", ""), ("mean_a", ""), ("fed", ""), ("reacted", ""), ("drained", "")],
            [["mean b", "mean a"], ["fed", "reacted", "drained"]],
            ["mean (dimensionless)", "amount (dimensionless)"],
        ),
        ([("level", "m"), ("gauge", "m")], [["level"], ["gauge"]], ["level (m)", "gauge (m)"]),
    ],
)
def test_one_panel_a_quantity(names: list[tuple[str, str]], grouped: list[list[str]], labels: list[str]) -> None:
    found = panels([curve(name, unit) for name, unit in names])
    assert [[each.title for each in group] for group in found] == grouped
    assert [label(group) for group in found] == labels


def test_sensors_of_one_observable_share_a_panel() -> None:
    sensors = [curve("concentration", position=p, position_unit="cm") for p in (10.0, 20.0)]
    (found,) = panels(sensors)
    assert [each.title for each in found] == ["concentration at 10 cm", "concentration at 20 cm"]
    assert label(found) == "concentration (dimensionless)"


def test_an_axis_is_logarithmic_only_where_a_curve_would_be_lost() -> None:
    assert spans_decades([curve("a_1", values=(1.0, 2.0)), curve("a_2", values=(1e-3, 2e-3))])
    assert not spans_decades([curve("a_1", values=(1.0, 2.0)), curve("a_2", values=(0.5, 0.6))])
    assert not spans_decades([curve("a_1", values=(1e-9, 2.0))])  # one curve alone, however steep
    assert not spans_decades([curve("a_1", values=(0.0, 2.0)), curve("a_2", values=(1e-3, 2e-3))])
