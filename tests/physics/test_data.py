import hashlib
import os
import time

import numpy as np
import pytest
from scipy.special import erfc

from physics.data import read_measurement
from physics.errors import DataError

HEADER = "time_h,relative_concentration\n"


def write(tmp_path, text, name="run.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_comments_units_and_hash(tmp_path):
    text = "# Sensor depth: 11 cm\n# second\n\n" + HEADER + "0.5, 0.0\n1,0.25\n\n2,1.0  # last\n"
    path = write(tmp_path, text)
    read = read_measurement(path)
    assert read.time.tolist() == [1800.0, 3600.0, 7200.0]
    assert read.value.tolist() == [0.0, 0.25, 1.0]
    assert (read.unit, read.column_unit, read.rows, read.thinned, read.notes) == ("s", "h", 3, False, ())
    assert read.comments == ("Sensor depth: 11 cm", "second", "last")
    assert read.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("column", "factor", "unit"),
    [("time_s", 1, "s"), ("time_min", 60, "s"), ("time_d", 86400, "s"), ("time_pv", 1, "pv")],
)
def test_time_columns(tmp_path, column, factor, unit):
    read = read_measurement(write(tmp_path, f"relative_concentration,{column}\n0.1,1\n0.9,2\n"))
    assert read.time.tolist() == [factor, 2 * factor]
    assert read.value.tolist() == [0.1, 0.9]
    assert read.unit == unit


def test_byte_order_mark_and_line_ends(tmp_path):
    for text in ("\ufeff" + HEADER + "1,0.5\n2,0.7\n", (HEADER + "1,0.5\n2,0.7").replace("\n", "\r\n")):
        assert read_measurement(write(tmp_path, text)).value.tolist() == [0.5, 0.7]


def test_repeated_times_are_averaged_and_said(tmp_path):
    read = read_measurement(write(tmp_path, HEADER + "1,0.2\n2,0.4\n2,0.6\n3,0.9\n"))
    assert read.time.tolist() == [3600, 7200, 10800]
    assert np.allclose(read.value, [0.2, 0.5, 0.9])
    assert read.count.tolist() == [1, 2, 1]
    assert read.notes == ("1 row repeats the time before it and was averaged; the two values at 2 h differ by 0.2.",)


@pytest.mark.parametrize("nothing", ["", "nan", " NaN ", "NA", "n/a", "-", "null"])
def test_rows_without_a_number_are_left_out_and_named(tmp_path, nothing):
    read = read_measurement(write(tmp_path, HEADER + f"1,0.2\n2,{nothing}\n3,0.6\n{nothing},0.7\n5,0.9\n"))
    assert read.time.tolist() == [3600, 10800, 18000]
    assert (read.rows, read.left_out) == (3, 2)
    assert read.notes == ("2 rows were left out: lines 3 and 5 hold no number.",)


def test_many_gaps_are_named_by_the_first(tmp_path):
    rows = "".join(f"{i},{'' if 2 <= i < 9 else 0.1 * i}\n" for i in range(12))
    (note,) = read_measurement(write(tmp_path, HEADER + rows)).notes
    assert note == "7 rows were left out: lines 4, 5, 6, 7, 8 and 2 further ones hold no number."


def test_percent_is_noticed(tmp_path):
    (note,) = read_measurement(write(tmp_path, HEADER + "1,2\n2,98\n")).notes
    assert "C/C0" in note
    assert "relative_concentration_percent" in note


BAD = {
    "text": (HEADER + "1,0.1\n2,abc\n", "line 3", "'abc' is not a number"),
    "comment then text": ("# a\n" + HEADER + "1,0.1\n# b\n\n2,abc\n", "line 6", "relative_concentration"),
    "only gaps": (HEADER + "1,\n", "line 2", "no row holds two numbers"),
    "infinite value": (HEADER + "1,0.1\n2,inf\n", "line 3", "not finite"),
    "infinite time": (HEADER + "1,0.1\ninf,0.2\n", "line 3", "not finite"),
    "empty": ("", "run.csv", "empty"),
    "only comments": ("# a\n# b\n", "run.csv", "no header"),
    "only header": (HEADER, "run.csv", "no rows"),
    "no header": ("1,2\n3,4\n", "line 1", "numbers stand where the header"),
    "no unit": ("time,relative_concentration\n1,2\n", "line 1", "unknown column 'time'"),
    "unknown column": ("time_h,relative_concentration,ph\n1,2,7\n", "line 1", "'ph'"),
    "no time": ("relative_concentration\n1\n", "line 1", "no time column"),
    "no values": ("time_h\n1\n", "line 1", "no column relative_concentration"),
    "two times": ("time_h,time_s,relative_concentration\n1,1,1\n", "line 1", "2 time columns"),
    "semicolons": ("time_h;relative_concentration\n1;2\n", "line 1", "commas"),
    "decimal commas": (HEADER + "1,0,0,5\n", "line 2", "decimal point"),
    "short row": (HEADER + "1,0.1\n2\n", "line 3", "1 values"),
    "back": (HEADER + "1,0.1\n3,0.2\n2,0.3\n", "line 4", "goes back from 3 to 2"),
    "negative": (HEADER + "-1,0.1\n", "line 2", "negative"),
    "underscore": (HEADER + "1_0,0.1\n", "line 2", "not a number"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "run.csv", "not a text file"),
    "binary later": (HEADER.encode() + b"1,0.1\n\0\0\0\n", "line 3", "not text"),
    "utf-16": (HEADER.encode("utf-16"), "run.csv", "not a text file"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_files_are_one_line(tmp_path, case):
    text, where, what = BAD[case]
    with pytest.raises(DataError) as caught:
        read_measurement(write(tmp_path, text))
    message = str(caught.value)
    assert "run.csv" in message
    assert where in message
    assert what in message
    assert "\n" not in message


def test_places_that_are_no_files(tmp_path):
    places = {tmp_path: "directory", tmp_path / "none.csv": "no such file", os.devnull: "not a regular"}
    for path, what in places.items():
        with pytest.raises(DataError, match=what):
            read_measurement(path)


def test_line_numbers_survive_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("physics.data._BLOCK", 64)
    rows = [f"{i},{i / 100}" for i in range(100)]
    assert read_measurement(write(tmp_path, HEADER + "\n".join(rows))).rows == 100
    rows[70] = "3,0.7"
    with pytest.raises(DataError, match="line 72: the time goes back from 69 to 3"):
        read_measurement(write(tmp_path, HEADER + "\n".join(rows)))


def test_five_million_rows(tmp_path):
    n = 5_000_000
    t = np.arange(n) * 1e-5
    c = 0.5 * erfc((30.0 - t) / 1.0) + np.random.default_rng(0).normal(0, 0.02, n)
    path = tmp_path / "long.csv"
    one = "\n".join(f"{a:.5f},{b:.4f}" for a, b in zip(t[:500_000], c[:500_000], strict=True))
    with path.open("w") as file:
        file.write(HEADER + one + "\n")
        for start in range(500_000, n, 500_000):
            piece = slice(start, start + 500_000)
            np.savetxt(file, np.column_stack([t[piece], c[piece]]), fmt="%.5f,%.4f")
    begun = time.perf_counter()
    read = read_measurement(path)
    assert time.perf_counter() - begun < 15
    assert read.rows == n
    assert read.thinned
    assert 1000 < len(read.time) <= 2000
    assert read.count.sum() == n
    assert "5000000 rows were thinned" in read.notes[0]
    hours = read.time / 3600
    assert (np.diff(hours) > 0).all()
    error = read.value - 0.5 * erfc(30.0 - hours)
    assert np.abs(error * np.sqrt(read.count)).max() < 6 * 0.02 + 0.01
    front = (hours > 29) & (hours < 31)
    assert front.sum() > 0.2 * len(hours)  # 4 % of the record's time


def test_values_of_another_curve_in_its_unit_or_one_of_their_own(tmp_path):
    for column, number, kelvin in (
        ("rear_temperature", "293.15", 293.15),
        ("rear_temperature_K", "293.15", 293.15),
        ("rear_temperature_mK", "1500", 1.5),
        ("rear_temperature_degC", "20", 293.15),
    ):
        path = write(tmp_path, f"time_ms,{column}\n1,{number}\n2,{number}\n")
        read = read_measurement(path, value="rear_temperature", unit="K")
        assert read.value.tolist() == pytest.approx([kelvin, kelvin], rel=1e-12)
        assert (read.time.tolist(), read.column_unit, read.notes) == ([1e-3, 2e-3], "ms", ())
    percent = write(tmp_path, "time_h,relative_concentration_percent\n1,2\n2,98\n")
    assert read_measurement(percent).value.tolist() == pytest.approx([0.02, 0.98])


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("time_s,relative_concentration", "unknown column 'relative_concentration'"),
        ("time_s,rear_temperature_cm", "does not fit 'K'"),
        ("time_s,rear_temperature_furlongs9", "not known"),
        ("time_s,rear_temperature,rear_temperature_K", "more than one column rear_temperature"),
    ],
)
def test_columns_that_do_not_fit_the_curve(tmp_path, header, what):
    with pytest.raises(DataError, match=what):
        read_measurement(write(tmp_path, f"{header}\n1,2\n"), value="rear_temperature", unit="K")
