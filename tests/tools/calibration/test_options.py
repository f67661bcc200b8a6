"""The words of a calibration's options."""

import math
from pathlib import Path

import numpy as np
import pytest

from physics.data import Measurement
from physics.errors import InputError
from physics.experiments import get
from tools.calibration.options import Options, check, read_bounds, read_noise, read_priors
from tools.read_data import DataFile

COLUMN, FLASH = get("column"), get("flash")
NAMES = ("velocity", "dispersion")


def files(*highest: float) -> list[DataFile]:
    found = []
    for k, high in enumerate(highest):
        value = np.array([0.0, high])
        measured = Measurement("x", np.arange(2.0), value, np.ones(2), "s", "s", 2, 0, False, (), (), "")
        found.append(DataFile(f"{k}.csv", Path(f"{k}.csv"), measured, {}, {}, {}, measured.time, ()))
    return found


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("dispersion=0.1..1 cm**2/h", 0.1, 1.0),
        ("dispersion=0.1 cm**2/h..0.0001 m**2/h", 0.1, 1.0),
        ("dispersion=..1 cm**2/h", 0.0, 1.0),
        ("dispersion = 0.1 cm**2/h ..", 0.1, 1e3 * 1e4 * 3600),
    ],
)
def test_bounds_are_read_into_si(text: str, low: float, high: float) -> None:
    unit = 1e-4 / 3600
    assert read_bounds(COLUMN, [text], NAMES)["dispersion"] == pytest.approx((low * unit, high * unit))


@pytest.mark.parametrize(
    "text",
    ["dispersion=1 cm**2/h", "dispersion=..", "dispersion=1..0.1 cm**2/h", "decay=0..1 1/h", "dispersion=1..2 cm",
     "dispersion", "inlet=1..2"],
)  # fmt: skip
def test_bounds_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_bounds(COLUMN, [text], NAMES)


def test_priors_are_log_normal_where_positive_and_normal_for_a_baseline() -> None:
    texts = ["velocity=2.5 cm/h +- 0.1 cm/h", "dispersion=0.15 cm**2/h ± 20 %", "baseline=0 +/- 0.01"]
    found = read_priors(COLUMN, texts, NAMES, ["baseline"])
    assert found["velocity"].centre == pytest.approx(0.025 / 3600)
    assert found["velocity"].deviation == pytest.approx(math.sqrt(math.log(1 + 0.04**2)))
    assert found["dispersion"].deviation == pytest.approx(math.sqrt(math.log(1 + 0.2**2)))
    assert (found["baseline"].centre, found["baseline"].deviation) == (0.0, 0.01)
    (same,) = read_priors(COLUMN, ["velocity=2.5 cm/h +- 0.1"], NAMES, []).values()  # in the unit of the value
    assert same == found["velocity"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("velocity=2.5 cm/h", "no '\\+-'"),
        ("velocity=2.5 cm/h +- 0 cm/h", "above zero"),
        ("velocity=2.5 cm +- 0.1 cm", "velocity"),
        ("decay=1 1/h +- 1 1/h", "not fitted; fitted are velocity, dispersion"),
        ("velocity=-2 cm/h +- 1 cm/h", "outside its range"),
    ],
)
def test_priors_that_cannot_be_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_priors(COLUMN, [text], NAMES, [])


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("estimate", "", ([None, None], "common")),
        ("separate", "", ([None, None], "separate")),
        ("0.005", "", ([0.005, 0.005], "common")),
        ("0.5 %", "", ([0.005, 0.005], "common")),
        ("0.5 %, 1 %", "", ([0.005, 0.01], "common")),
        ("50 mK", "K", ([0.05, 0.05], "common")),
        ("1 %", "K", ([0.02, 0.04], "common")),  # of the range of the values
        ("0.1 degC", "K", ([0.1, 0.1], "common")),
    ],
)
def test_noise(text: str, unit: str, expected: tuple[list[float | None], str]) -> None:
    found, shared = read_noise(text, files(2.0, 4.0), unit)
    assert shared == expected[1]
    assert found == (expected[0] if None in expected[0] else pytest.approx(expected[0]))


@pytest.mark.parametrize("text", ["0", "-1 %", "much", "1 cm", "1 %, 2 %, 3 %"])
def test_noise_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--noise"):
        read_noise(text, files(1.0, 1.0), "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(separate=("decay",)), "not fitted"),
        (Options(separate=("velocity", "velocity")), "twice"),
        (Options(nuisance=("offset",)), "not one of baseline"),
        (Options(nuisance=("gain", "gain")), "twice"),
    ],
)
def test_options_that_name_what_is_not_there(options: Options, told: str) -> None:
    with pytest.raises(InputError, match=told):
        check(options, NAMES)
