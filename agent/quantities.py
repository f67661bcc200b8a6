"""The quantities in a person's words: code finds number and unit, so that no model ever types one.

"30 cm", "0.5 to 10 mL/min", "within 5 %", "one working day". Units are read by the registry of the solvers.
"""

import re
from dataclasses import dataclass
from typing import Literal

from tools.quantities import UnitError, parse

Kind = Literal["value", "range", "at_most", "at_least", "precision"]
WORKING_DAY_HOURS = 8.0


@dataclass(frozen=True)
class Span:
    """A quantity at characters `start` to `end` of a text, as written there and as read.

    `value` is the number written (the upper end of a range); `lower` and `upper` are set for a range or a
    bound. `assumption` says what was read into the words, where something was.
    """

    start: int
    end: int
    text: str
    value: float
    unit: str
    kind: Kind = "value"
    lower: float | None = None
    upper: float | None = None
    assumption: str = ""


_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
    r"(?:\s*[x×]\s*10\^?[-⁻−]?[\d⁰¹²³⁴⁵⁶⁷⁸⁹]+|[eE][-+]?\d+)?"
)
_POWER = r"(?:\s?(?:\*\*|\^)\s?-?\d|[⁻]?[²³¹]|-[12]\b|[23](?![\d.]))?"
_NAME = r"(?:%|°C|[µμ]?[A-Za-z]+|percent)"
_UNDER = rf"/\s?\(\s?{_NAME}{_POWER}(?:\s?[·*\s]\s?{_NAME}{_POWER})*\s?\)"  # "/(kg K)"
_UNIT = (
    rf"{_NAME}{_POWER}(?:\s?(?:{_UNDER}|(?:/|·|\*|per\s)\s?{_NAME}{_POWER}))*"
    r"(?:(?<=/kg)\sK\b|(?<=/g)\sK\b|(?:\s[A-Za-z]+-[12]\b)*)"
)
_JOIN = r"(?:to|-|–|—|and|up to|\.\.)"
_RANGE = re.compile(
    rf"(?P<a>{_NUMBER})\s*(?P<ua>{_UNIT})?\s*{_JOIN}\s*(?P<b>{_NUMBER})\s*(?P<ub>{_UNIT})?",
)
_PLAIN = re.compile(rf"(?P<a>{_NUMBER})\s*-?\s*(?P<ua>{_UNIT})?")
_FRACTION = re.compile(
    rf"(?:(?P<whole>\d+)[ -])?(?P<above>\d{{1,2}})\s?[/⁄]\s?(?P<below>[1-9]\d?)(?P<gap>\s?-?\s?)(?P<ua>\"|{_UNIT})"
)
# "in" is an inch only where a word for a length or a stop follows.
_INCHES = re.compile(
    rf"(?P<a>{_NUMBER})(?:\s?\"|\s?-?\s?in(?:\.(?=\s+[a-z])|(?=[ -](?:thick|deep|wide|long|tall|high)\b)))"
)
_SIGN = re.compile(r"(?<![\w.])[-−]\s?$")
_GLUED = re.compile(r"[\w.{]$")

_WORDS = {
    **{"a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0},
    **{"seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "twelve": 12.0, "twenty": 20.0, "thirty": 30.0},
    **{"sixty": 60.0, "half": 0.5, "half a": 0.5, "half an": 0.5, "a half": 0.5, "one and a half": 1.5},
    **{"a quarter of an": 0.25, "a couple of": 2.0, "this": 1.0, "the": 1.0},
}
_SPELLED = re.compile(
    r"\b(?P<n>" + "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)) + r")[ -]"
    r"(?P<u>working[ -]days?|days?|hours?|minutes?|weeks?|shifts?|percent|per cent"
    r"|(?:centi|milli)?met(?:er|re)s?)\b",
    re.IGNORECASE,
)
_NUMERIC_WORKING_DAY = re.compile(rf"(?P<a>{_NUMBER})[ -](?P<u>working[ -]days?|shifts?)\b", re.IGNORECASE)
_ABOUT = r"(?:about |around |roughly )?$"
_AT_MOST = re.compile(
    r"(?:at most|(?:no|not) (?:more|longer) than|(?<!not )(?<!no )(?:less|shorter|smaller) than|below|under|up to"
    rf"|max(?:imum)?(?: of)?|within|<=?|≤|not exceed(?:ing)?|cannot exceed|limited to"
    # "must not rise by more than"
    r"|(?:\b(?:not|never|cannot)|n't)\b[^.,;]{0,30}\b(?:(?:more|longer|greater|higher) than|above|over|exceed))"
    rf"\s*{_ABOUT}",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(
    r"(?:at least|(?:no|not) less than|(?:more|longer|greater) than|above|over|min(?:imum)?(?: of)?|>=?|≥)"
    rf"\s*{_ABOUT}",
    re.IGNORECASE,
)
_PRECISION = re.compile(
    r"(?:within|to|for|±|\+/?-|plus or minus|better than|(?:accurate|precise) to"
    r"|(?:precision|accuracy) of|(?:error|uncertainty) (?:of|below|under))"
    r"\s*(?:about |around |±\s*)?$",
    re.IGNORECASE,
)
_AFTER_PRECISION = re.compile(
    r"^\s*(?:precision|accuracy|uncertainty|or better|relative (?:error|precision))", re.IGNORECASE
)
# "in" bounds a time ("in one working day"), never a length ("5 cm in diameter" has the number before it).
_IN = re.compile(r"\bin\s*(?:about |around )?$", re.IGNORECASE)
_TIME_UNITS = frozenset({"h", "hour", "hours", "min", "minute", "minutes", "s", "day", "days", "week", "weeks"})
# Letters that the registry would read as a unit but that follow a number as plain words in English.
_NOT_UNITS = frozenset(
    {
        "in",
        "a",
        "at",
        "as",
        "are",
        "is",
        "to",
        "and",
        "or",
        "times",
        "per",
        "point",
        "points",
        "x",
        "with",
        "samples",
    }
    | {"shot", "shots", "sample", "runs", "run", "of", "for", "by", "on", "if", "c", "the", "deep", "pulse"}
)
_UNIT_WORDS = {
    **{"percent": "%", "per cent": "%", "hrs": "h", "hr": "h", "mins": "min", "d": "day", "secs": "s"},
    **{"sec": "s", "pv": "", "pvs": "", "ml": "mL", "ul": "uL", "l": "L"},
}


def find_quantities(text: str) -> list[Span]:
    """Return the quantities in `text`, in order and without overlap.

    A number glued to a word ("H2O", "Pe20") or inside a reference is not a quantity. A word after a number
    that is not a unit leaves the number dimensionless.
    """
    taken: list[Span] = []
    for finder in (_working_days, _spelled, _fractions, _inches, _ranges, _plain):
        for span in finder(text):
            if not any(span.start < other.end and other.start < span.end for other in taken):
                taken.append(span)
    return sorted(taken, key=lambda span: span.start)


def _working_days(text: str) -> list[Span]:
    """Find "2 working days"."""
    return [_of_time(text, m, _number(m["a"]), m["u"]) for m in _NUMERIC_WORKING_DAY.finditer(text) if _free(text, m)]


def _spelled(text: str) -> list[Span]:
    """Find quantities whose number is a word: "half an hour", "one working day"."""
    found = []
    for match in _SPELLED.finditer(text):
        word, unit = match["n"].lower(), match["u"].lower()
        if word in {"a", "an", "the", "this"} and not re.match(r"(?:working|day|hour|minute|week|shift)", unit):
            continue
        if word in {"the", "this"} and not unit.startswith(("working", "shift")):
            continue
        found.append(_of_time(text, match, _WORDS[word], unit))
    return found


def _of_time(text: str, match: re.Match[str], number: float, unit: str) -> Span:
    """Make a span; a working day is eight hours, and that is said."""
    name = unit.lower().replace("-", " ")
    if name.startswith(("working day", "shift")):
        hours = number * WORKING_DAY_HOURS
        note = f"a working day is taken as {WORKING_DAY_HOURS:g} h"
        return _bounded(text, match.start(), match.end(), hours, "h", note)
    return _bounded(text, match.start(), match.end(), number, _known_unit(name) or "", "")


def _fractions(text: str) -> list[Span]:
    """Find "1/8 inch", "1 1/2 inches", '1/4"': a fraction counts only with a unit behind it."""
    found = []
    for match in _FRACTION.finditer(text):
        unit, end = ("inch", match.end()) if match["ua"] == '"' else _longest_unit(text, match)
        if not unit or not _free(text, match) or text[end : end + 1].isalpha():
            continue
        value = int(match["whole"] or 0) + int(match["above"]) / int(match["below"])
        found.append(_bounded(text, match.start(), end, value, unit, ""))
    return found


def _inches(text: str) -> list[Span]:
    """Find "0.1 in. thick" and '0.5"'."""
    return [
        _bounded(text, m.start(), m.end(), _number(m["a"]), "inch", "")
        for m in _INCHES.finditer(text)
        if _free(text, m)
    ]


def _ranges(text: str) -> list[Span]:
    """Find "0.5 to 10 mL/min", "between 1 and 3 h", "20-30 cm"."""
    found = []
    for match in _RANGE.finditer(text):
        if not _free(text, match):
            continue
        first, second = _known_unit(match["ua"]), _known_unit(match["ub"])
        joined_by_and = " and " in text[match.end("a") : match.start("b")]
        if joined_by_and and not re.search(r"between\s*$", text[: match.start()], re.IGNORECASE):
            continue
        if first and second and first != second:
            continue
        end = match.end("ub") if match["ub"] and second is not None else match.end("b")
        lower, upper = _number(match["a"]), _number(match["b"])
        if lower >= upper:
            continue
        unit = second or first or ""
        written = text[match.start() : end]
        found.append(Span(match.start(), end, written, upper, unit, "range", lower, upper))
    return found


def _plain(text: str) -> list[Span]:
    """Find a number with or without a unit."""
    found = []
    for match in _PLAIN.finditer(text):
        if not _free(text, match):
            continue
        unit, end = _longest_unit(text, match)
        if unit is None:
            unit, end = "", match.end("a")
        if text[end : end + 1].isalpha():
            continue
        if match["ua"] in ("C", "C/C") and re.match(r"[\d/_(]", text[end : end + 1]):
            unit, end = "", match.end("a")  # the C of C/C0
        value = _number(match["a"])
        start = match.start()
        if sign := _SIGN.search(text[:start]):
            value, start = -value, sign.start()
        found.append(_bounded(text, start, end, value, unit, ""))
    return found


def _longest_unit(text: str, match: re.Match[str]) -> tuple[str | None, int]:
    """Return the longest beginning of the matched words that is a unit, and where it ends."""
    written = match["ua"]
    while written:
        unit = _known_unit(written)
        if unit is not None:
            return unit, match.start("ua") + len(written)
        shorter = re.sub(r"(?:\s?(?:/|·|\*|per\s)\s?|\s)[^\s/·*]+$", "", written)
        if shorter == written:
            break
        written = shorter
    return None, match.end("a")


def _known_unit(written: str | None) -> str | None:
    """Return the unit in the registry's spelling, or None if these words are not a unit."""
    if not written:
        return None
    name = written.strip().replace("−", "-")
    if name == "C":
        return "degC"
    if name.lower() in _NOT_UNITS:
        return None
    name = _UNIT_WORDS.get(name, _UNIT_WORDS.get(name.lower(), name) if name.islower() else name)
    if name in {"", "%"}:
        return name
    spelled = re.sub(r"\s?per\s", "/", name)
    spelled = re.sub(r"\s([A-Za-z]+)-([12])\b", r"/\1**\2", spelled).replace("**1", "")
    # "J/kgK" and "J/kg K" mean J/(kg K).
    spelled = re.sub(r"/\s?(kg|g)\s?K\b", r"/\1/K", spelled)
    spelled = re.sub(r"\(\s?([^()]*?)\s?\)", lambda match: "(" + re.sub(r"[·\s]+", "*", match[1]) + ")", spelled)
    spelled = re.sub(r"\bml\b", "mL", spelled)
    spelled = re.sub(r"\bmM\b", "mmol/L", spelled)
    try:
        return parse(f"1 {spelled}")[1]
    except UnitError:
        return None


def _bounded(text: str, start: int, end: int, value: float, unit: str, note: str) -> Span:
    """Make a span whose kind follows from the words around it."""
    before, after = text[max(0, start - 40) : start], text[end : end + 30]
    written = text[start:end]
    if unit == "%" and (_PRECISION.search(before) or _AFTER_PRECISION.match(after)):
        return Span(start, end, written, value, unit, "precision", None, value, note)
    if _IN.search(before):
        if unit in _TIME_UNITS:
            return Span(start, end, written, value, unit, "at_most", None, value, note)
    elif _AT_MOST.search(before):
        return Span(start, end, written, value, unit, "at_most", None, value, note)
    elif _AT_LEAST.search(before):
        return Span(start, end, written, value, unit, "at_least", value, None, note)
    return Span(start, end, written, value, unit, "value", None, None, note)


def _free(text: str, match: re.Match[str]) -> bool:
    """Say whether the number stands by itself: not glued to a word, a decimal or an open reference."""
    return _GLUED.search(text[: match.start()]) is None


def _number(written: str) -> float:
    """Read a number as people write it: 1,000 and 0,38 and 1.5x10^-3."""
    plain = written.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")).replace(" ", "")
    if power := re.fullmatch(r"(.+?)[x×]10\^?(-?\d+)", plain):
        return _number(power[1]) * 10.0 ** int(power[2])
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) and not plain.startswith("0"):
        return float(plain.replace(",", ""))
    return float(plain.replace(",", "."))
