"""One file is a whole experiment: listed, described, simulated, validated and calibrated without another line."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from physics import experiments, well
from tests.agent.cli.conftest import Ended
from tests.toy import CUP

Call = Callable[..., Ended]
ROOT = Path(__file__).resolve().parents[3]
SETTINGS = ("--set", "start=358 K", "rate=1.5 1/h")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of a user's own experiments; what it adds is forgotten afterwards."""
    place = tmp_path / "mine"
    place.mkdir()
    monkeypatch.setenv("LABWRIGHT_EXPERIMENTS", str(place))
    monkeypatch.setattr(experiments, "_FOLDERS", [])
    experiments._found.cache_clear()
    yield place
    experiments._found.cache_clear()


@pytest.fixture
def cup(folder: Path) -> Path:
    (folder / "cup.py").write_text(CUP)
    return folder


def test_it_is_listed_and_described(labwright: Call, cup: Path) -> None:
    assert "cup" in [each["name"] for each in labwright("experiments", "--json").object["experiments"]]
    told = labwright("experiments", "cup", "--json").object
    assert [law["name"] for law in told["laws"]] == [
        "heat is kept",
        "heat is in the temperature",
        "temperature only falls",
        "temperature within bounds",
    ]
    assert told["data"] == "temperature"
    shown = labwright("experiments", "cup").out
    assert "Law temperature only falls (monotonicity)" in shown
    assert "half_time" in shown


def test_it_is_simulated_and_validated(labwright: Call, cup: Path, tmp_path: Path) -> None:
    target = tmp_path / "cup.h5"
    ended = labwright(
        "simulate", "cup", *SETTINGS, "--set", "times=0 min, 20 min, 40 min", "--out", str(target), "--json"
    )
    assert ended.status == 0, ended.err
    outputs = {row["name"]: row for row in ended.object["outputs"]}
    expected = [293.15 + 64.85 * math.exp(-1.5 * hours) for hours in (0, 1 / 3, 2 / 3)]
    assert outputs["temperature"]["values"] == pytest.approx(expected)
    assert outputs["temperature"]["time_unit"] == "min"
    assert outputs["half_time"]["value"] == pytest.approx(math.log(2) / 1.5 * 60)
    assert outputs["half_time"]["unit"] == "min"
    checks = {check["name"]: check for check in ended.object["checks"]}
    laws = ("heat is kept", "heat is in the temperature", "temperature only falls", "temperature within bounds")
    assert {name: check["status"] for name, check in checks.items()} == dict.fromkeys(
        ("heat balance", "finite values", *laws), "pass"
    )
    assert (checks["heat is kept"]["kind"], checks["temperature only falls"]["kind"]) == ("conservation", "constraint")
    assert well.read(target).scalars["temperature"].values[0].tolist() == pytest.approx(expected)
    shown = labwright("simulate", "cup", *SETTINGS).out
    assert "laws: 5 of 5 pass: " in shown
    assert "temperature only falls" in shown


def test_a_run_that_breaks_a_law_is_withheld(labwright: Call, folder: Path) -> None:
    (folder / "cup.py").write_text(CUP.replace("lost = C", "lost = 0.98 * C"))
    ended = labwright("simulate", "cup", *SETTINGS, "--json")
    assert ended.status == 3
    status = {check["name"]: check["status"] for check in ended.object["checks"]}
    assert status["heat is kept"] == "fail"
    assert status["temperature only falls"] == "pass"
    assert "heat is kept" in ended.line


def test_it_is_calibrated_without_a_start_or_a_model(labwright: Call, cup: Path, tmp_path: Path) -> None:
    hours = np.linspace(0, 2, 41)
    celsius = 21.0 + 60 * np.exp(-1.8 * hours) + np.random.default_rng(3).normal(0, 0.1, 41)
    path = tmp_path / "coffee.csv"
    rows = "\n".join(f"{h:.4f},{c:.4f}" for h, c in zip(hours, celsius, strict=True))
    path.write_text(f"# a real cup\ntime_h,temperature_degC\n{rows}\n")
    ended = labwright("calibrate", "cup", str(path), "--set", "start=81 degC", "--fit", "rate", "room", "--json")
    assert ended.status == 0, ended.err
    found = {row["name"]: row for row in ended.object["parameters"]}
    assert found["rate"]["unit"] == "1/h"
    for name, truth in (("rate", 1.8), ("room", 294.15)):
        assert found[name]["lower"] < truth < found[name]["upper"]
        assert found[name]["std"] < 0.01 * truth
    assert ended.object["rmse"] == pytest.approx(0.1, rel=0.3)


def test_a_file_in_the_projects_own_folder_is_found(tmp_path: Path) -> None:
    for room in ("agent", "corpora", "physics", "tools"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "documents"))
    (tmp_path / "physics" / "experiments" / "cup.py").write_text(CUP)
    done = subprocess.run(
        [sys.executable, "-m", "agent", "simulate", "cup", *SETTINGS, "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "LABWRIGHT_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"][0]["name"] == "temperature"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("EXPERIMENT = 3\n", "defines no EXPERIMENT"),
        ("x = 1\n", "defines no EXPERIMENT"),
        ("def f(:\n", "line 1"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
        ("raise SystemExit(0)\n", "does not load"),
        (CUP.replace('name="cup"', 'name="column"'), "is taken by"),
        (CUP.replace('name="cup"', 'name="my cup"'), "cannot be typed"),
        (CUP.replace('Parameter("room"', 'Parameter("start"'), "declared twice"),
    ],
)
def test_a_bad_file_ends_in_one_line(labwright: Call, folder: Path, text: str, told: str) -> None:
    (folder / "bad.py").write_text(text)
    for arguments in (("experiments", "--json"), ("simulate", "column")):
        ended = labwright(*arguments)
        assert ended.status == 2
        assert told in ended.line
        assert "bad.py" in ended.line


def test_a_folder_that_is_not_there_ends_in_one_line(labwright: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWRIGHT_EXPERIMENTS", "/nowhere/at/all")
    ended = labwright("experiments")
    assert ended.status == 2
    assert "/nowhere/at/all" in ended.line


def test_a_file_with_an_underscore_is_left_alone(labwright: Call, folder: Path) -> None:
    (folder / "_notes.py").write_text("not Python at all")
    assert labwright("experiments", "--json").status == 0
