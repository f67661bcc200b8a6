"""Where the analysis of a convecting layer begins: at the read at which a filter has found its way.

The misfit over a window of several turnovers has many minima, and the state at its first read is seen least of all. So
an ensemble of lifelike states is led through the window by a filter (`filter`); from the read on at which it foretells
the readings as well as its spread and the noise allow, its state is where the search begins and the readings are
analysed. The readings before it led the filter, and count no more.

Where sensors stand half a roll apart, two flows can look alike for long; a filter that took the wrong one is surprised
later, as is one that an unstable flow shakes off. Then other ensembles are tried, and the longest stretch without a
surprise decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from physics.assimilation.climatology import combined
from physics.assimilation.convection import Cell, System, system_of
from physics.assimilation.filter import Tracked, track
from physics.assimilation.system import Observations

MEMBERS = 200
_TRIES = 3
_FEWEST = 12  # reads of a window that a filter is led through
_ENOUGH = 0.2  # of the window, that it must not be surprised for
_RECENT = 5  # reads whose surprise is averaged
_CALM, _NARROW = 2.0, 1.0  # surprise and spread of a filter that has found its way
_LIKELY = 8  # lifelike states whose first stretch tells how far the coarse grid is off


@dataclass(frozen=True, eq=False)
class Entry:
    """The cell and the observations from the read on at which the analysis begins, and that read's number from zero."""

    cell: Cell
    observations: Observations
    read: int


def entered(cell: Cell, observations: Observations, seed: int = 0) -> Entry:
    """Lead a filter through the window; the whole window where it does not find its way, or is short.

    Raises:
        DataError: the observations do not fit the cell.
    """
    system = system_of(cell)
    values, noise = (part.numpy() for part in observations.checked(system))
    if len(values) < _FEWEST:
        return Entry(cell, observations, 0)
    deviation = np.hypot(noise, _coarse_error(cell, system, seed))
    best: tuple[int, int, Tracked] | None = None
    for attempt in range(_TRIES if system.guesses is not None else 0):
        z = system.guesses(MEMBERS, seed + attempt).numpy()  # type: ignore[misc]
        found = _led(cell, z, values, deviation)
        read, length = _found_its_way(found)
        if best is None or length > best[1]:
            best = read, length, found
        if length and read + length == len(values):
            break
    if best is None or best[1] < _ENOUGH * len(values):
        return Entry(cell, observations, 0)
    read, _, found = best
    state = tuple(part[None] for part in found.states[read][:3])
    entry = torch.from_numpy(np.concatenate([found.numbers[read], cell.coarse.climate.amplitudes(state)[0]]))
    times = cell.times[read:] - cell.times[read]
    later = replace(cell, times=times, climate=cell.coarse.climate, entry=entry)
    return Entry(later, Observations(torch.from_numpy(values[read:]), torch.from_numpy(noise[read:])), read)


def _led(cell: Cell, z: np.ndarray, values: np.ndarray, deviation: np.ndarray) -> Tracked:
    grid, first = cell.coarse, len(cell.unknown)

    def advance(parts: list[np.ndarray], numbers: np.ndarray, read: int) -> tuple[np.ndarray, list[np.ndarray]]:
        seen, after = grid.march_states(parts, cell.numbers(numbers), [cell.lengths[read]])
        return seen[:, 0], after

    return track(combined(grid.climate, z[:, first:]), z[:, :first], advance, values, deviation)


def _coarse_error(cell: Cell, system: System, seed: int) -> float:
    """Return how far the coarse grid is off at the sensors after one stretch, root mean square."""
    if system.guesses is None or system.finer is None:
        return 0.0
    z = system.guesses(_LIKELY, seed)
    plan = [next(stretch for stretch in cell.lengths if stretch[0])]
    coarse, _ = cell.coarse.march(z.numpy(), plan)
    fine, _ = cell.fine.march(z.numpy(), [(cell.finer * count, dt / cell.finer) for count, dt in plan])
    return float(np.sqrt(np.nanmean((fine - coarse) ** 2)))


def _found_its_way(found: Tracked) -> tuple[int, int]:
    """Return where the longest stretch of reads that do not surprise the filter begins, and its length."""
    calm = np.convolve(np.nan_to_num(found.surprise, nan=np.inf), np.ones(_RECENT) / _RECENT)[: len(found.surprise)]
    good = (calm <= _CALM) & (np.nan_to_num(found.spread, nan=np.inf) <= _NARROW)
    good[: _RECENT - 1] = False
    edges = np.diff(np.concatenate([[0], good.astype(int), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return 0, 0
    k = int((ends - starts).argmax())
    return int(starts[k]), int(ends[k] - starts[k])
