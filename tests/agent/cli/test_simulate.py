from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
SOUND = ("length=1 m", "velocity=1 m/s", "dispersion=0.05 m**2/s")


def test_a_run_returns_outputs_balances_and_a_record(labwright: Call) -> None:
    ended = labwright("simulate", "column", "--set", *SOUND, "--set", "times=0.75 s, 1 s, 1.5 s", "--json")
    assert ended.status == 0
    result = ended.object
    assert result["status"] == "converged"
    output = result["outputs"][0]
    assert output["name"] == "concentration"
    assert output["time"] == [0.75, 1.0, 1.5]
    assert output["values"] == pytest.approx([0.2128509743, 0.5598891951, 0.9319100939], abs=1e-6)
    (balance,) = result["balances"]
    assert balance["status"] == "pass"
    assert abs(balance["residual"]) <= 1e-10 * balance["scale"]
    listed = labwright("runs", "--json").object["runs"]
    assert [row["run"] for row in listed] == [result["run"]]


def test_times_come_back_in_the_unit_they_were_given_in(labwright: Call) -> None:
    given = ("length=30 cm", "velocity=10 cm/h", "dispersion=1 cm**2/h", "times=30 min, 3 h")
    output = labwright("simulate", "column", "--set", *given, "--json").object["outputs"][0]
    assert output["time_unit"] == "min"
    assert output["time"] == pytest.approx([30, 180])


def test_flow_gives_the_velocity(labwright: Call) -> None:
    by_flow = ("length=30 cm", "flow=1 mL/min", "diameter=5 cm", "porosity=0.4", "dispersion=1 cm**2/h", "times=4 h")
    by_velocity = ("length=30 cm", "velocity=7.639437268410976 cm/h", "dispersion=1 cm**2/h", "times=4 h")
    values = [labwright("simulate", "column", "--set", *given, "--json").object for given in (by_flow, by_velocity)]
    assert values[0]["outputs"][0]["values"] == pytest.approx(values[1]["outputs"][0]["values"], abs=1e-6)


def test_out_writes_the_run_whole_in_the_layout_of_the_well(labwright: Call, tmp_path: Path) -> None:
    target = tmp_path / "run.h5"
    ended = labwright("simulate", "column", "--set", *SOUND, "--out", str(target), "--json")
    assert ended.status == 0
    assert ended.object["file"] == str(target)
    (output,) = [row for row in ended.object["outputs"] if row["name"] == "concentration"]
    with h5py.File(target) as file:
        assert file["scalars/concentration"][0].tolist() == output["values"]
        assert len(file["dimensions/time"]) == len(output["time"])
        assert file["balances/tracer"].attrs["status"] == "pass"
        assert file["settings"].attrs["length"] == "1 m"
        assert file["run"].attrs["run"] == ended.object["run"]
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["run.h5"]
    data = pytest.importorskip("the_well.data", reason="the package the-well is not installed")
    read = data.WellDataset(path=str(tmp_path), n_steps_input=1, n_steps_output=1)
    assert "concentration" in read.metadata.scalar_names
    column = read.metadata.scalar_names.index("concentration")
    assert float(read[60]["input_scalars"][0, column]) == output["values"][60]


def test_a_place_that_cannot_be_written_is_told_before_the_run(labwright: Call, home: Path, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none" / "run.h5"):
        ended = labwright("simulate", "column", "--set", *SOUND, "--out", str(place))
        assert ended.status == 2
        assert str(place) in ended.line
    assert not list(home.rglob("*.json"))


def test_every_law_is_told_as_a_check(labwright: Call) -> None:
    result = labwright("simulate", "column", "--set", *SOUND, "--json").object
    checks = {check["name"]: check for check in result["checks"]}
    assert checks["tracer balance"]["kind"] == "conservation"
    assert checks["finite values"]["kind"] == "constraint"
    assert {check["status"] for check in checks.values()} <= {"pass", "not applicable"}
    assert all(check["value"] <= check["limit"] for check in checks.values() if check["status"] == "pass")


def test_the_screen_tells_numbers_curves_verdicts_and_limits(labwright: Call) -> None:
    disc = ("thickness=2 mm", "diffusivity=4 mm**2/s", "density=7900 kg/m**3", "heat_capacity=500 J/kg/K")
    flash = ("pulse=square", "pulse_width=1 ms", "pulse_energy=20 J", "spot_diameter=12 mm", "sampling_rate=100 1/s")
    shown = labwright("simulate", "flash", "--set", *disc, *flash).out
    assert "half_time" in shown
    assert "from the begin of the pulse to half of the maximum" in shown
    assert "rear_temperature (K)" in shown
    assert "energy_stored (J)" in shown
    assert "energy balance: pass" in shown
    assert "half of the maximum" in shown
    assert shown.count("rear_rise = ") == shown.count("readings = ") == 1
    assert "labwright report" in shown


def test_words_fields_and_kept_limits_are_told(labwright: Call) -> None:
    given = ("feed=0.03", "kill=0.062", "size=0.2", "cells=16", "duration=4")
    shown = labwright("simulate", "gray_scott", "--set", *given).out
    assert "pattern" in shown
    assert "b: field of" in shown
    assert "limits: all 3 kept" in shown
    assert "--out FILE.h5" in shown


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"length": "0 cm"}, "length"),
        ({"length": "-3 cm"}, "length"),
        ({"length": "30 s"}, "length"),
        ({"length": "thirty"}, "length"),
        ({"velocity": "nan m/s"}, "velocity"),
        ({"velocity": "1e999 m/s"}, "velocity"),
        ({"dispersion": "1 cm"}, "dispersion"),
        ({"speed": "3 cm/h"}, "speed"),
        ({"inlet": "fourth-type"}, "inlet"),
        ({"position": "2 m"}, "position"),
        ({"input": "pulse"}, "pulse_duration"),
        ({"times": "2 s, 1 s"}, "goes back"),
        ({"times": "-1 s"}, "negative"),
        ({"times": "3 cm"}, "cm"),
        ({"porosity": "1.5"}, "porosity"),
        ({"length": "__import__('os').system('x') cm"}, "length"),
    ],
)
def test_bad_settings_end_in_one_line(labwright: Call, home: Path, change: dict[str, str], told: str) -> None:
    settings = dict(item.split("=", 1) for item in SOUND) | change
    ended = labwright(
        "simulate", "column", *(part for k, v in settings.items() for part in ("--set", f"{k}={v}")), "--json"
    )
    assert ended.status == 2
    assert told in ended.line
    assert ended.object["status"] == "bad_input"
    assert not list(home.rglob("*.json"))


@pytest.mark.parametrize(
    "arguments", [("simulate", "colunm"), ("simulate",), ("simulate", "column", "--set", "length"), ("fly",)]
)
def test_bad_calls_end_in_one_line(labwright: Call, arguments: tuple[str, ...]) -> None:
    ended = labwright(*arguments)
    assert ended.status == 2
    assert ended.line


def test_a_setting_given_twice_is_refused(labwright: Call) -> None:
    ended = labwright("simulate", "column", "--set", *SOUND, "--set", "length=2 m")
    assert ended.status == 2
    assert "twice" in ended.line
