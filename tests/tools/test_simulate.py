"""The simulate tool's rows: units of the user, sensors, numbers with scatter, limits."""

import pytest

from tools.errors import Retry
from tools.experiments import find
from tools.simulate import limits, simulate, spoken_length, spoken_time


def test_each_sensor_has_a_row() -> None:
    settings = {"length": "30 cm", "velocity": "10 cm/h", "dispersion": "1 cm**2/h", "times": "1 h, 2 h"}
    found = simulate("column", settings | {"position": "5 cm, 10 cm"}).data["outputs"]
    rows = [row for row in found if row["name"] == "concentration"]
    assert [(row["position"], row["position_unit"]) for row in rows] == [
        (pytest.approx(5), "cm"),
        (pytest.approx(10), "cm"),
    ]
    for row in rows:
        place = f"{row['position']} cm"
        alone = simulate("column", settings | {"position": place}).data["outputs"][0]
        assert "position" not in alone
        assert max(abs(a - b) for a, b in zip(row["values"], alone["values"], strict=True)) < 2e-6
        assert row["error"] < 1e-6


DISC = {"thickness": "2 mm", "diffusivity": "4 mm**2/s", "density": "7900 kg/m**3", "heat_capacity": "500 J/kg/K"}


def test_numbers_come_in_the_unit_of_time_that_the_user_speaks_in() -> None:
    found = {
        times: next(
            row for row in simulate("flash", DISC | times_of(times)).data["outputs"] if row["name"] == "half_time"
        )
        for times in ("10 ms, 400 ms", "")
    }
    assert found["10 ms, 400 ms"]["unit"] == "ms"
    assert found[""]["unit"] == "s"
    assert found["10 ms, 400 ms"]["value"] == pytest.approx(1e3 * found[""]["value"], rel=1e-9)
    assert found[""]["value"] == pytest.approx(0.138785297, rel=1e-6)
    assert found[""]["meaning"]


def times_of(text: str) -> dict[str, str]:
    return {"times": text} if text else {}


def test_times_with_a_unit_have_no_place_in_a_run_without_one() -> None:
    reactor = {"feed": "0.03", "kill": "0.062", "size": "0.2", "cells": "16", "duration": "4"}
    with pytest.raises(Retry, match=r"times is in s, but .* write bare numbers"):
        simulate("gray_scott", reactor | {"times": "1 s, 2 s"})
    rows = simulate("gray_scott", reactor | {"times": "1, 2"}).data["outputs"]
    assert all(row["time"] == [1, 2] and row["time_unit"] == "" for row in rows if "time" in row)
    field = next(row for row in rows if row.get("kind") == "field")
    mean = next(row for row in rows if row["name"] == f"mean_{field['name']}")
    assert field["values"] == pytest.approx(mean["values"], abs=1e-9)


def test_limits_that_the_settings_leave_are_told() -> None:
    hot = DISC | {"pulse": "square", "pulse_width": "50 ms", "pulse_energy": "20 J", "spot_diameter": "12 mm"}
    rows = {row["name"]: row for row in simulate("flash", hot).data["limits"]}
    assert rows["pulse_share"]["status"] == "above"
    assert rows["rear_rise"]["status"] == "above"
    assert rows["rear_rise"]["value"] > rows["rear_rise"]["upper"] == 10
    assert rows["biot"]["status"] == "within"
    assert {row["status"] for row in limits(find("flash"), find("flash").read(DISC))} == {"within"}
    few = limits(find("flash"), find("flash").read(DISC | {"sampling_rate": "100 1/s"}))
    assert [row["name"] for row in few if row["status"] == "below"] == ["readings"]


@pytest.mark.parametrize(
    ("settings", "time", "length"),
    [
        ({"times": "5, 10 min", "length": "30 cm"}, "min", "cm"),
        ({"times": "1 h, 2 h", "velocity": "1 cm/s"}, "h", ""),
        ({"velocity": "1 cm/d", "length": "1 m", "position": "3 mm, 4 mm"}, "d", "mm"),
        ({"flow": "2 mL/min"}, "min", ""),
        ({"dispersion": "1 m**2/s"}, "", ""),
    ],
)
def test_the_units_that_a_user_speaks_in(settings: dict[str, str], time: str, length: str) -> None:
    assert spoken_time(settings) == time
    assert spoken_length(find("column"), settings) == length
