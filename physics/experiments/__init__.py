"""Laboratory experiments, one a file: each defines a module-level `EXPERIMENT`.

The files of this folder are found, and those of further folders that a user names with `add_folder`. A file whose
name begins with an underscore is left alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from physics.errors import DeclarationError
from physics.experiment import Experiment
from physics.registry import named

_FOLDERS: list[Path] = []


def add_folder(path: str | Path) -> None:
    """Look for experiments in the Python files of a folder too; they run as the user's own code.

    Raises:
        DeclarationError: there is no such folder.
    """
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise DeclarationError(f"{path}: there is no such folder of experiments; correct the path, or make the folder")
    if folder not in _FOLDERS:
        _FOLDERS.append(folder)
        _found.cache_clear()


def all_experiments() -> tuple[Experiment, ...]:
    """Return every experiment that has a file, by name.

    Raises:
        DeclarationError: a file declares none, or one whose name another has; the message names the file.
    """
    return tuple(_found().values())


def get(name: str) -> Experiment:
    """Return the experiment called `name`.

    Raises:
        ParameterError: there is none; the message names those that are.
        DeclarationError: as for `all_experiments`.
    """
    return named(_found(), name, "experiment")


@cache
def _found() -> dict[str, Experiment]:
    found: dict[str, Experiment] = {}
    places: dict[str, str] = {}
    own = [importlib.import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__)]
    declared = [module for module in own if hasattr(module, "EXPERIMENT")]
    files = [file for folder in _FOLDERS for file in sorted(folder.glob("*.py")) if not file.name.startswith("_")]
    for module in [*declared, *(_load(file) for file in files)]:
        place = str(module.__file__)
        experiment = _checked(getattr(module, "EXPERIMENT", None), place)
        if experiment.name in found:
            raise DeclarationError(
                f"{place}: the name {experiment.name!r} is taken by {places[experiment.name]}; choose another"
            )
        found[experiment.name], places[experiment.name] = experiment, place
    return dict(sorted(found.items()))


def _load(file: Path) -> ModuleType:
    """Run a user's file and return its module."""
    name = f"labwright_experiment_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise DeclarationError(f"{file}: it cannot be loaded as a Python module; rename it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        del sys.modules[name]
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        told = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        told = " ".join(told.split())[:200]
        raise DeclarationError(
            f"{file}{line}: it does not load ({told}); mend it, or take it out of the folder"
        ) from error
    return module


def _checked(experiment: object, place: str) -> Experiment:
    """Return the experiment; raise `DeclarationError` unless it is one whose parameters have names of their own."""
    if not isinstance(experiment, Experiment):
        raise DeclarationError(f"{place}: it defines no EXPERIMENT = Experiment(...); add it, or take the file away")
    names = [item.name for item in experiment.parameters] + [item.name for item in experiment.choices]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise DeclarationError(f"{place}: the parameter {double!r} is declared twice; rename one")
    if not experiment.name.isidentifier():
        raise DeclarationError(f"{place}: {experiment.name!r} cannot be typed as a name; use letters, digits and _")
    return experiment
