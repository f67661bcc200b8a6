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
    assert "not determined" in labwright("calibrate", "column", str(path), *COLUMN, "retardation").out
    assert all(row["std"] is None for row in result["parameters"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("time_h,relative_concentration\n", "no"),
        (SMALL.replace("0.6", "high"), "line 4"),
        (SMALL.replace("4,0.9", "1.5,0.9"), "line 5"),
        (SMALL.replace("0.6", "inf"), "line 4"),
        (SMALL.replace("0.9", "90"), "relative_concentration_percent"),
        ("time_h,relative_concentration\n1,\n2,nan\n", "lines 2 and 3"),
        ("time_h,relative_concentration\n1,0\n2,0.001\n3,0\n", "before the front"),
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


SANDS = [DATA / "sand_step_11cm.csv", DATA / "sand_step_17cm.csv"]
needs_data = pytest.mark.skipif(not SANDS[0].exists(), reason=f"the measured data are not at {DATA}")


def write(path: Path, times: list[float], values: list[float], header: str = "time_h,relative_concentration") -> Path:
    path.write_text(header + "\n" + "\n".join(f"{t},{v}" for t, v in zip(times, values, strict=True)) + "\n")
    return path


def rows(ended: Ended) -> dict[str, dict[str, float]]:
    return {row["name"]: row for row in ended.object["parameters"]}


@needs_data
def test_two_depths_are_fitted_together_and_a_third_is_predicted(labwright: Call, tmp_path: Path) -> None:
    given = ("--set", "outlet=semi-infinite", "length=11 cm, 17 cm", "--fit", "velocity", "dispersion")
    ended = labwright("calibrate", "column", *map(str, SANDS), *given, "--predict", "position=23 cm", "--json")
    assert ended.status == 0, ended.err
    result = ended.object
    assert [row["n"] for row in result["sets"]] == [35, 35]
    assert result["sse"] == pytest.approx(sum(row["sse"] for row in result["sets"]))
    assert 2.4515 < rows(ended)["velocity"]["value"] < 2.5134
    assert len(result["curves"]) == 2
    assert not result["agreement"]["agree"]
    assert "contradict each other" in " ".join(result["warnings"])
    predicted = result["prediction"]
    assert predicted["settings"] == {"position": "23 cm"}
    middle = min(range(len(predicted["time"])), key=lambda k: abs(predicted["median"][k] - 0.5))
    width = predicted["upper"][middle] - predicted["lower"][middle]
    assert predicted["lower"][middle] < predicted["median"][middle] < predicted["upper"][middle]
    assert 0.02 < width < 0.9
    shown = labwright("calibrate", "column", *map(str, SANDS), *given, "--predict", "position=23 cm",
                      "--predict-times", "9 h, 10 h")  # fmt: skip
    assert shown.status == 0, shown.err
    assert "prediction for position = 23 cm" in shown.out
    assert "sand_step_17cm.csv  35" in shown.out
    run = result["run"]
    page = tmp_path / "fit.html"
    assert labwright("report", run, "-o", str(page)).status == 0
    assert page.read_text().count("<svg") == 3


@needs_data
def test_what_is_separate_is_what_each_file_gives_alone(labwright: Call) -> None:
    fit = ("--fit", "velocity", "dispersion", "--separate", "velocity", "dispersion")
    together = labwright("calibrate", "column", *map(str, SANDS), "--set", "outlet=semi-infinite", *fit, "--json")
    found = rows(together)
    for path, velocity, dispersion in zip(SANDS, (2.4515, 2.5134), (0.1540, 0.1264), strict=True):
        assert found[f"velocity[{path.name}]"]["value"] == pytest.approx(velocity, rel=3e-3)
        assert found[f"dispersion[{path.name}]"]["value"] == pytest.approx(dispersion, rel=3e-3)
    assert [row["sse"] for row in together.object["sets"]] == pytest.approx([1.702e-3, 2.714e-3], rel=5e-4)


def test_gaps_are_left_out_and_named(labwright: Call, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(SMALL.replace("0.6", "") + "6,nan\n7,1.0\n")
    ended = labwright("calibrate", "column", str(path), *COLUMN, "--json")
    assert ended.status == 0, ended.err
    assert ended.object["n"] == 5
    assert ended.object["warnings"][0] == "2 rows were left out: lines 4 and 7 hold no number."


TIMES = [3.0, 3.4, 3.8, 4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 5.4, 5.8, 6.4]
NOISE = [0.004, -0.006, 0.002, 0.005, -0.003, -0.004, 0.006, 0.001, -0.005, 0.003, -0.002, 0.004]
TRUE = {"velocity": "2.5 cm/h", "dispersion": "0.2 cm**2/h"}


@pytest.fixture
def signal(labwright: Call, tmp_path: Path) -> Path:
    """A curve of known parameters as an instrument shows it: 5 + 40 C/C0, in minutes, with noise."""
    times = ", ".join(f"{t} h" for t in TIMES)
    given = ("length=11 cm", "outlet=semi-infinite", *(f"{name}={text}" for name, text in TRUE.items()))
    values = labwright("simulate", "column", "--set", *given, f"times={times}", "--json").object["outputs"][0]["values"]
    shown = [5 + 40 * (value + error) for value, error in zip(values, NOISE, strict=True)]
    return write(tmp_path / "signal.csv", [60 * t for t in TIMES], shown, "time_min,relative_concentration")


def test_gain_and_baseline_turn_a_signal_into_concentrations(labwright: Call, signal: Path) -> None:
    assert labwright("calibrate", "column", str(signal), *COLUMN).status == 2
    ended = labwright("calibrate", "column", str(signal), *COLUMN, "--nuisance", "gain", "baseline", "--json")
    assert ended.status == 0, ended.err
    found = rows(ended)
    for name, truth in (("velocity", 2.5 / 60), ("dispersion", 0.2 / 60), ("gain", 40.0), ("baseline", 5.0)):
        assert found[name]["lower"] < truth < found[name]["upper"]
    assert found["velocity"]["unit"] == "cm/min"
    assert set(ended.object["posterior"]["draws"]) == set(found)


def test_a_prior_a_bound_and_known_noise_narrow_or_hold_what_is_found(labwright: Call, signal: Path) -> None:
    base = ("calibrate", "column", str(signal), *COLUMN, "--nuisance", "gain", "baseline", "--json")
    wide = rows(labwright(*base))["dispersion"]
    narrow = rows(labwright(*base, "--prior", "dispersion=0.2 cm**2/h +- 1 %"))["dispersion"]
    assert narrow["std"] < 0.5 * wide["std"]
    held = rows(labwright(*base, "--bound", "dispersion=0.3..1 cm**2/h"))["dispersion"]
    assert held["value"] == pytest.approx(0.3 / 60)
    known = labwright(*base, "--noise", "4.0").object
    assert known["sets"][0]["noise"] == 4.0


def test_an_outlier_is_named_and_a_robust_loss_resists_it(labwright: Call, signal: Path, tmp_path: Path) -> None:
    lines = signal.read_text().splitlines()
    minutes, value = lines[8].split(",")
    lines[8] = f"{minutes},{float(value) + 12}"
    path = tmp_path / "spoilt.csv"
    path.write_text("\n".join(lines) + "\n")
    given = ("calibrate", "column", str(path), *COLUMN, "--nuisance", "gain", "baseline", "--json")
    robust = labwright(*given, "--loss", "student")
    (outlier,) = robust.object["outliers"]
    assert (outlier["set"], outlier["time"], outlier["time_unit"]) == ("spoilt.csv", float(minutes), "min")
    assert outlier["residual"] == pytest.approx(12, rel=0.1)
    assert rows(robust)["velocity"]["value"] == pytest.approx(2.5 / 60, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "c.csv:length=1 cm"), "none of the files"),
        (("--set", "position=1 cm, 2 cm, 3 cm"), "lists 3 values for 2 files"),
        (("--separate", "decay"), "not fitted"),
        (("--nuisance", "offset"), "baseline"),
        (("--noise", "1 K"), "--noise"),
        (("--loss", "absolute"), "huber"),
        (("--prior", "velocity=2 cm/h"), "+-"),
        (("--bound", "velocity=2 cm/h"), ".."),
        (("--compare", "magic"), "two-region"),
        (("--tolerance", "0"), "--tolerance 0.0: Input should be greater"),
        (("--predict", "velocity=2 cm/h"), "it is fitted"),
        (("--predict-data", "nowhere.csv"), "no such file"),
    ],
)
def test_options_that_cannot_be_end_in_one_line(
    labwright: Call, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    curve = [0.01, 0.05, 0.2, 0.33, 0.5, 0.62, 0.76, 0.84, 0.9, 0.97, 0.99, 1.0]
    a, b = write(tmp_path / "a.csv", TIMES, curve), write(tmp_path / "b.csv", TIMES, [0.99 * v for v in curve])
    ended = labwright("calibrate", "column", str(a), str(b), "--set", "outlet=semi-infinite", "length=11 cm",
                      "--fit", "velocity", "dispersion", *arguments)  # fmt: skip
    assert ended.status == 2, ended.out
    assert told in ended.line


def test_files_that_contradict_each_other_are_withheld(labwright: Call, tmp_path: Path) -> None:
    curve = [0.01, 0.05, 0.2, 0.33, 0.5, 0.62, 0.76, 0.84, 0.9, 0.97, 0.99, 1.0]
    a, b = write(tmp_path / "a.csv", TIMES, curve), write(tmp_path / "b.csv", [1.4 * t for t in TIMES], curve)
    ended = labwright("calibrate", "column", str(a), str(b), *COLUMN, "--json")
    assert ended.status == 3
    assert "files agree" in ended.line
    assert "contradict each other" in " ".join(ended.object["warnings"])


def test_a_loss_is_told_from_none(labwright: Call, tmp_path: Path) -> None:
    disc = ("thickness=2 mm", "diffusivity=4 mm**2/s", "biot=0.2")
    run = labwright("simulate", "flash", "--set", *disc, "--json").object["outputs"][0]
    values = [v + 0.01 * (-1) ** k * (k % 3) for k, v in enumerate(run["values"])]
    path = write(tmp_path / "flash.csv", run["time"], values, f"time_{run['time_unit']},rear_temperature")
    given = ("--set", "thickness=2 mm", "--fit", "diffusivity", "--compare", "loss", "--json")
    found = labwright("calibrate", "flash", str(path), *given).object["comparison"]
    assert [row["name"] for row in found["models"]] == ["lossless", "lossy"]
    assert found["models"][1]["parameters"] == ["diffusivity", "biot"]
    assert found["preferred"] == "lossy"
    assert found["p"] < 1e-6
    assert found["models"][1]["aicc"] < found["models"][0]["aicc"]
