"""In which unit a fitted parameter is shown."""

from __future__ import annotations

from collections.abc import Mapping

from physics import units
from physics.calibrate.problem import NEUTRAL
from physics.experiment import Experiment, Parameter
from tools.read_data import DataFile


def shown_unit(declared: Experiment, file: DataFile, name: str, si: str, settings: Mapping[str, str]) -> str:
    """Return the user's own unit of a parameter, else one built from those of a length and of the file's times.

    Where neither fits it is the one in which the parameter is shown as a rule.
    """
    measured = file.measured
    time = measured.column_unit if measured.unit == "s" else "h"
    if name in NEUTRAL:
        return {"drift": f"{si.removesuffix('/s')}/{time}", "delay": time}.get(name, si)
    if name in settings:
        return units.parse(settings[name].split(",")[0])[1]
    if name in file.given:
        return units.parse(file.given[name])[1]
    lengths = [units.parse(text)[1] for key, text in file.given.items() if _is_length(declared, key)]
    length = lengths[0] if lengths else "cm"
    per = "s" if time in ("ms", "us") else time  # people write mm**2/s, however fast the curve
    for candidate in (f"{length}/{per}", f"{length}**2/{per}", f"1/{per}", time, length):
        if units.compatible(candidate, si):
            return candidate
    parameter = declared.parameter(name)
    return (parameter.display if isinstance(parameter, Parameter) else "") or si


def factor(unit: str, si: str) -> float | None:
    """Return one of a unit in SI; None where its zero is another, so that no factor does."""
    return units.convert(1.0, unit, si) if units.convert(0.0, unit, si) == 0 else None


def _is_length(declared: Experiment, name: str) -> bool:
    item = declared.parameter(name)
    return isinstance(item, Parameter) and not item.many and item.unit == "m"
