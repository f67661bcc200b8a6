"""The families of runs that the surrogate learns, one a file: each defines a module-level `REGIME`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from physics.errors import ParameterError
from physics.surrogate.regime import Regime


def all_regimes() -> dict[str, Regime]:
    """Return every regime by its name."""
    return dict(_found())


def get(name: str) -> Regime:
    """Return the regime called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
    """
    found = _found()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, list(found), 3) or list(found)
    raise ParameterError(f"there is no regime {name!r}; did you mean {', '.join(near)}?")


@cache
def _found() -> dict[str, Regime]:
    modules = [importlib.import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__)]
    found = [module.REGIME for module in modules if hasattr(module, "REGIME")]
    return {regime.name: regime for regime in sorted(found, key=lambda regime: regime.name)}
