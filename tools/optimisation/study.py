"""From settings, limits and targets in words to a `Study` in SI, and what had to be assumed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from physics import units
from physics.design.belief import Belief
from physics.design.habits import column_volume, free_of, material_of, transfer_of
from physics.design.information import Noise
from physics.design.study import Control, Options, Study, Target
from physics.errors import ParameterError
from physics.experiment import Experiment, Parameter
from tools.optimisation.belief import again, believed, carried
from tools.optimisation.controls import control_words, controls_of
from tools.optimisation.past import Past
from tools.optimisation.run_limits import RUN, read_limits, refuse_repeats, run_limits, time_unit
from tools.optimisation.words import Words, read_precision

NOISE = 0.01


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
    refuse_repeats(words)
    time = time_unit(declared, run, settings)
    limit = run_limits(declared, run, fixed, time, notes)
    bounds, controls = controls_of(declared, [word for word in words if word.name not in RUN], fixed, spoken)
    for name, control in free_of(declared.name, fixed, controls, limit.duration).items():
        controls[name] = control
        notes.append(f"{name} was left open and is chosen {control_words(control, time)}.")
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


def _is_number(declared: Experiment, name: str) -> bool:
    return isinstance(declared.parameter(name), Parameter)


def _duration(declared: Experiment, run: Mapping[str, Words]) -> float:
    word = run.get("duration")
    if word is None or word.upper is None:
        default = declared.parameter("duration")
        value = default.default if isinstance(default, Parameter) else None
        if value is None:
            raise ParameterError("how long a run may last is missing; add for example --limit 'duration<=0.5'")
        return value
    return float(declared.parameter("duration").read(word.upper))  # type: ignore[arg-type]


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
