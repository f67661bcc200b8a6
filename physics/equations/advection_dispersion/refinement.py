"""Find the resolution that a tolerance needs, member by member of a batch.

Members start from a guess, are marched together with those of the same guess, and leave as soon as their
error estimate is below the tolerance; the others go on to a finer grid, as much finer as the sixth order
promises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.advection_dispersion.breakthrough import Column
from physics.equations.advection_dispersion.feed import Feed
from physics.equations.advection_dispersion.response import Resolution, Response, response

ORDER = 6
MOST = 8192  # cells or steps
REACH = 26.0  # Pe (X - 1) at the end of an open column's grid
RUNGS_PER_OCTAVE = 2  # more would fit members closer, and cost more in separate marches than it saves
FEW = 8  # up to this many members need not share grids
WATCH = 24  # further times at which the error is estimated, so that few output times cannot hide it
_NUMBERS = 4_000_000  # cells times batch in one march


class Part(NamedTuple):
    """Members of the batch that were solved together.

    Attributes:
        members: their indices, shape (part,).
        resolution: where they ended.
        result: curves (times, part), errors (part,) and cumulated terms.
        met: whether each met the tolerance, shape (part,).
        levels: how many resolutions were tried.
    """

    members: Tensor
    resolution: Resolution
    result: Response
    met: Tensor
    levels: int


def refine(
    column: Column,
    times: Tensor,
    feed: Feed,
    tolerance: float,
    pinned: Resolution | None = None,
    budget: bool = False,
    progress: Callable[[float], None] | None = None,
) -> list[Part]:
    """Solve every member to `tolerance`, or at `pinned`.

    Args:
        times: in units of R l / v, shape (times, batch).
        feed: in that unit.
    """
    batch, count = times.shape[1], times.shape[0]
    watched = torch.cat([times, _watch(times)])
    everyone = torch.arange(batch, device=times.device)
    waiting = [(everyone, pinned, 1)] if pinned else _guess(column, tolerance)
    done: list[Part] = []
    while waiting:
        members, at, level = waiting.pop()
        for chunk in members.split(max(1, _NUMBERS // (at.cells + at.tail))):
            result = response(column.take(chunk), watched[:, chunk], feed.take(chunk), at, budget)
            met = result.error <= tolerance
            leave = met if pinned is None and at.cells < MOST and at.steps < MOST else torch.ones_like(met)
            if leave.any():
                done.append(Part(chunk[leave], at, result.take(leave, count), met[leave], level))
            if not leave.all():
                waiting += _finer(chunk[~leave], result.error[~leave], at, tolerance, level)
            if progress is not None:
                progress(sum(len(part.members) for part in done) / batch)
    return done


def _watch(times: Tensor) -> Tensor:
    fractions = (torch.arange(WATCH, dtype=times.dtype, device=times.device) + 0.5) / WATCH
    return fractions[:, None] * times.amax(0)


def _guess(column: Column, tolerance: float) -> list[tuple[Tensor, Resolution, int]]:
    """Group the batch by a first resolution: cells and steps for each width of the front."""
    local = column.peclet * column.place
    sharper = max(tolerance, 1e-12) ** (-1.0 / ORDER) / 10.0
    wanted = sharper * (36.0 + 12.0 * local**0.73)
    steps = _rungs(1.2 * wanted, 8, least=32)
    cells = _rungs(wanted / column.place, 4)
    tails = torch.zeros_like(cells)
    if not column.closed:
        beyond = REACH / column.peclet
        tails = _rungs(cells * torch.minimum(beyond, 1.0 + 0.5 * beyond.clamp(min=1.0).log()), 4, least=8)
    return _grouped(torch.arange(len(local), device=local.device), torch.stack([cells, steps, tails], 1), 1)


def _rungs(wanted: Tensor, multiple: int, least: int = 24) -> Tensor:
    """Round up to a ladder, so that members share grids, and to a multiple."""
    if len(wanted) > FEW:
        rung = torch.ceil(RUNGS_PER_OCTAVE * torch.log2(wanted / least)).clamp(min=0.0)
        wanted = least * torch.exp2(rung / RUNGS_PER_OCTAVE)
    count = torch.ceil(wanted.clamp(min=least, max=MOST) / multiple).long() * multiple
    return count


def _grouped(members: Tensor, wanted: Tensor, level: int) -> list[tuple[Tensor, Resolution, int]]:
    kinds, which = torch.unique(wanted, dim=0, return_inverse=True)
    return [(members[which == k], Resolution(*(int(n) for n in kind)), level) for k, kind in enumerate(kinds.cpu())]


def _finer(
    members: Tensor, error: Tensor, at: Resolution, tolerance: float, level: int
) -> list[tuple[Tensor, Resolution, int]]:
    """Refine by what the order promises, in steps of half an octave up to two octaves."""
    factor = 1.1 * (error / tolerance).nan_to_num(nan=64.0) ** (1.0 / ORDER)
    rung = torch.ceil(RUNGS_PER_OCTAVE * torch.log2(factor)).clamp(1, 2 * RUNGS_PER_OCTAVE)
    scale = torch.exp2(rung / RUNGS_PER_OCTAVE)
    wanted = [(torch.ceil(scale * n / m) * m).clamp(max=MOST).long() for n, m in zip(at, (4, 8, 4), strict=True)]
    return _grouped(members, torch.stack(wanted, 1), level + 1)
