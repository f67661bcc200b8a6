"""What the columns of a measurement file mean: a time with its unit, and the values of an experiment's curve.

A time column names its unit (`time_s`, `time_ms`, `time_us`, `time_min`, `time_h`, `time_d`, or `time_pv` for pore
volumes); the values are called as the curve is and may name a unit of their own (`rear_temperature`,
`rear_temperature_degC`).
"""

from __future__ import annotations

from dataclasses import dataclass

from physics import units
from physics.errors import DataError, UnitError
from physics.experiment import Observable

TIME_COLUMNS = {
    "time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6, "time_min": 60.0, "time_h": 3600.0, "time_d": 86400.0,
    "time_pv": 1.0,
}  # fmt: skip
VALUE_COLUMN = "relative_concentration"
_CALLED = {"concentration": VALUE_COLUMN}  # curves that files call by another name


def value_column(curve: Observable) -> str:
    """Return what the column of a file is called that holds this curve."""
    return _CALLED.get(curve.name, curve.name)


def number(text: str) -> float | None:
    """Return the number that `text` is, None if it is none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Columns:
    """The header of a file: its names in their order, where the time stands, and how values are turned.

    Values in the unit that is wanted are `zero + slope * value`.
    """

    names: tuple[str, ...] = ()
    position: int = 0  # of the time
    zero: float = 0.0
    slope: float = 1.0

    @property
    def time(self) -> str:
        """The name of the time column."""
        return self.names[self.position]


def read_columns(header: str, value: str, unit: str) -> Columns:
    """Read a header of two names: one known time column and the values, in either order.

    Args:
        header: the line.
        value: what the column of values is called.
        unit: the unit that the values are wanted in, and are in unless the column's name ends with another.

    Raises:
        DataError: what is wrong with the header, and what to write.
    """
    names = [name.strip().strip('"').strip() for name in header.split(",")]
    names = [name.lower() if name.lower() in {*TIME_COLUMNS, value} else name for name in names]
    wanted = f"write 'time_h,{value}' (or time_min, time_s, time_ms, time_d, time_pv)"
    if len(names) == 1 and any(mark in header for mark in ";\t|"):
        raise DataError("the columns are not separated by commas; save as CSV with ','")
    if all(number(name) is not None for name in names):
        raise DataError(f"numbers stand where the header should; {wanted}")
    own = {name: _unit_of(name, value, unit) for name in names if name not in TIME_COLUMNS}
    for name, found in own.items():
        if found is None:
            raise DataError(f"unknown column {name[:40]!r}; {wanted}")
    times = [name for name in names if name in TIME_COLUMNS]
    if len(times) > 1:
        raise DataError(f"{len(times)} time columns ({', '.join(times)}); keep one")
    if not times:
        raise DataError(f"no time column; {wanted}")
    if len(names) != 2:
        raise DataError(f"{'no' if len(names) == 1 else 'more than one'} column {value}; {wanted}")
    source = next(iter(own.values())) or ""
    # A conversion is a straight line, also where its zero is elsewhere, so two points tell it.
    zero = units.convert(0.0, source, unit)
    return Columns(tuple(names), names.index(times[0]), zero, units.convert(1.0, source, unit) - zero)


def _unit_of(name: str, value: str, unit: str) -> str | None:
    """Return the unit of a column of values: what is wanted, or what its name ends with; None for another column."""
    if name == value:
        return unit
    if not name.startswith(f"{value}_"):
        return None
    own = name.removeprefix(f"{value}_")
    try:
        fits = units.compatible(own, unit)
    except UnitError as error:
        raise DataError(f"the column {name[:40]!r} ends with a unit that is not known: {own[:40]!r}") from error
    if not fits:
        raise DataError(f"the column {name[:40]!r} has a unit that does not fit {unit or 'a number'!r}")
    return own
