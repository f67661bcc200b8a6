"""The same solver on a coarse grid, given the time that a surrogate takes: the peer that weak comparisons leave out.

Source: N. McGreivy and A. Hakim, Weak baselines and reporting biases lead to overoptimism in machine learning for
fluid-related partial differential equations, Nat. Mach. Intell. 6 (2024) 1256-1269, doi:10.1038/s42256-024-00897-5.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from physics.errors import SolverError
from physics.surrogate import metrics
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

COARSE = (1, 2, 4, 8)
_REPEATS = 3


class Solved(NamedTuple):
    """What a grid so many times coarser gives.

    Attributes:
        coarse: how many times fewer points along each axis.
        seconds: for the batch, the median of a few runs.
        step, rollout: mean VRMSE of one interval from the true frame before it, and from the first frame that a
            surrogate does not see to the last.
    """

    coarse: int
    seconds: float
    step: float
    rollout: float


def solved(regime: Regime, frames: Frames, history: int, factors: Sequence[int] = COARSE) -> list[Solved]:
    """Solve runs on grids of every coarseness that the regime has, from the last frame that a surrogate sees."""
    found = []
    for coarse in factors:
        if min(regime.points) // coarse < 8 and coarse > 1:
            continue
        try:
            found.append(_solved(regime, frames, history, coarse))
        except SolverError:
            continue  # too coarse to stay finite
    return found


def _solved(regime: Regime, frames: Frames, history: int, coarse: int) -> Solved:
    true, settings = frames.values, frames.settings
    left = true.shape[1] - history
    start = true[:, history - 1].double()
    taken = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        made = regime.solve(start, settings, coarse=coarse, frames=left + 1)
        taken.append(time.perf_counter() - begun)
    rollout = _error(made[:, 1:], true[:, history:], regime)
    steps = [
        _error(
            regime.solve(true[:, t - 1].double(), settings, coarse=coarse, frames=2)[:, 1:], true[:, t : t + 1], regime
        )
        for t in range(history, true.shape[1])
    ]
    return Solved(coarse, sorted(taken)[len(taken) // 2], sum(steps) / len(steps), rollout)


def at_equal_time(found: Sequence[Solved], seconds: float) -> Solved:
    """Return the finest that takes no longer; the fastest of all where none does."""
    fitting = [each for each in found if each.seconds <= seconds]
    return min(fitting, key=lambda each: each.coarse) if fitting else min(found, key=lambda each: each.seconds)


def _error(made: Tensor, true: Tensor, regime: Regime) -> float:
    error = metrics.vrmse(made.float(), true, len(regime.axes)).mean(-1)
    return float(torch.nan_to_num(error, nan=1e3, posinf=1e3).clamp(max=1e3).mean())
