"""From settings, limits and targets in words to a `Study` in SI, and what had to be assumed on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from physics import units
from physics.design.belief import Belief
from physics.design.candidate import Limits
from physics.design.habits import column_volume, conditions_of, free_of, material_of, transfer_of
from physics.design.information import Noise
from physics.design.raster import raster_of
from physics.design.study import Bound, Control, Options, Range, Study, Target
from physics.errors import ParameterError
from physics.experiment import Choice, Experiment, Parameter
from tools.optimisation.belief import again, believed, carried
from tools.optimisation.past import Past
from tools.optimisation.words import Words, one_end, read_limit, read_precision

RUN = {"duration": "<=", "samples": "<=", "interval": ">=", "first": ">=", "material": "<="}
NOISE = 0.01
_APART = 4  # least intervals of as many samples as allowed in one run, where no interval is named
SAMPLES = {"flash": 200}  # 20 where nothing else is said


@dataclass(frozen=True)
class Asked:
    """A study and how to speak of it.

    Attributes:
        units: of settings, by name, as the user writes them; time: the unit of times; material: that of material.
        notes: assumptions, a sentence each; spaced: whether the least interval was named, not assumed.
    """

    study: Study
    units: Mapping[str, str]
    time: str
    material: str
    notes: tuple[str, ...]
    spaced: bool = True


def read_study(
    declared: Experiment,
    settings: Mapping[str, str],
    limits: Sequence[str],
    targets: Mapping[str, str],
    *,
    noise: str | None = None,
    spreads: Mapping[str, str] | None = None,
    level: float = 0.9,
    known: Belief | None = None,
    past: Past | None = None,
    even: bool = False,
) -> Asked:
    """Read everything and check that it fits together.

    Args:
        limits: see `tools.optimisation.words`; on the run (duration, samples, interval, first, material), on a
            setting, or on a limit of validity of the experiment, for example peclet.
        targets: relative precision by name; `information` alone asks for the most information instead.
        spreads: relative uncertainty of what was set, zero where it is certain.
        known: what is known already, in place of priors; past: all that a calibration left.

    Raises:
        InputError: with what is wrong and how to mend it.
    """
    words = read_limits(limits)
    notes: list[str] = []
    if past is not None:
        known, noise = past.belief, _noise_then(declared, past, noise, notes)
        notes += past.notes
    spoken = {name: units.parse(text)[1] for name, text in settings.items() if _is_number(declared, name)}
    fixed = {name: declared.parameter(name).read(text) for name, text in settings.items()}
    run = {word.name: word for word in words if word.name in RUN}
    _twice(words)
    time = _time_unit(declared, run, settings)
    limit = _run_limits(declared, run, fixed, time, notes)
    bounds, controls = _others(declared, [word for word in words if word.name not in RUN], fixed, spoken)
    for name, control in free_of(declared.name, fixed, controls, limit.duration).items():
        controls[name] = control
        notes.append(f"{name} was left open and is chosen {_told(control, time)}.")
    target = _target(targets, level)
    if past is not None:
        spoken = {**past.units, **spoken}
    if known is not None:
        for name in known.names:
            if name in fixed and name not in controls:
                controls[name] = _once_more(name, fixed)
        known = again(known, spreads or {}, notes)
    belief = known or believed(declared, fixed, controls, target, spreads or {}, notes)
    if transfer_of(declared.name) is not None:
        notes += carried(declared, fixed, controls, belief, spoken)
    material, unit = _material(declared, fixed, controls, run)
    if "duration" in {item.name for item in declared.parameters} and "duration" not in fixed:
        fixed["duration"] = _duration(declared, run)
    study = Study(
        declared,
        fixed,
        controls,
        belief,
        _noise(declared, noise, fixed, notes),
        limit,
        target,
        tuple(bounds),
        material,
        transfer_of(declared.name),
        nuisance=past.nuisance if past and past.nuisance else ("baseline",) if declared.name == "flash" else (),
        spacing="even" if even else "free",
    )
    return Asked(study, spoken, time, unit, tuple(notes), "interval" in run)


def _noise_then(declared: Experiment, past: Past, noise: str | None, notes: list[str]) -> str | None:
    if noise is not None or past.noise is None:
        return noise
    unit = "of the feed" if declared.name == "column" else "of the curve's unit"
    notes.append(f"a reading errs by {float(past.noise):.2g} {unit}, as the calibration found.")
    return past.noise


def _once_more(name: str, fixed: dict[str, Any]) -> Options:
    """A velocity that is set for the next run is chosen; anything else that was found cannot be set."""
    if name != "velocity":
        raise ParameterError(f"--set {name}: the calibration found it; leave it out, or leave the calibration out")
    return Options((fixed.pop(name),))


def read_limits(limits: Sequence[str]) -> list[Words]:
    """Read limits; one on the run has one end, also where it is written "duration=8 h"."""
    words = [read_limit(text) for text in limits]
    return [one_end(word, RUN[word.name]) if word.name in RUN else word for word in words]


def _twice(words: Sequence[Words]) -> None:
    seen: set[tuple[str, bool, bool]] = set()
    for word in words:
        ends = (word.name, word.lower is not None, word.upper is not None)
        if ends in seen:
            raise ParameterError(f"--limit {word.name} is given twice")
        seen.add(ends)


def _is_number(declared: Experiment, name: str) -> bool:
    return isinstance(declared.parameter(name), Parameter)


def _time_unit(declared: Experiment, run: Mapping[str, Words], settings: Mapping[str, str]) -> str:
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


def _duration(declared: Experiment, run: Mapping[str, Words]) -> float:
    word = run.get("duration")
    if word is None or word.upper is None:
        default = declared.parameter("duration")
        value = default.default if isinstance(default, Parameter) else None
        if value is None:
            raise ParameterError("how long a run may last is missing; add for example --limit 'duration<=0.5'")
        return value
    return float(declared.parameter("duration").read(word.upper))  # type: ignore[arg-type]


def _run_limits(
    declared: Experiment, run: Mapping[str, Words], fixed: Mapping[str, Any], time: str, notes: list[str]
) -> Limits:
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


def _others(
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


def _target(targets: Mapping[str, str], level: float) -> Target:
    if not targets:
        raise ParameterError("no target; write for example --target dispersion=5%")
    if set(targets) == {"information"}:
        return Target({}, "information", level=level)
    return Target({name: read_precision(name, text) for name, text in targets.items()}, level=level)


def _material(
    declared: Experiment, fixed: Mapping[str, Any], controls: Mapping[str, Control], run: Mapping[str, Words]
) -> tuple[Any, str]:
    found = material_of(declared.name)
    if found is None:
        if "material" in run:
            raise ParameterError(f"--limit material: nothing is counted as used up by {declared.name}")
        return None, ""
    material, unit = found
    if declared.name == "flash" and "pulse_energy" not in {*fixed, *controls}:
        if "material" in run:
            raise ParameterError("--limit material: it is the energy of the pulse; set pulse_energy, or give its range")
        return None, ""
    if declared.name == "column" and {"diameter", "porosity"} <= set(fixed):
        return column_volume, "m**3"
    return material, unit


def limited_material(asked: Asked, run: Sequence[str]) -> Asked:
    """Add the limit on material, whose unit is known only with the study."""
    words = [word for word in read_limits(run) if word.name == "material"]
    if not words:
        return asked
    if words[0].upper is None:
        raise ParameterError("--limit material takes one end; write for example 'material<=200 mL'")
    value, unit = units.parse(words[0].upper)
    try:
        most = units.convert(value, unit, asked.material)
    except units.UnitError as error:
        lacking = "; for a volume set diameter and porosity too" if asked.study.experiment.name == "column" else ""
        raise ParameterError(f"--limit material<={words[0].upper}: {error}{lacking}") from error
    study = replace(asked.study, limits=replace(asked.study.limits, material=most))
    return replace(asked, study=study, units={**asked.units, "material": unit})


def _noise(declared: Experiment, text: str | None, fixed: Mapping[str, Any], notes: list[str]) -> Noise:
    """Standard deviation of one reading, in the unit of the curve or as a share of one."""
    if text is None:
        notes.append(f"no reading error was named; {NOISE:g} of the curve's unit is assumed.")
        return Noise(NOISE)
    value, unit = units.parse(text)
    shown = "" if declared.curve.unit in ("", "1") else declared.curve.unit
    if unit == "" or units.compatible(unit, ""):
        return Noise(units.convert(value, unit, ""))
    return Noise(units.convert(value, unit, shown) - units.convert(0.0, unit, shown))


def _told(control: Control, time: str) -> str:
    if isinstance(control, Options):
        return f"among {', '.join(str(item) for item in control.values)}"
    low, high = (units.convert(end, "s", time) if time else end for end in (control.lower, control.upper))
    return f"from {low:.3g} to {high:.3g} {time}".rstrip()
