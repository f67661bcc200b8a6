"""The simulate tool's rows: units of the user, sensors, numbers with scatter, limits."""

import pytest
import torch

from physics.solution import Cost, Output, Solution, Status
from tools.experiments import find
from tools.simulate import limits, outputs, simulate, spoken_length, spoken_time


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


def test_time_means_carry_their_scatter() -> None:
    number, curve = torch.tensor([2.5]), torch.ones(1, 3)
    found = {
        "flux_top": Output("flux_top", "", number, error=torch.tensor([0.1])),
        "flux_scatter": Output("flux_scatter", "", 0.1 * number),
        "flux_end": Output("flux_end", "", curve, time=torch.arange(3.0)),
        "pattern": Output("pattern", "", torch.tensor([1.0]), labels=("none", "spots")),
    }
    solution = Solution(found, [], Status.CONVERGED, "", Cost(1, 1, 0.0), 1e-6)
    rows = {row["name"]: row for row in outputs(solution, "s")}
    assert rows["flux_top"]["scatter"] == pytest.approx(0.25)
    assert rows["flux_top"]["error"] == pytest.approx(0.1)
    assert "scatter" not in rows["flux_end"]
    assert "scatter" not in rows["flux_scatter"]
    assert rows["pattern"]["value"] == "spots"


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
