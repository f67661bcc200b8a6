"""How long a batch takes by a surrogate and by the solver at the same error, in one run on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics import device as devices
from physics.errors import InputError
from physics.experiment import Experiment
from physics.surrogate.curves.surrogate import Surrogate

BATCH, TIMES = 64, 121
REPEATS, SOLVES = 15, 3


def measure(surrogate: Surrogate, error: float, seed: int = 0, solves: int = SOLVES) -> dict[str, Any]:
    """Return microseconds a run for batches of runs drawn from the ranges, and their ratio.

    Args:
        surrogate: with its own intervals, but without the laws, which a run of the solver is not judged by either.
        error: of the surrogate, which is the tolerance that the solver is given; its own coarsest where that is more.
        seed: of the batch.
        solves: how often the solver is timed; the fastest counts.
    """
    family, declared = surrogate.family, surrogate.experiment
    tolerance = min(max(error, family.accuracy), 1e-2)
    numbers = family.draw("speed", BATCH, seed)
    settings = declared.complete(dict(family.settings(numbers)))
    times = _shared(family.clock(settings), family.times(numbers, torch.linspace(0.0, 1.0, 9, dtype=torch.float64)))
    with devices.one_thread():
        own = _median(lambda: surrogate.predict(settings, times, judge=False), REPEATS)
        ways: dict[str, Callable[[], Any]] = {}
        ways["simulate"] = lambda: declared.simulate(settings, times, tolerance=tolerance)
        if family.modelled and declared.model is not None:
            ways["model"] = lambda: _curves(declared, settings, times, tolerance)
        taken = {name: _fastest(way, solves) for name, way in ways.items()}
    best = min(taken, key=lambda name: taken[name])
    solver = taken[best]
    return {
        "batch": BATCH,
        "times": TIMES,
        "error": float(f"{error:.3g}"),
        "tolerance": float(f"{tolerance:.3g}"),
        "surrogate_us": float(f"{own / BATCH * 1e6:.3g}"),
        "solver_us": float(f"{solver / BATCH * 1e6:.3g}"),
        "solver": best,
        "ratio": float(f"{solver / own:.3g}"),
    }


def _shared(clock: Tensor, times: Tensor) -> Tensor:
    """Return times at which most of the batch is known: from zero to the middle of their ends."""
    return torch.linspace(0.0, float((times[:, -1] * clock).median()), TIMES, dtype=torch.float64)


def _curves(declared: Experiment, settings: Mapping[str, Any], times: Tensor, tolerance: float) -> Tensor:
    """Return the curves by the experiment's model, what a fit would call."""
    if declared.model is None:
        raise ValueError(f"{declared.name} has no model")
    given = {name: value for name, value in settings.items() if isinstance(value, Tensor)}
    plain = {name: torch.full((BATCH,), float(value), dtype=torch.float64) for name, value in settings.items()
             if isinstance(value, float | int)}  # fmt: skip
    curves: Tensor = declared.model(settings, times, tolerance)({**plain, **given}, times)
    return curves


def _median(work: Callable[[], Any], repeats: int) -> float:
    work()
    return statistics.median(_timed(work) for _ in range(repeats))


def _fastest(work: Callable[[], Any], repeats: int) -> float:
    """Return the least time of several; infinite where the work cannot be done so."""
    try:
        return min(_timed(work) for _ in range(repeats))
    except InputError:
        return float("inf")


def _timed(work: Callable[[], Any]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin
