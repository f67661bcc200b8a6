"""What the plans of all experiments share: limits read from the request, and numbers rounded as a bench sets them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from physics import units
from physics.errors import ParameterError
from physics.experiment import Experiment
from tools.records import Check, Fact, Source

HOUR = 3600.0
SHORT = 3 * HOUR  # below which a duration is told in minutes
BRIEF = 180.0  # and below which it is told in seconds


def bounds_on(bounds: Sequence[Mapping[str, Any]], name: str, unit: str) -> tuple[float, float]:
    """Return the tightest lower and upper limit on `name`, in `unit`.

    Raises:
        ParameterError: they exclude each other.
    """
    lower, upper = -math.inf, math.inf
    for bound in bounds:
        if bound["name"] != name:
            continue
        if bound["lower"] is not None:
            lower = max(lower, units.convert(bound["lower"], bound["unit"], unit))
        if bound["upper"] is not None:
            upper = min(upper, units.convert(bound["upper"], bound["unit"], unit))
    if lower > upper:
        raise ParameterError(
            f"the limits on {name} exclude each other: at least {lower:g} and at most {upper:g} {unit}"
        )
    return lower, upper


def number(settings: Mapping[str, str], name: str, unit: str) -> float:
    """Return a setting in `unit`.

    Raises:
        ParameterError: it is missing.
        UnitError: it has another dimension.
    """
    if name not in settings:
        raise ParameterError(f"{name.replace('_', ' ')} is missing; give it a value with its unit")
    return units.convert(*units.parse(settings[name]), unit)


def duration(seconds: float) -> tuple[float, str]:
    """Return a duration in the unit that people would say it in."""
    if seconds < BRIEF:
        return seconds, "s"
    return (seconds / 60, "min") if seconds < SHORT else (seconds / HOUR, "h")


def digits(value: float, count: int = 3) -> float:
    """Round to the digits that a derived quantity carries when its inputs have two or three."""
    return round(value, count - 1 - math.floor(math.log10(abs(value)))) if value else value


def upwards(value: float, count: int = 2) -> float:
    """Round up: a precision is never promised better than it was computed, nor a wait made shorter."""
    step = 10.0 ** (math.floor(math.log10(value)) - count + 1)
    return round(math.ceil(value / step - 1e-9) * step, 12)


def downwards(value: float, count: int = 2) -> float:
    """Round down, as a limit or a step that must not be exceeded."""
    step = 10.0 ** (math.floor(math.log10(value)) - count + 1)
    return round(math.floor(value / step + 1e-9) * step, 12)


class Facts:
    """Facts of one design, entered one by one."""

    def __init__(self, run: str | None, inputs: Mapping[str, Any]) -> None:
        self._source = Source(tool="design", run=run, inputs=dict(inputs))
        self.found: list[Fact] = []

    def enter(self, key: str, name: str, value: float, unit: str, **more: float | None) -> None:
        """Enter one number with its unit; `lower`, `upper`, `level` and `numerical_error` where it has them."""
        self.found.append(Fact(id=key, name=name, value=value, unit=unit, source=self._source, **more))

    def span(self, key: str, name: str, seconds: float) -> None:
        """Enter a duration, rounded up to two digits, in the unit that people would say it in."""
        value, unit = duration(seconds)
        self.enter(key, name, upwards(value), unit)

    def by_id(self) -> dict[str, Fact]:
        """Return them by id."""
        return {fact.id: fact for fact in self.found}


def limit_checks(experiment: Experiment, settings: Mapping[str, Any]) -> list[Check]:
    """Hold settings (SI, complete) against the limits within which the experiment's model stands for the bench."""
    checks = []
    for limit in experiment.limits:
        value = float(limit.value(settings))
        low = limit.lower is not None and value < limit.lower
        high = limit.upper is not None and value > limit.upper
        checks.append(
            Check(
                name=f"{experiment.name}: {limit.name.replace('_', ' ')}",
                kind="constraint",
                status="fail" if low or high or math.isnan(value) else "pass",
                value=value if math.isfinite(value) else None,
                limit=limit.lower if limit.upper is None or low else limit.upper,
                bound="at least" if limit.upper is None or low else "at most",
                unit=limit.unit,
                detail=limit.meaning,
            )
        )
    return checks
