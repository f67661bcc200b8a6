"""How long runs take by the surrogate, bands and doubts included, and by the solver at its error, on one thread."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch

from physics import device as devices
from physics.errors import SolverError
from physics.surrogate.fields.accuracy import mean_vrmse
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

BATCH = 64
_REPEATS = 3


def measure(trusted: Trusted, regime: Regime, frames: Frames) -> dict[str, Any]:
    """Return microseconds a run for a batch rolled out to its last frame, and their ratio.

    The solver goes on from the same last frame of the history, on the grid whose mean VRMSE is at most that of the
    surrogate and that is fastest; the regime's own solver where none is.

    Args:
        frames: of `BATCH` runs, or fewer.
    """
    history, values, settings = trusted.model.shape.history, frames.values, frames.settings
    left, truth = values.shape[1] - history, values[:, history:]

    def own() -> torch.Tensor:
        return trusted.predict(regime, values[:, :history], settings, left).values

    def mean_error(made: torch.Tensor) -> float:
        return float(mean_vrmse(made.float(), truth, regime).mean())

    with devices.one_thread():
        error = mean_error(own())
        taken = statistics.median(_timed(own) for _ in range(_REPEATS))
        best: dict[str, float] = {}
        for coarse in regime.coarseness:

            def solve(coarse: int = coarse) -> torch.Tensor:
                return regime.solve(values[:, history - 1].double(), settings, coarse=coarse, frames=left + 1)[:, 1:]

            try:
                reached = mean_error(solve())
            except SolverError:
                continue
            seconds = _timed(solve)
            if (reached <= error or coarse == 1) and seconds < best.get("seconds", float("inf")):
                best = {"seconds": seconds, "coarse": coarse, "error": reached}
    runs = len(values)
    return {
        "batch": runs,
        "frames": left,
        "error": float(f"{error:.3g}"),
        "solver_error": float(f"{best['error']:.3g}"),
        "coarse": int(best["coarse"]),
        "surrogate_us": float(f"{taken / runs * 1e6:.3g}"),
        "solver_us": float(f"{best['seconds'] / runs * 1e6:.3g}"),
        "ratio": float(f"{best['seconds'] / taken:.3g}"),
    }


def _timed(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin
