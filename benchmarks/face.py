"""What every benchmark gives, and how it is timed: ours and its peers in turn, in one run, medians.

A benchmark is a file of this folder with a function `run() -> Iterable[Row]`; `python -m benchmarks` finds it,
runs it and writes its rows. What is compared, and how each peer was set up, stands in the docstring of its file.
"""

from __future__ import annotations

import gc
import importlib
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        work: what was computed, with its size and the error asked for.
        peer: the peer, with its version or its scheme where that matters.
        ours, theirs: medians in `unit`: seconds, or memory.
        our_error, their_error: against the truth, measured in this run; None where it has no meaning.
        target: the ratio theirs / ours that is asked for, None where it is only shown.
        note: what a reader must know: a sample that was scaled, a peer that was missing, the floor of a miss.
        unit: of `ours` and `theirs`.
    """

    work: str
    peer: str
    ours: float
    theirs: float
    our_error: float | None = None
    their_error: float | None = None
    target: float | None = None
    note: str = ""
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times less ours takes."""
        return self.theirs / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.ratio >= self.target


def peer(module: str) -> ModuleType | None:
    """Return a peer's module, or None after one line that says that it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        say(f"{module} is not installed and is left out ({error}); `make bench` installs it")
        return None


def median_seconds(
    competitors: Mapping[str, Callable[[], Any]], repeats: int = 5, warm: int = 1
) -> tuple[dict[str, float], dict[str, Any]]:
    """Time the competitors in turn, `repeats` times round, after `warm` calls of each that are not counted.

    In turn, so that a machine that slows down slows all of them; on an accelerator a competitor must wait for
    its own kernels.

    Returns:
        the median seconds of each, and what the last call of each returned.
    """
    spent: dict[str, list[float]] = {name: [] for name in competitors}
    results: dict[str, Any] = {}
    for work in competitors.values():
        for _ in range(warm):
            work()
    for _ in range(repeats):
        for name, work in competitors.items():
            gc.collect()
            begin = perf_counter()
            results[name] = work()
            spent[name].append(perf_counter() - begin)
    return {name: statistics.median(seconds) for name, seconds in spent.items()}, results


def say(line: str) -> None:
    """Report progress."""
    print(f"[benchmark] {line}", flush=True)
