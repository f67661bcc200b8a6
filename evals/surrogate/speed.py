"""Is the surrogate faster than a solver that is no better? Seconds of one run in a batch, on one machine in one run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from time import perf_counter

import torch
from torch import nn

from evals.surrogate.coarse import Solved, solved
from evals.surrogate.records import Speed
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

BATCH = 64
WORTHWHILE = 100.0  # times faster than the solver
_REPEATS = 5


def speed(
    model: nn.Module,
    regime: Regime,
    frames: Frames,
    history: int,
    error: float,
    solvers: Sequence[Solved] | None = None,
) -> Speed:
    """Time the rollout of all the runs given against the coarsest solver whose error is at most the surrogate's.

    Args:
        model: ready to predict.
        regime: of the runs.
        frames: a batch of runs.
        history: how many frames the model sees.
        error: mean VRMSE of the surrogate's rollouts.
        solvers: of the same batch, where they were timed already in this run.
    """
    own = seconds(model, regime, frames, history)
    return compared(regime.name, len(frames), own, error, solvers or solved(regime, frames, history))


def compared(name: str, batch: int, own: float, error: float, solvers: Sequence[Solved]) -> Speed:
    """Choose the coarsest solver that is no worse, else the finest, and say who should answer."""
    fitting = [each for each in solvers if each.rollout <= error] or [min(solvers, key=lambda each: each.coarse)]
    solver = min(fitting, key=lambda each: each.seconds)
    ratio = solver.seconds / own
    return Speed(
        regime=name,
        batch=batch,
        surrogate=own / batch,
        solver=solver.seconds / batch,
        coarse=solver.coarse,
        error=error,
        solver_error=solver.rollout,
        ratio=ratio,
        answers="surrogate" if ratio >= WORTHWHILE else "solver",
    )


def seconds(model: nn.Module, regime: Regime, frames: Frames, history: int) -> float:
    """Return the median time of a rollout of the whole batch."""
    values, left = frames.values, frames.values.shape[1] - history
    taken = []
    for _ in range(_REPEATS + 1):
        begun = perf_counter()
        made = rollout(model, regime, values[:, :history], frames.settings, left, values[:, 0])
        if made.is_cuda:
            torch.cuda.synchronize()
        taken.append(perf_counter() - begun)
    return statistics.median(taken[1:])  # the first one warms up
