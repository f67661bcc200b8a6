"""Limits on the run itself: how long it may last, how many samples, how far apart, from when on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from physics import units
from physics.design.candidate import Limits
from physics.design.raster import raster_of
from physics.errors import ParameterError
from physics.experiment import Experiment
from tools.optimisation.words import Words, one_end, read_limit

RUN = {"duration": "<=", "samples": "<=", "interval": ">=", "first": ">=", "material": "<="}
_APART = 4  # least intervals of as many samples as allowed in one run, where no interval is named
SAMPLES = {"flash": 200}  # 20 where nothing else is said


def read_limits(limits: Sequence[str]) -> list[Words]:
    """Read limits; one on the run has one end, also where it is written "duration=8 h"."""
    words = [read_limit(text) for text in limits]
    return [one_end(word, RUN[word.name]) if word.name in RUN else word for word in words]


def refuse_repeats(words: Sequence[Words]) -> None:
    """Raise `ParameterError` where one end of a limit is given twice."""
    seen: set[tuple[str, bool, bool]] = set()
    for word in words:
        ends = (word.name, word.lower is not None, word.upper is not None)
        if ends in seen:
            raise ParameterError(f"--limit {word.name} is given twice")
        seen.add(ends)


def time_unit(declared: Experiment, run: Mapping[str, Words], settings: Mapping[str, str]) -> str:
    """Return the unit in which the user speaks of times, or that of the experiment."""
    for name in ("duration", "interval", "first"):
        text = run[name].upper or run[name].lower if name in run else None
        if text and units.parse(text)[1]:
            return units.parse(text)[1]
    for name in ("velocity", "flow", "duration"):
        unit = units.parse(settings[name])[1].split("/")[-1].strip() if name in settings else ""
        if unit and units.compatible(unit, "s"):
            return unit
    return {"column": "h", "flash": "s"}.get(declared.name, "")


def _seconds(text: str, what: str, time: str) -> float:
    """Read a time; a bare number has the unit of the others, or none where the experiment counts without one."""
    value, unit = units.parse(text)
    if unit == "" and time:
        if value == 0:
            return 0.0
        raise ParameterError(f"--limit {what}: {text} has no unit of time; write for example '{value:g} {time}'")
    try:
        return units.convert(value, unit, "s") if unit else value
    except units.UnitError as error:
        raise ParameterError(f"--limit {what}: {error}") from error


def run_limits(
    declared: Experiment, run: Mapping[str, Words], fixed: Mapping[str, Any], time: str, notes: list[str]
) -> Limits:
    """Return the limits on the run in SI; what nobody named is assumed, and noted.

    Raises:
        ParameterError: a limit has the wrong end, unit or number.
    """

    def end(name: str, upper: bool) -> str | None:
        word = run.get(name)
        if word is None:
            return None
        if word.options or (word.lower if upper else word.upper) not in (None, word.upper if upper else word.lower):
            kind = "<=" if upper else ">="
            if word.options or (word.upper if upper else word.lower) is None:
                raise ParameterError(f"--limit {name} takes one end; write '{name}{kind}VALUE'")
        return word.upper if upper else word.lower

    longest, count = end("duration", True), end("samples", True)
    interval, first = end("interval", False), end("first", False)
    samples = SAMPLES.get(declared.name, 20)
    if count is not None:
        value, unit = units.parse(count)
        if unit or value != int(value) or value < 1:
            raise ParameterError(f"--limit samples<={count}: write a whole number of at least one")
        samples = int(value)
    else:
        notes.append(f"no number of samples was named; {samples} are assumed.")
    duration = math.inf
    if longest is not None:
        duration = _seconds(longest, "duration", time)
    elif "duration" in fixed:
        duration = float(fixed["duration"])
    apart = _seconds(interval, "interval", time) if interval else 0.0
    if interval is None and math.isfinite(duration):
        apart = raster_of(duration, Limits(duration, samples), _APART * samples)
        shown = units.convert(apart, "s", time) if time else apart
        notes.append(f"no least interval was named; {shown:.3g} {time}".rstrip() + " is assumed.")
    return Limits(
        duration,
        samples,
        apart,
        _seconds(first, "first", time) if first else 0.0,
    )
