"""A quantity over time that a person measured or prescribes: the shape of a pulse, the concentration of a feed."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from physics.errors import DataError

TIME_UNITS = {"time_us": 1e-6, "time_ms": 1e-3, "time_s": 1.0, "time_min": 60.0, "time_h": 3600.0, "time_d": 86400.0}
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Series:
    """Values at rising times (seconds), straight lines between them."""

    time: tuple[float, ...]
    value: tuple[float, ...]


def read_series(path: str | Path) -> Series:
    """Read a CSV file with `#` comments and a header of two columns: a time with its unit (`time_ms`), a value.

    Raises:
        DataError: one line with the file, the line and how to mend it.
    """
    name = Path(path).name
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: it cannot be read as text ({type(error).__name__}); give a CSV file") from error
    rows = [(n, row) for n, row in enumerate(csv.reader(lines), start=1) if row and not row[0].lstrip().startswith("#")]
    if not rows or len(rows[0][1]) != 2 or rows[0][1][0].strip() not in TIME_UNITS:
        raise DataError(f"{name}: the header must name a time column ({', '.join(TIME_UNITS)}) and one value column")
    factor = TIME_UNITS[rows[0][1][0].strip()]
    if not 2 <= len(rows) - 1 <= MOST_ROWS:
        raise DataError(f"{name}: it holds {len(rows) - 1} rows of numbers; give 2 to {MOST_ROWS}")
    times: list[float] = []
    values: list[float] = []
    for line, row in rows[1:]:
        try:
            time, value = (float(cell) for cell in row)
        except ValueError as error:
            raise DataError(f"{name}, line {line}: {','.join(row)!r} is not two numbers") from error
        if not (math.isfinite(time) and math.isfinite(value)):
            raise DataError(f"{name}, line {line}: {','.join(row)!r} is not finite")
        if times and time * factor <= times[-1]:
            raise DataError(f"{name}, line {line}: the time does not rise; sort the rows and drop doubles")
        times.append(time * factor)
        values.append(value)
    return Series(tuple(times), tuple(values))
