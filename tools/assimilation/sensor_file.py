"""Read what sensors at fixed places recorded: a long CSV file, one reading a row, in any order.

    time,x,z,temperature
    0.005,0.25,0.125,0.873

`#` comments may stand anywhere. A column may name a unit after its name (`time_s`, `x_mm`, `temperature_degC`); a bare
name counts in the units of the experiment's numbers.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from physics.columns import number
from physics.errors import DataError
from physics.notes import gaps_told, lines_told

_MOST_ROWS = 200_000
_GAPS = {"", "na", "n/a", "nan", "none", "null", "-", "--"}
_DIGITS = 9  # of times and places that count as the same


@dataclass(frozen=True)
class SensorFile:
    """The readings by time and place.

    Attributes:
        times: rising, shape (reads,), and `units` the unit of each column by its bare name, "" for none.
        places: shape (sensors, 2), in the order in which they first stand in the file.
        values: shape (reads, sensors), NaN where nothing was read.
        notes: what was left out, a sentence each.
        comments: the comment lines without their `#`.
    """

    path: Path
    times: np.ndarray
    places: np.ndarray
    values: np.ndarray
    units: dict[str, str]
    notes: tuple[str, ...]
    comments: tuple[str, ...]


def read_sensor_file(path: Path, axes: Sequence[str], value: str) -> SensorFile:
    """Read the columns time, both `axes` and `value`.

    Raises:
        DataError: one line with the file, the line number where there is one, and how to mend it.
    """
    path = Path(path)
    wanted = ("time", *axes, value)
    columns: dict[str, int] = {}
    units: dict[str, str] = {}
    comments: list[str] = []
    gaps: list[int] = []
    found: dict[tuple[float, tuple[float, ...]], tuple[float, int]] = {}
    for line, bare in enumerate(_lines(path), 1):
        if bare.startswith("#"):
            comments.append(bare.lstrip("# ").strip())
            continue
        cells = [cell.strip() for cell in next(csv.reader([bare]), [])]
        if not any(cells):
            continue
        if not columns:
            columns, units = _header(path, line, cells, wanted)
            continue
        if line > _MOST_ROWS:
            raise DataError(f"{path.name}: more than {_MOST_ROWS} lines; thin the readings to a few for each sensor")
        if len(cells) < len(wanted):
            raise DataError(f"{path.name}, line {line}: {len(cells)} values where {len(wanted)} columns stand")
        row = [_number(path, line, name, cells[columns[name]]) for name in wanted]
        if any(math.isnan(part) for part in row):
            gaps.append(line)
            continue
        time, *place, reading = row
        key = (_rounded(time), tuple(_rounded(part) for part in place))
        if key in found:
            where = ", ".join(f"{axis} = {part:g}" for axis, part in zip(axes, place, strict=True))
            raise DataError(
                f"{path.name}, line {line}: time {time:g} at {where} stands in line {found[key][1]} already; keep one"
            )
        found[key] = (reading, line)
    if not columns:
        raise DataError(f"{path.name}: no header; write '{','.join(wanted)}' and one reading a row")
    if not found:
        told = f" ({lines_told(gaps)})" if gaps else ""
        raise DataError(f"{path.name}: no row holds {len(wanted)} numbers{told}; one reading a row below the header")
    return _gathered(path, found, units, tuple(gaps_told(gaps)), tuple(comments))


def _lines(path: Path) -> list[str]:
    if path.is_dir():
        raise DataError(f"{path}: is a directory; name a CSV file")
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not a text file; export the readings as CSV in UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if "\0" in text:
        raise DataError(f"{path.name}: not a text file; export the readings as CSV in UTF-8")
    return text.splitlines()


def _header(
    path: Path, line: int, cells: Sequence[str], wanted: Sequence[str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Return where each wanted column stands and the unit that its name ends with."""
    told = f"write '{','.join(wanted)}'"
    if all(number(cell) is not None for cell in cells):
        raise DataError(f"{path.name}, line {line}: numbers stand where the header should; {told}")
    columns: dict[str, int] = {}
    units: dict[str, str] = {}
    for place, cell in enumerate(cells):
        name = next((name for name in wanted if cell.lower() == name or cell.lower().startswith(f"{name}_")), None)
        if name is None:
            continue
        if name in columns:
            raise DataError(f"{path.name}, line {line}: two columns {name}; keep one")
        columns[name], units[name] = place, cell[len(name) + 1 :]
    lacking = [name for name in wanted if name not in columns]
    if lacking:
        raise DataError(f"{path.name}, line {line}: no column {' and no column '.join(lacking)}; {told}")
    return columns, units


def _number(path: Path, line: int, name: str, text: str) -> float:
    if text.lower() in _GAPS:
        return math.nan
    value = number(text)
    if value is None or math.isinf(value):
        raise DataError(f"{path.name}, line {line}: {name} is {text[:40]!r}, which is not a number")
    return value


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _gathered(
    path: Path,
    found: dict[tuple[float, tuple[float, ...]], tuple[float, int]],
    units: dict[str, str],
    notes: tuple[str, ...],
    comments: tuple[str, ...],
) -> SensorFile:
    times = sorted({time for time, _ in found})
    places = list(dict.fromkeys(place for _, place in found))
    if len(times) * len(places) > 4 * len(found) + 100:
        raise DataError(
            f"{path.name}: {len(found)} readings at {len(times)} times and {len(places)} places, most of them once; "
            "sensors stand at fixed places and are read at common times"
        )
    row, column = ({key: k for k, key in enumerate(keys)} for keys in (times, places))
    values = np.full((len(times), len(places)), np.nan)
    for (time, place), (reading, _) in found.items():
        values[row[time], column[place]] = reading
    return SensorFile(path, np.array(times), np.array(places), values, units, notes, comments)
