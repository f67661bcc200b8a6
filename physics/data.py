"""Measured curves from CSV files: read, checked line by line, thinned when they are long.

A file has `#` comments, a header and two columns: a time column that names its unit (`time_s`, `time_ms`, `time_us`,
`time_min`, `time_h`, `time_d`, or `time_pv` for pore volumes) and the values, in a column that is called as the
experiment's curve is and may name a unit of its own (`rear_temperature`, `rear_temperature_degC`).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from physics import units
from physics.errors import DataError, UnitError
from physics.experiment import Observable
from physics.thinning import Blocks, Thinner

Array = NDArray[np.float64]

TIME_COLUMNS = {
    "time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6, "time_min": 60.0, "time_h": 3600.0, "time_d": 86400.0,
    "time_pv": 1.0,
}  # fmt: skip
VALUE_COLUMN = "relative_concentration"
_CALLED = {"concentration": VALUE_COLUMN}  # curves that files call by another name
_BLOCK = 1 << 24  # characters read at once
_COMMENTS_KEPT = 200


@dataclass(frozen=True)
class Measurement:
    """A measured curve.

    Attributes:
        time: shape (points,), increasing; seconds, or pore volumes where `unit` is "pv".
        value: shape (points,), in the unit that was asked for.
        count: rows of the file behind each point, shape (points,); the weight of the point in a fit.
        unit: "s" or "pv".
        column_unit: the unit of the file's time column: "s", "ms", "us", "min", "h", "d" or "pv".
        rows: rows of numbers in the file.
        thinned: whether points are means of several rows because the file is long.
        comments: the comment lines without their `#`.
        notes: what was done to the data, a sentence each.
        sha256: of the file's bytes.
    """

    path: str
    time: Array
    value: Array
    count: Array
    unit: str
    column_unit: str
    rows: int
    thinned: bool
    comments: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str


@dataclass
class _Reader:
    """Where the reading stands: the header's meaning, the line reached and the last time seen."""

    name: str
    value: str  # what the column of values is called
    unit: str  # and the unit that the values are wanted in
    column: str = ""  # the name in the header
    columns: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    line: int = 0
    last: float = -np.inf

    def error(self, what: str, line: int | None = None) -> DataError:
        return DataError(f"{self.name}, line {self.line if line is None else line}: {what}")


def value_column(curve: Observable) -> str:
    """Return what the column of a file is called that holds this curve."""
    return _CALLED.get(curve.name, curve.name)


def read_measurement(path: str | Path, *, value: str = VALUE_COLUMN, unit: str = "", points: int = 2000) -> Measurement:
    """Read a measured curve; a file of more than `points` rows is thinned to at most that many.

    Thinning replaces neighbouring rows by their mean (`physics.thinning`). Rows of equal time are averaged.

    Args:
        path: the file.
        value: what its column of values is called; `value_column` says it of an experiment's curve.
        unit: the unit that the values are wanted in, and are in unless the column's name ends with another.
        points: the most points to return.

    Raises:
        DataError: one line with the file, the line number where there is one, and how to mend it.
    """
    path = Path(path)
    reader = _Reader(path.name, value, unit)
    _check_kind(path)
    try:
        with path.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
            raw.seek(0)
            with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline=None) as text:
                _read_header(text, reader)
                thinner = Thinner()
                _read_rows(text, reader, thinner)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if thinner.rows == 0:
        raise DataError(f"{reader.name}: a header and no rows; add rows of numbers below the header")
    return _measurement(path, reader, thinner, points, sha256)


def _check_kind(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: is a directory; name a CSV file")
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: not a regular file; save the measurements as a CSV file")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name}: the file is empty; it needs a header and rows of numbers")


def _read_header(text: TextIO, reader: _Reader) -> None:
    """Read up to the header, set `reader.columns`, and leave `text` where the rows start."""
    while line := text.readline(_BLOCK):
        reader.line += 1
        if "\0" in line or ("\ufffd" in line and not line.startswith("#")):
            raise DataError(f"{reader.name}: not a text file; export the measurements as CSV in UTF-8")
        if len(line) >= _BLOCK:
            raise reader.error("the line does not end; write one row a line")
        bare = line.strip()
        if bare.startswith("#"):
            _keep_comment(bare, reader)
        elif bare:
            reader.columns = _columns(bare, reader)
            return
    raise DataError(f"{reader.name}: no header; begin with 'time_h,{reader.value}'")


def _keep_comment(line: str, reader: _Reader) -> None:
    if len(reader.comments) < _COMMENTS_KEPT:
        reader.comments.append(line.lstrip("#").strip()[:2000])


def _columns(header: str, reader: _Reader) -> list[str]:
    """Check the names in the header: one known time column and the values, in either order."""
    names = [name.strip().strip('"').strip() for name in header.split(",")]
    names = [name.lower() if name.lower() in TIME_COLUMNS or name.lower() == reader.value else name for name in names]
    wanted = f"write 'time_h,{reader.value}' (or time_min, time_s, time_ms, time_d, time_pv)"
    if len(names) == 1 and any(mark in header for mark in ";\t|"):
        raise reader.error("the columns are not separated by commas; save as CSV with ','")
    if all(_number(name) is not None for name in names):
        raise reader.error(f"numbers stand where the header should; {wanted}")
    values = [name for name in names if _is_value(name, reader)]
    for name in names:
        if name not in TIME_COLUMNS and name not in values:
            raise reader.error(f"unknown column {name[:40]!r}; {wanted}")
    times = [name for name in names if name in TIME_COLUMNS]
    if len(times) > 1:
        raise reader.error(f"{len(times)} time columns ({', '.join(times)}); keep one")
    if not times:
        raise reader.error(f"no time column; {wanted}")
    if len(values) != 1:
        raise reader.error(f"{'no' if len(names) == 1 else 'more than one'} column {reader.value}; {wanted}")
    reader.column = values[0]
    return names


def _is_value(name: str, reader: _Reader) -> bool:
    """Say whether a column holds the values, in the unit that is wanted or in one that its name ends with."""
    if name == reader.value:
        return True
    if not name.startswith(f"{reader.value}_"):
        return False
    own = name.removeprefix(f"{reader.value}_")
    try:
        fits = units.compatible(own, reader.unit)
    except UnitError as error:
        raise reader.error(f"the column {name[:40]!r} ends with a unit that is not known: {own[:40]!r}") from error
    if not fits:
        raise reader.error(f"the column {name[:40]!r} has a unit that does not fit {reader.unit or 'a number'!r}")
    return True


def _read_rows(text: TextIO, reader: _Reader, thinner: Thinner) -> None:
    """Read blocks of whole lines, the quick way where a block is clean and line by line where not."""
    rest = ""
    while block := text.read(_BLOCK):
        block = rest + block
        cut = block.rfind("\n") + 1
        if cut == 0 and len(block) >= _BLOCK:
            raise reader.error("the line does not end; write one row a line", reader.line + 1)
        _take(block[:cut], reader, thinner)
        rest = block[cut:]
    _take(rest, reader, thinner)


def _take(block: str, reader: _Reader, thinner: Thinner) -> None:
    if not block.strip():
        reader.line += block.count("\n")
        return
    rows = None if "#" in block else _quick(block, reader)
    if rows is None:
        rows = _careful(block, reader)
    else:
        reader.line += block.count("\n")
    if len(rows):
        position = next(i for i, name in enumerate(reader.columns) if name in TIME_COLUMNS)
        time, value = rows[:, position], rows[:, 1 - position]
        reader.last = float(time[-1])
        thinner.add(time, value)


def _quick(block: str, reader: _Reader) -> Array | None:
    """Parse a clean block, shape (rows, 2); None when anything is wrong with it."""
    try:
        rows = np.loadtxt(io.StringIO(block), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    position = next(i for i, name in enumerate(reader.columns) if name in TIME_COLUMNS)
    if rows.shape[1] != 2 or not np.isfinite(rows).all():
        return None
    time = rows[:, position]
    ordered = time[0] >= max(reader.last, 0.0) and bool((np.diff(time) >= 0).all())
    return rows if ordered else None


def _careful(block: str, reader: _Reader) -> Array:
    """Parse line by line, shape (rows, 2); raise `DataError` at the first line that is wrong."""
    rows = []
    last = reader.last
    for line in block.splitlines():
        reader.line += 1
        bare, _, comment = line.partition("#")
        if comment:
            _keep_comment(comment, reader)
        if bare.strip():
            row = _row(bare, reader)
            last = _check_time(row, last, reader)
            rows.append(row)
    return np.array(rows, dtype=float).reshape(-1, 2)


def _row(line: str, reader: _Reader) -> list[float]:
    if "\0" in line:
        raise reader.error("not text; export the measurements as CSV in UTF-8")
    fields = [part.strip() for part in line.split(",")]
    if len(fields) != len(reader.columns):
        hint = "; write numbers with a decimal point, not a comma" if len(fields) == 4 else ""
        raise reader.error(f"{len(fields)} values where the header names {len(reader.columns)} columns{hint}")
    numbers = []
    for name, part in zip(reader.columns, fields, strict=True):
        number = _number(part)
        if number is None:
            shown = f"{part[:40]!r} is not a number" if part else "a value is missing"
            raise reader.error(f"{shown} in the column {name}; write a number or remove the row")
        if not np.isfinite(number):
            raise reader.error(f"{part!r} in the column {name} is not finite; remove the row")
        numbers.append(number)
    return numbers


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _check_time(row: list[float], last: float, reader: _Reader) -> float:
    time = next(x for x, name in zip(row, reader.columns, strict=True) if name in TIME_COLUMNS)
    if time < 0:
        raise reader.error(f"the time {time:g} is negative; count time from the start of the tracer input")
    if time < last:
        raise reader.error(f"the time goes back from {last:.10g} to {time:.10g}; sort the rows")
    return time


def _measurement(path: Path, reader: _Reader, thinner: Thinner, points: int, sha256: str) -> Measurement:
    column = next(name for name in reader.columns if name in TIME_COLUMNS)
    blocks: Blocks = thinner.result(points)
    thinned = thinner.rows > points
    notes = []
    if thinned:
        notes.append(
            f"{thinner.rows} rows were thinned to {len(blocks.time)} points, each the mean of its rows, "
            "closer together where the curve is steep."
        )
    elif len(blocks.time) < thinner.rows:
        notes.append(f"{thinner.rows - len(blocks.time)} rows repeat the time before them and were averaged.")
    own = reader.column.removeprefix(reader.value).removeprefix("_") or reader.unit
    # A conversion is a straight line, also where its zero is elsewhere, so two points tell it.
    zero = units.convert(0.0, own, reader.unit)
    values = zero + (units.convert(1.0, own, reader.unit) - zero) * blocks.value
    low, high = float(values.min()), float(values.max())
    if reader.value == VALUE_COLUMN and (high > 2.0 or low < -0.5):
        notes.append(f"Values from {low:.3g} to {high:.3g} are not C/C0, which goes from 0 to 1.")
    return Measurement(
        path=str(path),
        time=blocks.time * TIME_COLUMNS[column],
        value=values,
        count=blocks.count,
        unit="pv" if column == "time_pv" else "s",
        column_unit=column.removeprefix("time_"),
        rows=thinner.rows,
        thinned=thinned,
        comments=tuple(reader.comments),
        notes=tuple(notes),
        sha256=sha256,
    )
