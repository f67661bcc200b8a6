"""What runs and files looked like: the same run gives the same trace from its record, its file and its solution."""

from pathlib import Path

import numpy as np
import pytest

from tools.errors import Retry
from tools.simulate import simulate
from tools.traces import encoded, of_file, of_record

COLUMN = {"length": "30 cm", "velocity": "5 cm/h", "dispersion": "2 cm**2/h"}
FIELD = {"feed": "0.037", "kill": "0.06", "cells": "32", "size": "0.5", "duration": "200"}


def test_a_curve_is_the_same_from_record_csv_and_hdf5(tmp_path: Path) -> None:
    data = simulate("column", COLUMN, out=tmp_path / "run.h5").data
    row = next(row for row in data["outputs"] if row["name"] == "concentration")
    lines = [f"{t},{v}" for t, v in zip(row["time"], row["values"], strict=True)]
    (tmp_path / "run.csv").write_text("\n".join([f"time_{row['time_unit']},relative_concentration", *lines]))
    (kept,) = of_record({"inputs": {"experiment": "column"}, "result": data})
    vectors = encoded([kept, of_file(tmp_path / "run.csv"), of_file(tmp_path / "run.h5")])
    assert (vectors @ vectors.T).min() > 0.999


def test_a_field_is_the_same_from_the_run_and_its_file(tmp_path: Path) -> None:
    evidence = simulate("gray_scott", FIELD, out=tmp_path / "run.h5")
    found = of_file(tmp_path / "run.h5")
    assert found.axes == 2
    assert float(encoded([found])[0] @ np.array(evidence.trace["vector"], np.float32)) > 0.999


def test_a_run_without_fields_has_nothing_to_keep() -> None:
    assert simulate("column", COLUMN).trace == {}


def test_fits_and_plans_show_their_curves() -> None:
    times, values = [0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.1, 0.5, 0.9, None]
    fit = {
        "inputs": {"experiment": "column"},
        "result": {"curve": {"time": times, "measured": values, "fitted": values}},
    }
    (trace,) = of_record(fit)
    assert len(trace.values) == 4
    files = [{"file": "a.csv", "curve": {"time": times[:4], "measured": values[:4]}}] * 2
    plan = {"inputs": {}, "result": {"curve": {"time": times, "values": times}, "calibration": {"files": files}}}
    assert len(of_record(plan)) == 3
    assert of_record({"inputs": {"request": "?"}, "result": {"curve": {}}}) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.csv", None, "no such file"),
        ("a.txt", "x", "not a kind of file"),
        ("a.csv", "", "empty"),
        ("a.csv", "time_h,relative_concentration\n1,0.5\n", "has 1 reading; give 4 or more"),
        ("a.csv", "time_h,relative_concentration\n1,0\n2,nan\n3,0.4\n4,0.6\n5,1\n", "without a number"),
        ("a.csv", "time_h,colour\n1,2\n", "colour"),
        ("a.h5", "not HDF5", "cannot be read as an HDF5 file"),
    ],
    ids=["missing", "kind", "empty", "one point", "nan", "column", "no hdf5"],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, name: str, text: str | None, told: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(Retry) as raised:
        of_file(path)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_curves_of_other_experiments_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "flash.csv"
    path.write_text("time_ms,rear_temperature\n" + "\n".join(f"{t},{t / (t + 5)}" for t in range(9)))
    assert of_file(path).values.shape == (9, 1)
