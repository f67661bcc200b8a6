"""Families of runs that a surrogate of curves answers, one a file: each defines a module-level `FAMILY`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from physics.errors import ParameterError
from physics.surrogate.curves.family import Family


@cache
def all_families() -> dict[str, Family]:
    """Return every family that has a file, by name."""
    modules = [importlib.import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__)]
    found = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    return {family.name: family for family in sorted(found, key=lambda family: family.name)}


def get(name: str) -> Family:
    """Return the family called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
    """
    known = all_families()
    if name not in known:
        near = difflib.get_close_matches(name, list(known), 3) or list(known)
        raise ParameterError(f"there is no family of runs {name!r}; did you mean {', '.join(near)}?")
    return known[name]
