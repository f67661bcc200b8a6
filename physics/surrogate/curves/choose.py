"""Which family answers settings of an experiment, if any, and why not where none does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from physics.errors import DataError
from physics.surrogate.curves import weights
from physics.surrogate.curves.families import all_families
from physics.surrogate.curves.family import Family
from physics.surrogate.curves.surrogate import Surrogate


def family_of(experiment: str, settings: Mapping[str, Any]) -> tuple[Family | None, str]:
    """Return the family that knows complete SI settings; None with the reason where there is none.

    Of several families the reason is that of the one that comes closest: the last in the list whose model is meant.
    """
    reasons = []
    for family in all_families().values():
        if family.experiment != experiment:
            continue
        if not (reason := family.unknown(settings)):
            return family, ""
        reasons.append(reason)
    if not reasons:
        return None, f"no surrogate of {experiment} was trained"
    return None, next((reason for reason in reasons if not reason.startswith("not a ")), reasons[0])


def surrogate_of(family: Family, folder: Path = weights.FOLDER) -> tuple[Surrogate | None, str]:
    """Return the trained surrogate of a family; None with the reason where its weights cannot be used."""
    try:
        return _loaded(family.name, folder, _stamp(family, folder)), ""
    except DataError as error:
        return None, str(error)


def _stamp(family: Family, folder: Path) -> float:
    file = folder / f"{family.name}.safetensors"
    return file.stat().st_mtime if file.is_file() else 0.0


@cache
def _loaded(name: str, folder: Path, stamp: float) -> Surrogate:
    return Surrogate.load(all_families()[name], folder)
