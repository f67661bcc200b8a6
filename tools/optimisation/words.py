"""Limits and precisions as people write them: "velocity=1..5 cm/h", "duration<=8 h", "input=step,pulse", "5 %"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from physics import units
from physics.errors import ParameterError

_LIMIT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<=|>=|=|≤|≥|<|>)\s*(.+?)\s*$", re.DOTALL)
_SIGNS = {"≤": "<=", "≥": ">=", "<": "<=", ">": ">="}


@dataclass(frozen=True)
class Words:
    """One limit: a name and its two ends in words, or the options that it leaves."""

    name: str
    lower: str | None = None
    upper: str | None = None
    options: tuple[str, ...] = ()


def read_limit(text: str) -> Words:
    """Split `NAME=A..B`, `NAME<=B`, `NAME>=A` or `NAME=A,B,...`.

    Raises:
        ParameterError: it is none of these; the message says how to write one.
    """
    match = _LIMIT.match(text)
    if match is None:
        raise ParameterError(f"--limit {text!r} is not a limit; write 'velocity=1 cm/h..5 cm/h' or 'duration<=8 h'")
    name, sign, rest = match[1], _SIGNS.get(match[2], match[2]), match[3]
    if sign == "<=":
        return Words(name, upper=rest)
    if sign == ">=":
        return Words(name, lower=rest)
    if ".." in rest:
        low, _, high = rest.partition("..")
        if not low.strip() or not high.strip():
            raise ParameterError(f"--limit {text!r} has one end only; write '{name}<=B' or '{name}>=A'")
        return Words(name, _with_unit(low.strip(), high.strip()), high.strip())
    return Words(name, options=tuple(part.strip() for part in rest.split(",") if part.strip()))


def _with_unit(low: str, high: str) -> str:
    """Give the lower end the unit of the upper one where it has none: "1..5 cm/h"."""
    return f"{low} {units.parse(high)[1]}".strip() if units.parse(low)[1] == "" else low


def read_precision(name: str, text: str) -> float:
    """Read `5 %`, `5%`, `5 percent` or `0.05` as a relative half-width.

    Raises:
        ParameterError: no number above zero, or one of 1 and more without a percent sign.
    """
    value, unit = units.parse(text)
    try:
        share = units.convert(value, unit, "")
    except units.UnitError as error:
        raise ParameterError(f"--target {name}={text}: a precision is relative; write for example {name}=5%") from error
    if not 0 < share < math.inf:
        raise ParameterError(f"--target {name}={text}: the precision must be above zero")
    if unit == "" and share >= 1:
        raise ParameterError(f"--target {name}={text}: that is {100 * share:g} %; write {name}={value:g}% if so meant")
    return share
