"""How each experiment is planned: one folder an experiment, with `planning.py` (words) and `design.py` (numbers).

Where the next run can be planned from measured curves, `past.py` says how they are fitted and followed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from types import ModuleType

from tools.errors import Retry
from tools.planning import Planning
from tools.records import Evidence


@cache
def names() -> tuple[str, ...]:
    """Return the experiments that can be planned."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(__path__) if item.ispkg))


def planning(experiment: str) -> Planning:
    """Return how `experiment` is planned.

    Raises:
        Retry: it cannot be planned.
    """
    found: Planning = importlib.import_module(f"{__name__}.{_known(experiment)}.planning").PLANNING
    return found


def designer(experiment: str) -> Callable[..., Evidence]:
    """Return the function that designs a run of `experiment`; it brings the solver's libraries.

    Raises:
        Retry: it cannot be planned.
    """
    found: Callable[..., Evidence] = importlib.import_module(f"{__name__}.{_known(experiment)}.design").design
    return found


def past(experiment: str) -> ModuleType:
    """Return how measured curves of `experiment` are fitted and followed: `fit_settings` and `design`.

    Raises:
        Retry: its plans cannot use measured curves.
    """
    planning(experiment).after()
    return importlib.import_module(f"{__name__}.{experiment}.past")


def _known(experiment: str) -> str:
    if experiment not in names():
        raise Retry(f"{experiment!r} cannot be planned; these can: {', '.join(names())}")
    return experiment
