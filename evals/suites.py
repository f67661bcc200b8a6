"""The suites: which there are, how one is run, and where its recorded result stands.

A suite is a file in `evals/tasks/` with a function `run(seed, progress) -> result` whose further arguments have
defaults that make the full study, a `VERSION`, and `MINUTES`, about how long the full study takes on two cores (0 if
left out). One that takes more than ten minutes is not run unless someone asks for it: its recorded result is shown. One
that has a function `page(result) -> str` can be drawn as HTML.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import pkgutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import BadRequest
from agent.runs import as_json, write_whole
from evals import tasks

LONGEST = 10.0  # minutes
RESULTS = Path(__file__).parent / "results"
Progress = Callable[[str], None]


class Suite:
    """One suite, by the name of its file.

    Raises:
        BadRequest: there is none of that name.
    """

    def __init__(self, name: str) -> None:
        if name not in names():
            near = difflib.get_close_matches(name, names(), 3) or names()
            raise BadRequest(f"there is no suite {name!r}; did you mean {', '.join(near)}?")
        self.name = name
        self._module = importlib.import_module(f"{tasks.__name__}.{name}")

    @property
    def meaning(self) -> str:
        """What it asks, in one line."""
        return (self._module.__doc__ or "").strip().splitlines()[0]

    @property
    def version(self) -> int:
        """Which form of it this is."""
        return int(self._module.VERSION)

    @property
    def minutes(self) -> float:
        """About how long the full study takes."""
        return float(getattr(self._module, "MINUTES", 0.0))

    @property
    def long(self) -> bool:
        """Whether it is run only where someone asks for it."""
        return self.minutes > LONGEST

    def run(self, seed: int, progress: Progress) -> dict[str, Any]:
        """Run the full study."""
        takes = inspect.signature(self._module.run).parameters
        more = {"progress": progress} if "progress" in takes else {}
        result: dict[str, Any] = self._module.run(seed, **more)
        return result

    @property
    def draws(self) -> bool:
        """Whether it has a page."""
        return hasattr(self._module, "page")

    def page(self, result: dict[str, Any]) -> str:
        """Return a result as a page of HTML that stands by itself."""
        return str(self._module.page(result))

    def recorded(self) -> dict[str, Any] | None:
        """Return the recorded result with its `date` and `commit`, or None where there is none."""
        path = RESULTS / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def record(self, result: dict[str, Any]) -> Path:
        """Keep a result with today's date and the commit that it was measured at."""
        dated = {**result, "date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit()}
        path = RESULTS / f"{self.name}.json"
        write_whole(path, json.dumps(json.loads(as_json(dated)), indent=1, ensure_ascii=False) + "\n")
        if hasattr(self._module, "keep"):
            self._module.keep()
        return path


def names() -> tuple[str, ...]:
    """Return the suites that have a file."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(tasks.__path__)))


def _commit() -> str:
    """Return the commit of this checkout, marked where files differ from it; empty outside of one."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
