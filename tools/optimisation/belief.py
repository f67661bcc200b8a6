"""What is believed before a run: values that were set, middles of ranges, priors; or what a calibration left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from physics import units
from physics.design.belief import Belief, from_prior
from physics.design.candidate import Unknown
from physics.design.habits import estimated_of
from physics.design.study import Control, Options, Range, Target
from physics.errors import ParameterError
from physics.experiment import Experiment, Parameter, Role
from tools.optimisation.words import read_precision

SPREAD, PUMP = 0.3, 0.05  # log-standard deviation of a value that was set, and of a velocity that is set by a pump
REPEATED = 0.02  # log-standard deviation of a velocity that is set once more
WIDEST = 1.5  # of a prior that is averaged over


def believed(
    declared: Experiment,
    fixed: Mapping[str, Any],
    controls: Mapping[str, Control],
    target: Target,
    spreads: Mapping[str, str],
    notes: list[str],
) -> Belief:
    """What is estimated, each with its median and spread: what was set, the middle of a range, or the prior."""
    names = dict.fromkeys([*target.precision, *estimated_of(declared.name)])
    if declared.name not in ("column", "flash", "convection", "gray_scott"):
        names |= dict.fromkeys(p.name for p in declared.parameters if p.role is Role.UNKNOWN and p.name in fixed)
    unknown: dict[str, Unknown] = {}
    for name in names:
        item = declared.parameter(name)
        if not isinstance(item, Parameter):
            raise ParameterError(f"--target {name}: it is a choice, not a number")
        if item.role is not Role.UNKNOWN:
            known = ", ".join(p.name for p in declared.parameters if p.role is Role.UNKNOWN)
            raise ParameterError(f"--target {name}: it is set, not found; choose from {known}")
        control = controls.get(name)
        spread = read_precision(name, spreads[name]) if _nonzero(spreads.get(name)) else None
        if name in spreads and spread is None:
            continue
        driven = isinstance(control, Range) or (name == "velocity" and ("flow" in fixed or "flow" in controls))
        if isinstance(control, Range):
            value, own = math.sqrt(control.lower * control.upper), PUMP
        elif driven:
            value, own = _velocity(declared, fixed, controls), PUMP
        elif name in fixed and fixed[name] > 0:
            value, own = float(fixed[name]), PUMP if name == "velocity" else SPREAD
        elif name == "velocity":
            raise ParameterError(
                "velocity is missing; set it, --set velocity='2.5 cm/h', or let it be chosen, "
                "--limit velocity='1..5 cm/h'"
            )
        elif item.prior is not None:
            value, own = item.prior[0], min(item.prior[1], WIDEST)
            span = f"{value:.3g} {item.unit}".strip() + f" within a factor of {math.exp(own):.2g}"
            notes.append(f"no value was set for {name}; {span} is assumed.")
        elif item.default:
            value, own = item.default, SPREAD
        else:
            raise ParameterError(f"{name} needs a value to design for; set it, for example --set {name}=...")
        if driven and name in fixed:
            value = float(fixed[name])
        unknown[name] = Unknown(value, spread or own)
    for name in spreads:
        if name not in names:
            raise ParameterError(f"--spread {name} is not estimated here; choose from {', '.join(names)}")
    lost = [name for name in target.precision if name not in unknown]
    if lost:
        raise ParameterError(f"--spread {lost[0]}=0 says that it is known, and --target asks for it; leave one out")
    return from_prior(unknown)


def again(known: Belief, spreads: Mapping[str, str], notes: list[str]) -> Belief:
    """What a calibration left, with what differs from run to run: a pump's velocity, or what the user says."""
    more = {name: read_precision(name, text) for name, text in spreads.items() if _nonzero(text)}
    for name in more:
        if name not in known.names:
            raise ParameterError(
                f"--spread {name} is not known from the calibration; choose from {', '.join(known.names)}"
            )
    if "velocity" in known.names and "velocity" not in spreads:
        more["velocity"] = REPEATED
        notes.append(f"a pump is assumed to return to a velocity within {100 * REPEATED:g} % (standard deviation).")
    return known.loosened(more)


def carried(
    declared: Experiment,
    fixed: Mapping[str, Any],
    controls: Mapping[str, Control],
    belief: Belief,
    spoken: Mapping[str, str],
) -> list[str]:
    """Say at which velocity a dispersion is believed, where the velocity is chosen."""
    if not {"velocity", "dispersion"} <= set(belief.names) or not {"velocity", "flow"} & set(controls):
        return []
    told = []
    for name in ("dispersion", "velocity"):
        item = declared.parameter(name)
        unit = spoken.get(name) or item.unit  # type: ignore[union-attr]
        told.append(f"{units.convert(belief.median[name], item.unit, unit):.4g} {unit}")  # type: ignore[union-attr]
    return [f"dispersion is taken to go with the velocity: {told[0]} at {told[1]}."]


def _nonzero(text: str | None) -> bool:
    return text is not None and units.parse(text)[0] != 0


def _velocity(declared: Experiment, fixed: Mapping[str, Any], controls: Mapping[str, Control]) -> float:
    """The pore-water velocity at the flow that is set, or at the middle of its range."""
    control = controls.get("flow")
    flow = math.sqrt(control.lower * control.upper) if isinstance(control, Range) else fixed.get("flow")
    if isinstance(control, Options):
        flow = control.values[0]
    lacking = [name for name in ("diameter", "porosity") if name not in fixed]
    if lacking or flow is None:
        raise ParameterError(f"flow needs {' and '.join(lacking)} to give a velocity; set it")
    return float(flow / (fixed["porosity"] * math.pi * fixed["diameter"] ** 2 / 4))
