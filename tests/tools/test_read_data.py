"""Several measured curves, each with its settings."""

from pathlib import Path

import numpy as np
import pytest

from physics.experiments import get
from tools.errors import Retry
from tools.read_data import read_data

COLUMN = get("column")
CURVE = [(1, 0.0), (2, 0.2), (3, 0.7), (4, 1.0)]


def write(path: Path, rows: list[tuple[float, float]], header: str = "time_h,relative_concentration") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "\n" + "\n".join(f"{t},{v}" for t, v in rows) + "\n")
    return path


def test_units_of_time_and_percent_are_converted(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", CURVE)
    minutes = [(60 * t, 100 * v * 0.99) for t, v in CURVE]
    b = write(tmp_path / "b.csv", minutes, "time_min,relative_concentration_percent")
    one, other = read_data(COLUMN, [a, b], {"length": "11 cm, 17 cm"})
    assert np.allclose(one.seconds, other.seconds)
    assert np.allclose(one.measured.value * 0.99, other.measured.value)
    assert (one.known["length"], other.known["length"]) == pytest.approx((0.11, 0.17))


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    a = write(tmp_path / "monday" / "run.csv", CURVE)
    b = write(tmp_path / "tuesday" / "run.csv", [(t, 0.9 * v) for t, v in CURVE])
    assert [file.name for file in read_data(COLUMN, [a, b], {})] == ["monday/run.csv", "tuesday/run.csv"]


def test_notes_name_their_file_where_there_are_several(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.csv", CURVE), tmp_path / "b.csv"
    b.write_text("time_h,relative_concentration\n1,0.1\n2,\n3,0.5\n")
    assert read_data(COLUMN, [b], {})[0].notes == ("1 row was left out: line 3 holds no number.",)
    assert read_data(COLUMN, [a, b], {})[1].notes == ("b.csv: 1 row was left out: line 3 holds no number.",)


def test_the_same_measurement_twice_is_refused(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.csv", CURVE), write(tmp_path / "b.csv", CURVE)
    with pytest.raises(Retry, match=r"a\.csv and b\.csv are the same file, byte for byte"):
        read_data(COLUMN, [a, b], {})
    write(b, [(60 * t, v) for t, v in CURVE], "time_min,relative_concentration")
    with pytest.raises(Retry, match=r"b\.csv holds the same readings as a\.csv"):
        read_data(COLUMN, [a, b], {})


@pytest.mark.parametrize("rows", [[(1, 2.0), (2, 55.0), (3, 98.0)], [(1, -3.0), (2, 0.5), (3, 1.0)]])
def test_what_is_no_relative_concentration_is_refused(tmp_path: Path, rows: list[tuple[float, float]]) -> None:
    a, b = write(tmp_path / "a.csv", CURVE), write(tmp_path / "b.csv", rows)
    with pytest.raises(Retry, match=r"b\.csv: its values go from .* while a\.csv holds fractions"):
        read_data(COLUMN, [a, b], {})
    assert len(read_data(COLUMN, [a, b], {}, raw=True)) == 2


def test_pore_volumes_become_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CURVE, "time_pv,relative_concentration")
    (file,) = read_data(COLUMN, [path], {"length": "36 cm", "velocity": "10 cm/h"}, free=["dispersion"])
    assert file.seconds == pytest.approx(3600 * 3.6 * np.arange(1, 5))
    with pytest.raises(Retry, match="pore volumes"):
        read_data(COLUMN, [path], {"length": "36 cm", "velocity": "10 cm/h"}, free=["velocity"])
    with pytest.raises(Retry, match="no data file"):
        read_data(COLUMN, [], {})
