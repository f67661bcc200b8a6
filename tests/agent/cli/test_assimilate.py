import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from physics.assimilation.column import Profile, column_system
from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
HOURS = np.linspace(0.5, 15.0, 24)
SET = ("--set", "length=20 cm", "velocity=2 cm/h", "dispersion=0.5 cm**2/h")
CELL = "time,x,z,temperature\n"


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    """The outlet of a column that held 0.8 in its half near the outlet, and is rinsed."""
    hidden = column_system(
        0.2, 0.02 / 3600, 5e-5 / 3600, torch.from_numpy(3600 * HOURS), Profile(0.0, 1.0, 0.02), cells=80
    )
    _, parameters = hidden.initial(torch.zeros(1, hidden.size, dtype=torch.float64))
    places = (torch.arange(80, dtype=torch.float64) + 0.5) / 80
    held = torch.cat([0.4 + 0.4 * torch.tanh((places - 0.5) / 0.15), torch.ones(1, dtype=torch.float64)])[None]
    at: tuple[torch.Tensor, ...] = (held,)
    read = []
    for k in range(hidden.steps):
        at = hidden.step(at, parameters, k)
        read.append(float(hidden.observe(at, parameters)[0, 0]))
    noise = np.random.default_rng(0).normal(0, 0.01, len(HOURS))
    path = tmp_path / "outlet.csv"
    rows = "".join(f"{t:.6f},{c:.5f}\n" for t, c in zip(HOURS, np.array(read) + noise, strict=True))
    path.write_text("# rinsed with clean water\ntime_h,relative_concentration\n" + rows)
    return path


def test_the_profile_of_a_column_from_its_outlet(labwright: Call, curve: Path, tmp_path: Path) -> None:
    out = tmp_path / "profile.h5"
    ended = labwright(
        "assimilate", "column", str(curve), *SET, "--prior", "profile=0.4 +- 0.4 over 4 cm", "--noise", "1 %",
        "--forecast", "2", "--out", str(out), "--json",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    told = ended.object
    assert [method["method"] for method in told["methods"]] == ["4D-Var", "ensemble smoother"]
    start = next(field for field in told["fields"] if field["at"] == "start")
    places = np.array(start["places"]) / 0.2
    near = places > 0.4
    truth = 0.4 + 0.4 * np.tanh((places - 0.5) / 0.15)
    assert np.linalg.norm((np.array(start["values"]) - truth)[near]) < 0.1 * np.linalg.norm(truth[near])
    assert told["sensors"][0]["rms"] < 0.02
    assert any("outlet determines" in words for words in told["words"])
    with h5py.File(out) as file:
        assert file["t0_fields/concentration"].shape == file["t0_fields/concentration_std"].shape
        assert len(file["dimensions/time"]) == 3


def test_a_velocity_that_an_unknown_profile_hides_is_said_to_be_hidden(labwright: Call, curve: Path) -> None:
    ended = labwright(
        "assimilate", "column", str(curve), *SET, "--fit", "velocity", "--prior", "velocity=2.2 cm/h +- 15 %",
        "profile=0.4 +- 0.4 over 4 cm", "--noise", "0.01", "--method", "variational", "--json",
    )  # fmt: skip
    told = ended.object
    (row,) = told["parameters"]
    assert row["unit"] == "cm/h"
    assert row["prior"]["value"] == pytest.approx(2.2)
    assert row["prior"]["upper"] == pytest.approx(2.2 * math.exp(0.15 * 1.645), rel=3e-3)
    assert abs(row["value"] - 2.0) < 3.0 * row["std"]
    assert row["std"] > 0.75 * 0.15 * row["value"]  # hardly less than before


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        (CELL + "0,0.5,1.4,0.5\n0.1,0.5,1.4,0.5\n0.2,0.5,1.4,0.5\n", (), "outside the cell"),
        ("time,x,temperature\n0,0.5,0.5\n", (), "no column z"),
        (CELL + "0,0.5,0.4,0.5\n0.1,0.5,0.4,0.5\n", (), "only 2 reads stand"),
        (CELL + "0,0.5,0.4,hot\n", (), "line 2: temperature is 'hot'"),
        (CELL + "0,0.5,0.4,0.5\n0,0.5,0.4,0.6\n", (), "stands in line 2 already"),
        (CELL + "0,0.5,0.4,25\n0.1,0.5,0.4,24\n0.2,0.5,0.4,26\n", (), "divide by their difference"),
        (
            CELL + "0,0.5,0.4,0.5\n0.1,0.5,0.4,0.5\n0.2,0.5,0.4,0.5\n",
            ("sides=walls",),
            "periodic and heated from below",
        ),
        (CELL + "0,0.5,0.4,0.5\n0.1,0.5,0.4,0.5\n0.2,0.5,0.4,0.5\n", ("x=1",), "x"),
    ],
)
def test_bad_sensors_are_told_in_one_line(
    labwright: Call, tmp_path: Path, rows: str, more: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(rows)
    ended = labwright(
        "assimilate", "convection", str(path), "--set", "prandtl=1", "aspect=2", *more, "--fit", "rayleigh",
        "--prior", "rayleigh=1e4 +- 30 %", "--noise", "0.01",
    )  # fmt: skip
    assert ended.status == 2
    assert words in ended.line


def test_what_is_missing_is_named(labwright: Call, tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(CELL + "0,0.5,0.4,0.5\n0.1,0.5,0.4,nan\n0.2,0.5,0.4,0.5\n0.3,0.5,0.4,0.4\n")
    known = ("assimilate", "convection", str(path), "--set", "prandtl=1", "--fit", "rayleigh")
    assert "about how large it is" in labwright(*known).line
    assert "too few reads" in labwright(*known, "--prior", "rayleigh=1e4 +- 30 %").line
    assert "not one of" in labwright(*known, "--method", "magic").line
    assert "cannot be assimilated" in labwright("assimilate", "flash", str(path)).line
