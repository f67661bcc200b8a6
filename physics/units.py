"""One unit registry; SI inside, the user's units at the edge.

A quantity is written as a number and a unit, `"2.5 cm/h"` or `"0.15 cm**2/h"`; a bare number is dimensionless.
Text is parsed by pint's expression parser, which evaluates arithmetic on units and nothing else.
"""

import math
import re
from functools import cache

import pint

from physics.errors import UnitError

_REGISTRY: pint.UnitRegistry = pint.UnitRegistry(cache_folder=None)
_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"^\s*({_NUMBER})\s*(.*?)\s*$")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@cache
def unit(text: str) -> pint.Unit:
    """Return the unit that `text` names (`""` and `"1"` are dimensionless; `"%"` is percent).

    Raises:
        UnitError: `text` is not a unit known to the registry.
    """
    cleaned = _ascii_unit(text)
    try:
        return _REGISTRY.Unit(cleaned)
    except Exception as error:  # pint raises half a dozen unrelated types on malformed text
        raise UnitError(f"unknown unit {text!r}; write for example 'cm/h', 'mL/min' or 'cm**2/h'") from error


def _ascii_unit(text: str) -> str:
    """Spell a unit the way the registry does: cm² -> cm**2, · -> *, µ -> u, % -> percent."""
    spelled = re.sub(r"([A-Za-z])([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", lambda m: f"{m[1]}**{m[2].translate(_SUPERSCRIPTS)}", text.strip())
    spelled = re.sub(r"\b([A-Za-z]+)([23])\b", r"\1**\2", spelled)
    spelled = spelled.replace("·", "*").replace("^", "**").replace("%", "percent")
    spelled = spelled.replace("µ", "u").replace("μ", "u").replace("°C", "degC")
    return "" if spelled == "1" else spelled


def parse(text: str | float) -> tuple[float, str]:
    """Split `"2.5 cm/h"` into `(2.5, "cm/h")`; a bare number gives `(number, "")`.

    Raises:
        UnitError: no finite number stands first, or the unit is unknown.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        value, name = float(text), ""
    else:
        match = _QUANTITY.match(str(text))
        if match is None:
            raise UnitError(f"{text!r} is not a quantity; write a number and a unit, for example '2.5 cm/h'")
        value, name = float(match[1].replace(",", ".")), match[2]
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not finite")
    unit(name)
    return value, name


def convert(value: float, source: str, target: str) -> float:
    """Convert `value` from the unit `source` to the unit `target`.

    Raises:
        UnitError: the dimensions differ, and both are named in the message.
    """
    try:
        return float(_REGISTRY.Quantity(value, unit(source)).to(unit(target)).magnitude)
    except pint.DimensionalityError as error:
        raise UnitError(
            f"'{source or 'dimensionless'}' does not fit '{target or 'dimensionless'}': "
            f"{error.dim1 or 'dimensionless'} against {error.dim2 or 'dimensionless'}".replace("  ", " ")
        ) from error


def compatible(source: str, target: str) -> bool:
    """Say whether two units have the same dimension."""
    return unit(source).dimensionality == unit(target).dimensionality
