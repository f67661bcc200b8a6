"""Laboratory experiments, one a file: each defines a module-level `EXPERIMENT`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from physics.errors import ParameterError
from physics.experiment import Experiment


@cache
def _found() -> dict[str, Experiment]:
    modules = (importlib.import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__))
    found = (module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT"))
    return {experiment.name: experiment for experiment in sorted(found, key=lambda item: item.name)}


def all_experiments() -> tuple[Experiment, ...]:
    """Return every experiment that has a file here, by name."""
    return tuple(_found().values())


def get(name: str) -> Experiment:
    """Return the experiment called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
    """
    found = _found()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, list(found), 3) or list(found)
    raise ParameterError(f"there is no experiment {name!r}; did you mean {', '.join(near)}?")
