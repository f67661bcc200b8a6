"""What can be planned, and whether given settings can be run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physics import experiments
from physics.columns import value_column
from physics.errors import InputError
from physics.experiment import Experiment
from tools.errors import Retry


def add_folder(path: Path) -> None:
    """Look for experiments in the files of a folder too; `Retry` says why it cannot be done."""
    try:
        experiments.add_folder(path)
    except InputError as error:
        raise Retry(str(error)) from error


def find(name: str) -> Experiment:
    """Return the experiment called `name`; `Retry` names those that exist."""
    try:
        return experiments.get(name)
    except InputError as error:
        raise Retry(str(error)) from error


def names() -> list[str]:
    """Return the names of all experiments; `Retry` says which file declares none."""
    try:
        return [experiment.name for experiment in experiments.all_experiments()]
    except InputError as error:
        raise Retry(str(error)) from error


def validate(name: str, settings: Mapping[str, str]) -> str | None:
    """Return why `settings` cannot be run as experiment `name`: a name, a dimension or a range; None if they can."""
    try:
        find(name).read(settings)
    except (InputError, Retry) as error:
        return str(error)
    return None


def check_setting(name: str, setting: str, text: str) -> str | None:
    """Return why `text` cannot be the value of one setting of experiment `name`; None if it can, or is no setting."""
    experiment = find(name)
    try:
        experiment.parameter(setting)
    except InputError:
        return None
    try:
        experiment.parameter(setting).read(text)
    except InputError as error:
        return str(error)
    return None


def describe(name: str) -> dict[str, Any]:
    """Describe an experiment: parameters with units and ranges, choices, observables, balances, limits and laws."""
    experiment = find(name)
    return {
        "name": experiment.name,
        "title": experiment.title,
        "meaning": experiment.meaning,
        "parameters": [
            {
                "name": item.name,
                "unit": item.unit,
                "display": item.display or item.unit,
                "role": item.role.value,
                "lower": item.lower,
                "exclusive_lower": item.exclusive_lower,
                "upper": item.upper,
                "default": item.default,
                "meaning": item.meaning,
            }
            for item in experiment.parameters
        ],
        "choices": [
            {
                "name": item.name,
                "options": [*item.options, *(["FILE.csv"] if item.series else [])],
                "default": item.default,
                "role": item.role.value,
                "meaning": item.meaning,
            }
            for item in experiment.choices
        ],
        "observables": [
            {"name": item.name, "unit": item.unit, "kind": item.kind, "meaning": item.meaning}
            for item in experiment.observables
        ],
        "balances": list(experiment.balances),
        "limits": [
            {
                "name": item.name,
                "meaning": item.meaning,
                "unit": item.unit,
                "lower": item.lower,
                "upper": item.upper,
            }
            for item in experiment.limits
        ],
        "laws": [
            {"name": law.name, "kind": law.kind.value, "unit": law.unit, "meaning": law.meaning}
            for law in experiment.laws
        ],
        "data": next((value_column(item) for item in experiment.observables if item.kind == "curve"), None),
        "example": dict(experiment.example),
    }
