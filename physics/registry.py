"""What has a file of its own in a package, found by name."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from physics.errors import ParameterError

T = TypeVar("T")


def discovered(package: str, path: Iterable[str], attribute: str) -> dict[str, Any]:
    """Return the module-level `attribute` of every module of a package that defines it, by its own `name`."""
    modules = [importlib.import_module(f"{package}.{item.name}") for item in pkgutil.iter_modules(path)]
    found = [getattr(module, attribute) for module in modules if hasattr(module, attribute)]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def named(found: Mapping[str, T], name: str, what: str) -> T:
    """Return the one called `name`.

    Raises:
        ParameterError: there is none; the message names those that are near, or all.
    """
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, list(found), 3) or list(found)
    raise ParameterError(f"there is no {what} {name!r}; did you mean {', '.join(near)}?")
