"""What can be planned, and whether given settings can be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from physics import experiments
from physics.errors import InputError
from physics.experiment import Experiment
from tools.errors import Retry


def find(name: str) -> Experiment:
    """Return the experiment called `name`; `Retry` names those that exist."""
    try:
        return experiments.get(name)
    except InputError as error:
        raise Retry(str(error)) from error


def names() -> list[str]:
    """Return the names of all experiments."""
    return [experiment.name for experiment in experiments.all_experiments()]


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
    """Describe an experiment: parameters with units and ranges, choices, observables, balances and limits."""
    experiment = find(name)
    return {
        "name": experiment.name,
        "title": experiment.title,
        "meaning": experiment.meaning,
        "parameters": [
            {
                "name": item.name,
                "unit": item.unit,
                "role": item.role.value,
                "lower": item.lower,
                "upper": item.upper,
                "default": item.default,
                "meaning": item.meaning,
            }
            for item in experiment.parameters
        ],
        "choices": [
            {"name": item.name, "options": list(item.options), "default": item.default, "meaning": item.meaning}
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
        "example": dict(experiment.example),
    }
