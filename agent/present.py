"""From references to what people read: numbers rounded honestly, quotations verbatim, every place recorded.

A text under construction holds no number of its own: `{flow}` stands for the fact `flow`, `{"a}` for the
quotation of citation `a` and `{@a}` for where it stands. `render` replaces them and notes where each came to be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from agent.state import Reference, Shown
from tools.records import Citation, Fact

REFERENCE = re.compile(r"\{([\"@]?)([A-Za-z][A-Za-z0-9_.]*)\}")
_UNIT_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SIGNIFICANT = 4


def unit_text(unit: str) -> str:
    """Spell a unit for readers: `cm**2/h` -> `cm²/h`."""
    spelled = re.sub(r"\*\*(-?\d+)", lambda match: match[1].translate(_UNIT_POWERS), unit)
    spelled = re.sub(r"\bu(?=[msgLJ]\b)", "µ", spelled)
    return spelled.replace("*", "·").replace("percent", "%").replace("degC", "°C").replace("dimensionless", "")


def decimals(value: float, lower: float | None, upper: float | None) -> int:
    """Return the decimal place to round to: two digits of the interval's half-width, else four of the value."""
    half_width = (upper - lower) / 2 if lower is not None and upper is not None else 0.0
    if half_width > 0:
        return 1 - math.floor(math.log10(half_width))
    return SIGNIFICANT - 1 - math.floor(math.log10(abs(value))) if value else 0


def number_text(value: float, lower: float | None = None, upper: float | None = None) -> str:
    """Round `value` to what its interval supports (half to even) and write it without an exponent."""
    if value == int(value) and lower is None and abs(value) < 1e15:
        return str(int(value))
    place = decimals(value, lower, upper)
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-place), ROUND_HALF_EVEN) + 0  # no minus before zero
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text and lower is None else text


def fact_text(fact: Fact) -> str:
    """Write a fact as people read it, for example `2.45 cm/h`."""
    unit = unit_text(fact.unit)
    number = number_text(fact.value, fact.lower, fact.upper)
    return f"{number} {unit}" if unit else number


def bound_text(fact: Fact, bound: float) -> str:
    """Write one end of a fact's interval to the same decimal place as the fact."""
    place = max(decimals(fact.value, fact.lower, fact.upper), 0)
    return format(Decimal(repr(bound)).quantize(Decimal(1).scaleb(-place), ROUND_HALF_EVEN), "f")


def citation_label(citation: Citation) -> str:
    """Say where a citation stands, for example `packing-and-saturation, Why air matters`."""
    return f"{citation.document}, {citation.section}"


def render(text: str, facts: Mapping[str, Fact], citations: Mapping[str, Citation]) -> Shown:
    """Replace each reference by what it stands for and record where that is.

    `{name}` gives the number with its unit, `{name.lower}` and `{name.upper}` the ends of its interval.

    Raises:
        KeyError: a reference to nothing in the ledger.
    """
    out: list[str] = []
    references: list[Reference] = []
    position = length = 0
    for match in REFERENCE.finditer(text):
        between = text[position : match.start()]
        replacement = _replacement(match[1], match[2], facts, citations)
        start = length + len(between)
        length = start + len(replacement)
        references.append(Reference(id=match[1] + match[2], start=start, end=length))
        out += [between, replacement]
        position = match.end()
    out.append(text[position:])
    return Shown(text="".join(out), references=tuple(references))


def _replacement(mark: str, key: str, facts: Mapping[str, Fact], citations: Mapping[str, Citation]) -> str:
    if mark == '"':
        return f"“{citations[key].quote}”"
    if mark == "@":
        return citation_label(citations[key])
    if key in facts:
        return fact_text(facts[key])
    name, _, end = key.rpartition(".")
    bound = {"lower": facts[name].lower, "upper": facts[name].upper}[end]
    if bound is None:
        raise KeyError(key)
    return bound_text(facts[name], bound)
