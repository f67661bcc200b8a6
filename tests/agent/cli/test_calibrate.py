import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("LABWRIGHT_DATA", ROOT.parent / "shared" / "data")) / "column"
SMALL = "time_h,relative_concentration\n1,0.0\n2,0.1\n3,0.6\n4,0.9\n5,0.99\n"
COLUMN = ("--set", "length=11 cm", "--set", "outlet=semi-infinite", "--fit", "velocity", "dispersion")


@pytest.mark.parametrize(
    ("name", "length", "velocity", "dispersion", "sse"),
    [("sand_step_11cm", "11 cm", 2.4515, 0.1540, 1.702e-3), ("sand_step_17cm", "17 cm", 2.5134, 0.1264, 2.714e-3)],
)
def test_measured_curves_give_the_reference_fits(
    labwright: Call, name: str, length: str, velocity: float, dispersion: float, sse: float
) -> None:
    path = DATA / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"the measured data are not at {DATA}; set LABWRIGHT_DATA")
    given = ("--set", f"length={length}", "--set", "outlet=semi-infinite", "--fit", "velocity", "dispersion")
    ended = labwright("calibrate", "column", str(path), *given, "--json")
    assert ended.status == 0, ended.err
    result = ended.object
    found = {row["name"]: row for row in result["parameters"]}
    assert found["velocity"]["value"] == pytest.approx(velocity, rel=5e-3)
    assert found["dispersion"]["value"] == pytest.approx(dispersion, rel=5e-3)
    assert result["sse"] == pytest.approx(sse, rel=1e-3)
    assert found["velocity"]["unit"] == "cm/h"
    assert found["dispersion"]["unit"] == "cm**2/h"
    assert all(row["lower"] < row["value"] < row["upper"] for row in found.values())
    assert result["n"] == 35
    assert result["identifiable"]
    assert all(balance["status"] == "pass" for balance in result["balances"])


def test_what_the_data_cannot_tell_is_withheld_in_words(labwright: Call, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(SMALL)
    ended = labwright("calibrate", "column", str(path), *COLUMN, "retardation", "--json")
    assert ended.status == 3
    result = ended.object
    assert not result["identifiable"]
    assert "retardation" in " ".join(result["warnings"])
    assert all(row["std"] is None for row in result["parameters"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("time_h,relative_concentration\n", "no"),
        (SMALL.replace("0.6", "high"), "line 4"),
        (SMALL.replace("4,0.9", "1.5,0.9"), "line 5"),
        (SMALL.replace("0.6", "inf"), "line 4"),
        (SMALL.replace("time_h", "hours"), "time"),
        (SMALL.replace("relative_concentration", "signal"), "relative_concentration"),
        ("\x00\x01\x02", "text"),
    ],
)
def test_bad_files_end_in_one_line(labwright: Call, tmp_path: Path, home: Path, text: str, told: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    ended = labwright("calibrate", "column", str(path), *COLUMN, "--json")
    assert ended.status == 2
    assert told in ended.line
    assert "curve.csv" in ended.line
    assert not list(home.rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "length=11 cm"), "nothing is to be fitted"),
        (("--set", "length=11 cm", "--fit", "speed"), "speed"),
        (("--set", "length=11 cm", "--fit", "inlet"), "choice"),
        (("--fit", "velocity", "dispersion"), "length"),
        (("--set", "length=11 cm", "--set", "times=1 h", "--fit", "velocity"), "times"),
        (("--set", "length=11 cm", "--fit", "velocity", "velocity"), "twice"),
    ],
)
def test_bad_calls_end_in_one_line(labwright: Call, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(SMALL)
    ended = labwright("calibrate", "column", str(path), *arguments)
    assert ended.status == 2
    assert told in ended.line


def test_a_missing_file_and_a_folder_are_told_apart(labwright: Call, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        ended = labwright("calibrate", "column", str(path), *COLUMN)
        assert ended.status == 2
        assert str(path) in ended.line


def test_pore_volumes_need_a_known_velocity(labwright: Call, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("time_pv,relative_concentration\n0.6,0.02\n0.8,0.2\n1.0,0.53\n1.2,0.8\n1.6,0.98\n")
    refused = labwright("calibrate", "column", str(path), *COLUMN)
    assert refused.status == 2
    assert "pore volumes" in refused.line
    known = ("--set", "length=30 cm", "velocity=10 cm/h", "--fit", "dispersion", "--json")
    assert labwright("calibrate", "column", str(path), *known).status == 0


@pytest.mark.parametrize(
    ("extra", "label"),
    [
        ((), "rear temperature"),
        (("density=7900 kg/m**3", "heat_capacity=500 J/kg/K", "pulse_energy=2 J", "spot_diameter=12 mm"),
         "rear temperature (K)"),
    ],
)  # fmt: skip
def test_a_fit_says_what_its_curve_is_and_speaks_of_seconds(
    labwright: Call, tmp_path: Path, extra: tuple[str, ...], label: str
) -> None:
    disc = ("thickness=2 mm", "biot=0.05", *extra)
    run = labwright("simulate", "flash", "--set", "diffusivity=4 mm**2/s", *disc, "--json").object["outputs"][0]
    path = tmp_path / "flash.csv"
    rows = "\n".join(f"{t},{v}" for t, v in zip(run["time"], run["values"], strict=True))
    path.write_text(f"time_{run['time_unit']},rear_temperature\n{rows}\n")
    found = labwright("calibrate", "flash", str(path), "--set", *disc, "--fit", "diffusivity", "--json").object
    assert run["time_unit"] == "ms"
    assert found["curve"]["label"] == label
    assert found["parameters"][0]["unit"] == "mm**2/s"
    assert found["parameters"][0]["value"] == pytest.approx(4, rel=1e-5)
