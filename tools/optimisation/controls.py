"""Limits on settings, which may then be chosen, and on what follows from settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from physics import units
from physics.design.habits import conditions_of
from physics.design.study import Bound, Control, Options, Range
from physics.errors import ParameterError
from physics.experiment import Choice, Experiment, Parameter
from tools.optimisation.run_limits import RUN
from tools.optimisation.words import Words


def controls_of(
    declared: Experiment, words: Sequence[Words], fixed: dict[str, Any], spoken: dict[str, str]
) -> tuple[list[Bound], dict[str, Control]]:
    """Limits on settings become controls, those on what follows from settings become bounds."""
    bounds: list[Bound] = []
    controls: dict[str, Control] = {}
    validity = {limit.name: limit for limit in declared.limits}
    names = {item.name for item in declared.parameters} | {item.name for item in declared.choices}
    merged: dict[str, Words] = {}
    for word in words:
        old = merged.get(word.name, Words(word.name))
        merged[word.name] = Words(
            word.name, word.lower or old.lower, word.upper or old.upper, word.options or old.options
        )
    for name, word in merged.items():
        if name in names:
            controls[name] = _control(declared, word, fixed, spoken)
            continue
        if name not in validity:
            known = ", ".join([*RUN, *sorted(names), *validity])
            raise ParameterError(f"--limit {name}: there is no such limit; choose from {known}")
        limit = validity[name]
        low, high = (_value(end, limit.unit) for end in (word.lower, word.upper))
        if low is None and high is None:
            raise ParameterError(f"--limit {name} takes an end; write '{name}<=VALUE' or '{name}>=VALUE'")
        bounds.append(
            Bound(
                name,
                limit.value,
                -math.inf if low is None else low,
                math.inf if high is None else high,
                limit.unit,
            )
        )
    return bounds, controls


def _value(text: str | None, unit: str) -> float | None:
    if text is None:
        return None
    value, own = units.parse(text)
    return units.convert(value, own, unit)


def _control(declared: Experiment, word: Words, fixed: dict[str, Any], spoken: dict[str, str]) -> Control:
    item = declared.parameter(word.name)
    only = conditions_of(declared.name).get(word.name)
    if isinstance(item, Choice):
        if not word.options:
            raise ParameterError(f"--limit {word.name} is a choice; write {word.name}={','.join(item.options)}")
        fixed.pop(word.name, None)
        return Options(tuple(item.read(option) for option in word.options), only)
    if word.options:
        values = tuple(item.read(option) for option in word.options)
        spoken.setdefault(word.name, units.parse(word.options[0])[1])
        fixed.pop(word.name, None)
        return Options(values, only)
    text = word.upper or word.lower or ""
    unit = units.parse(text)[1]
    spoken[word.name] = unit or spoken.get(word.name, "")
    scale = units.convert(1.0, unit, item.unit) - units.convert(0.0, unit, item.unit)
    low = item.read(word.lower) if word.lower else _open_end(item, fixed, word, lower=True)
    high = item.read(word.upper) if word.upper else _open_end(item, fixed, word, lower=False)
    if low > high:
        raise ParameterError(f"--limit {word.name}: the lower end, {word.lower}, is above the upper one, {word.upper}")
    return Range(float(low), float(high), abs(scale) or 1.0, word.name in ("rolls", "spots", "seed", "cells"), only)


def _open_end(item: Parameter, fixed: Mapping[str, Any], word: Words, *, lower: bool) -> float:
    """The end that was not named: the parameter's own where it is of use, else a tenth or tenfold of the other."""
    named = item.read(word.upper if lower else word.lower)  # type: ignore[arg-type]
    if lower:
        return item.lower if item.lower > 0 and item.lower >= named / 100 else named / 10
    return min(item.upper, named * 10 if named > 0 else 1.0)


def control_words(control: Control, time: str) -> str:
    """Say from what a setting is chosen; a range is one of times."""
    if isinstance(control, Options):
        return f"among {', '.join(str(item) for item in control.values)}"
    low, high = (units.convert(end, "s", time) if time else end for end in (control.lower, control.upper))
    return f"from {low:.3g} to {high:.3g} {time}".rstrip()
