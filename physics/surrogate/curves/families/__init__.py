"""Families of runs that a surrogate of curves answers, one a file: each defines a module-level `FAMILY`."""

from __future__ import annotations

from functools import cache

from physics.registry import discovered, named
from physics.surrogate.curves.family import Family


@cache
def all_families() -> dict[str, Family]:
    """Return every family that has a file, by name."""
    return discovered(__name__, __path__, "FAMILY")


def get(name: str) -> Family:
    """Return the family called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
    """
    return named(all_families(), name, "family of runs")
