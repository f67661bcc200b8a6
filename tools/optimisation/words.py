"""Limits and precisions as people write them: "velocity=1..5 cm/h", "duration<=8 h", "input=step,pulse", "5 %"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from physics import units
from physics.errors import ParameterError

_LIMIT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(<=|>=|=|≤|≥|<|>)\s*(.+?)\s*$", re.DOTALL)
_SIGNS = {"≤": "<=", "≥": ">=", "<": "<=", ">": ">="}
_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_SPAN = re.compile(rf"^\s*({_NUMBER}[^,]*?)\s*(?:\.\.+|…|–|—|-|\bto\b)\s*({_NUMBER}.*)$", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """One limit: a name and its two ends in words, or the options that it leaves."""

    name: str
    lower: str | None = None
    upper: str | None = None
    options: tuple[str, ...] = ()


def read_limit(text: str) -> Words:
    """Split `NAME=A..B` (also `A-B` and `A to B`), `NAME<=B`, `NAME>=A` or `NAME=A,B,...`.

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
    if rest.startswith("..") or rest.endswith(".."):
        raise ParameterError(f"--limit {text!r} has one end only; write '{name}<=B' or '{name}>=A'")
    span = _SPAN.match(rest)
    if span is not None and not _is_quantity(rest):
        low, high = span[1].strip(), span[2].strip()
        return Words(name, _with_unit(low, high), high)
    parts = [part.strip() for part in rest.split(",") if part.strip()]
    return Words(name, options=tuple(_with_unit(part, parts[-1]) for part in parts))


def one_end(word: Words, kind: str) -> Words:
    """Read `NAME=B` of a limit that has one end only, "<=" or ">=", as that end."""
    if len(word.options) != 1:
        return word
    end = word.options[0]
    return Words(word.name, upper=end) if kind == "<=" else Words(word.name, lower=end)


def _is_quantity(text: str) -> bool:
    """Say whether it is one number with its unit, such as 1e-5: a minus sign in it then spans nothing."""
    try:
        units.parse(text)
    except units.UnitError:
        return False
    return True


def _with_unit(low: str, high: str) -> str:
    """Give a number without a unit that of the last one: "1..5 cm/h", "1, 2, 5 cm/h"; words stay as they are."""
    try:
        return f"{low} {units.parse(high)[1]}".strip() if units.parse(low)[1] == "" else low
    except units.UnitError:
        return low


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
