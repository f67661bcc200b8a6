"""The families of runs that the surrogate learns, one a file: each defines a module-level `REGIME`."""

from __future__ import annotations

from functools import cache

from physics.registry import discovered, named
from physics.surrogate.regime import Regime


def all_regimes() -> dict[str, Regime]:
    """Return every regime by its name."""
    return dict(_found())


def get(name: str) -> Regime:
    """Return the regime called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
    """
    return named(_found(), name, "regime")


@cache
def _found() -> dict[str, Regime]:
    return discovered(__name__, __path__, "REGIME")
