"""The same solver on a coarse grid, given the time that a surrogate takes: the peer that weak comparisons leave out.

Source: N. McGreivy and A. Hakim, Weak baselines and reporting biases lead to overoptimism in machine learning for
fluid-related partial differential equations, Nat. Mach. Intell. 6 (2024) 1256-1269, doi:10.1038/s42256-024-00897-5.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from physics.errors import SolverError
from physics.surrogate.fields.accuracy import mean_vrmse
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

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


def solved(regime: Regime, frames: Frames, history: int, factors: Sequence[int] = ()) -> list[Solved]:
    """Solve runs on grids of every coarseness that the regime has, or of those named, from the last frame seen."""
    found = []
    for coarse in factors or regime.coarseness:
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
    rollout = float(mean_vrmse(made[:, 1:].float(), true[:, history:], regime).mean())
    steps = []
    for t in range(history, true.shape[1]):
        following = regime.solve(true[:, t - 1].double(), settings, coarse=coarse, frames=2)[:, 1]
        steps.append(mean_vrmse(following.float(), true[:, t], regime))
    return Solved(coarse, statistics.median(taken), float(torch.stack(steps).mean()), rollout)


def at_equal_time(found: Sequence[Solved], seconds: float) -> Solved:
    """Return the finest that takes no longer; the fastest of all where none does."""
    fitting = [each for each in found if each.seconds <= seconds]
    return min(fitting, key=lambda each: each.coarse) if fitting else min(found, key=lambda each: each.seconds)
