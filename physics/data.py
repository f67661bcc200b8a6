"""Measured curves from CSV files: read, checked line by line, thinned when they are long.

A file has `#` comments, a header and two columns (`physics.columns`), for example `time_h,relative_concentration`.
A row without a number where one should stand (an empty cell, `nan`, `NA`, a dash) is left out, and the notes name it.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from physics.columns import TIME_COLUMNS, VALUE_COLUMN, Columns, number, read_columns
from physics.errors import DataError
from physics.notes import gaps_told, lines_told, repeats_told
from physics.thinning import Blocks, Thinner

Array = NDArray[np.float64]

NOT_RELATIVE = "are not C/C0, which goes from 0 to 1"
_BLOCK = 1 << 24  # characters read at once
_COMMENTS_KEPT = 200
_GAPS = {"", "na", "n/a", "nan", "none", "null", "-", "--"}  # what loggers and people write for no reading


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
        left_out: rows that hold no number.
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
    left_out: int
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
    columns: Columns = field(default_factory=Columns)
    comments: list[str] = field(default_factory=list)
    line: int = 0
    last: float = -np.inf
    gaps: list[int] = field(default_factory=list)  # the lines that hold no number
    widest: tuple[float, float] = (0.0, 0.0)  # the largest difference between values of one time, and that time

    def error(self, what: str, line: int | None = None) -> DataError:
        return DataError(f"{self.name}, line {self.line if line is None else line}: {what}")


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
    if thinner.rows == 0 and reader.gaps:
        raise DataError(f"{reader.name}: no row holds two numbers ({lines_told(reader.gaps)}); export it again")
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
            try:
                reader.columns = read_columns(bare, reader.value, reader.unit)
            except DataError as error:
                raise reader.error(str(error)) from error
            return
    raise DataError(f"{reader.name}: no header; begin with 'time_h,{reader.value}'")


def _keep_comment(line: str, reader: _Reader) -> None:
    if len(reader.comments) < _COMMENTS_KEPT:
        reader.comments.append(line.lstrip("#").strip()[:2000])


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
        position = reader.columns.position
        time, value = rows[:, position], rows[:, 1 - position]
        reader.last = float(time[-1])
        _compare_repeats(time, value, reader)
        thinner.add(time, value)


def _compare_repeats(time: Array, value: Array, reader: _Reader) -> None:
    """Keep the largest difference between neighbouring rows of one time."""
    same = np.flatnonzero(np.diff(time) == 0)
    if len(same):
        apart = np.abs(np.diff(value)[same])
        most = int(apart.argmax())
        reader.widest = max(reader.widest, (float(apart[most]), float(time[same[most]])))


def _quick(block: str, reader: _Reader) -> Array | None:
    """Parse a clean block, shape (rows, 2); None when anything is wrong with it."""
    try:
        rows = np.loadtxt(io.StringIO(block), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    if rows.shape[1] != 2 or not np.isfinite(rows).all():
        return None
    time = rows[:, reader.columns.position]
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
        row = _row(bare, reader) if bare.strip() else None
        if row is not None:
            last = _check_time(row, last, reader)
            rows.append(row)
    return np.array(rows, dtype=float).reshape(-1, 2)


def _row(line: str, reader: _Reader) -> list[float] | None:
    """Read a row of two numbers; None, and its line kept, where one of them is missing."""
    if "\0" in line:
        raise reader.error("not text; export the measurements as CSV in UTF-8")
    fields = [part.strip() for part in line.split(",")]
    if len(fields) != len(reader.columns.names):
        hint = "; write numbers with a decimal point, not a comma" if len(fields) == 4 else ""
        raise reader.error(f"{len(fields)} values where the header names {len(reader.columns.names)} columns{hint}")
    if any(part.lower() in _GAPS for part in fields):
        reader.gaps.append(reader.line)
        return None
    numbers = []
    for name, part in zip(reader.columns.names, fields, strict=True):
        found = number(part)
        if found is None:
            raise reader.error(f"{part[:40]!r} is not a number in the column {name}; write a number or leave it empty")
        if not np.isfinite(found):
            raise reader.error(f"{part!r} in the column {name} is not finite; remove the row")
        numbers.append(found)
    return numbers


def _check_time(row: list[float], last: float, reader: _Reader) -> float:
    time = row[reader.columns.position]
    if time < 0:
        raise reader.error(f"the time {time:g} is negative; count time from the start of the input or the pulse")
    if time < last:
        raise reader.error(f"the time goes back from {last:.10g} to {time:.10g}; sort the rows")
    return time


def _measurement(path: Path, reader: _Reader, thinner: Thinner, points: int, sha256: str) -> Measurement:
    column = reader.columns.time
    blocks: Blocks = thinner.result(points)
    thinned = thinner.rows > points
    notes = gaps_told(reader.gaps)
    if thinned:
        notes.append(
            f"{thinner.rows} rows were thinned to {len(blocks.time)} points, each the mean of its rows, "
            "closer together where the curve is steep."
        )
    elif len(blocks.time) < thinner.rows:
        notes.append(repeats_told(thinner.rows - len(blocks.time), *reader.widest, column))
    values = reader.columns.zero + reader.columns.slope * blocks.value
    low, high = float(values.min()), float(values.max())
    if reader.value == VALUE_COLUMN and (high > 2.0 or low < -0.5):
        notes.append(
            f"Values from {low:.3g} to {high:.3g} {NOT_RELATIVE}: "
            f"call the column {VALUE_COLUMN}_percent if they are percent, else divide by the signal of the feed."
        )
    return Measurement(
        path=str(path),
        time=blocks.time * TIME_COLUMNS[column],
        value=values,
        count=blocks.count,
        unit="pv" if column == "time_pv" else "s",
        column_unit=column.removeprefix("time_"),
        rows=thinner.rows,
        left_out=len(reader.gaps),
        thinned=thinned,
        comments=tuple(reader.comments),
        notes=tuple(notes),
        sha256=sha256,
    )
