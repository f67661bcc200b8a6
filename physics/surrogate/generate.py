"""Draw and solve the runs of a split: run i has its own random numbers from (seed, regime, split, i)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

BATCH = 32  # runs that are solved together
Batches = Iterator[Frames]


def generate(
    regime: Regime,
    split: str,
    count: int,
    seed: int,
    beyond: bool = False,
    *,
    frames: int = 0,
    batch: int = BATCH,
    solve: Callable[[Regime, str, Sequence[range], int, bool, int], Batches] | None = None,
    report: Callable[[int], None] | None = None,
) -> Frames:
    """Return the runs of a split, the same whatever the batches.

    Args:
        regime: of which family.
        split: its name; other names are other runs.
        count: how many.
        seed: 0 or above.
        beyond: one setting or more of each run outside its range.
        frames: of each run; the regime's own if 0.
        batch: how many runs are solved together.
        solve: `in_turn`, or another way to solve batches, in their order.
        report: called with how many runs are done.

    Raises:
        ParameterError: a number that cannot be.
        SolverError: a run left the finite numbers.
    """
    if count < 1 or seed < 0 or batch < 1 or frames < 0 or frames == 1:
        raise ParameterError(
            f"{regime.name}, {split}: count = {count}, seed = {seed}, batch = {batch}, frames = {frames}; give a count "
            "and a batch of 1 or more, a seed of 0 or more, and 2 frames or more"
        )
    pieces = [range(first, min(first + batch, count)) for first in range(0, count, batch)]
    values = torch.empty(count, frames or regime.frames, len(regime.channels), *regime.points, dtype=torch.float32)
    settings = {each.name: torch.empty(count, dtype=torch.float64) for each in regime.ranges}
    for piece, found in zip(pieces, (solve or in_turn)(regime, split, pieces, seed, beyond, frames), strict=True):
        values[piece.start : piece.stop] = found.values
        for name, whole in settings.items():
            whole[piece.start : piece.stop] = found.settings[name]
        if report is not None:
            report(piece.stop)
    return Frames(regime.name, values, settings)


def in_turn(regime: Regime, split: str, pieces: Sequence[range], seed: int, beyond: bool, frames: int) -> Batches:
    """Solve batches one after the other in this process, the runs of one on the threads of their solver."""
    return (one(regime, split, piece, seed, beyond, frames) for piece in pieces)


def one(regime: Regime, split: str, runs: range, seed: int, beyond: bool, frames: int) -> Frames:
    """Draw and solve one batch of runs."""
    start, settings = drawn(regime, split, runs, seed, beyond)
    return Frames(regime.name, regime.solve(start, settings, frames=frames).to(torch.float32), settings)


def drawn(regime: Regime, split: str, runs: range, seed: int, beyond: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the first frames (runs, channels, *points) and the settings of runs, in double precision."""
    starts, settings = [], []
    for run in runs:
        generator = torch.Generator().manual_seed(_number(seed, regime.name, split, run))
        own = {name: value[0] for name, value in regime.draw(1, generator, beyond=beyond).items()}
        starts.append(regime.start(own, generator))
        settings.append(own)
    return torch.stack(starts), {each.name: torch.stack([own[each.name] for own in settings]) for each in regime.ranges}


def _number(*parts: object) -> int:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big")
