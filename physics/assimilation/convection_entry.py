"""Where the analysis of a convecting layer begins: at the first read from which on a filter has found its way.

The misfit over a window of several turnovers has many minima, and the state at its first read is seen least of all. So
an ensemble of lifelike states is led through the window by a filter (`filter`); from the read on at which it foretells
the readings as well as its spread and the noise allow, its state is where the search begins and the readings are
analysed. The readings before it led the filter, and count no more.

Where sensors stand half a roll apart, two flows can look alike for long; a filter that took the wrong one is surprised
later, and another ensemble is tried.
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
_LAST = 0.8  # of the window, at which it must have found its way
_RECENT = 5  # reads whose surprise is averaged
_CALM, _NARROW = 2.0, 1.0  # surprise and spread of a filter that has found its way
_LIKELY = 8  # lifelike states whose first stretch tells how far the coarse grid is off
_BACKGROUND = 1e-3  # of the climatology's variance, to which a state may lie beside its modes


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
    for attempt in range(_TRIES):
        z = system.guesses(MEMBERS, seed + attempt).numpy() if system.guesses is not None else np.zeros((0, 0))
        found = _led(cell, z, values, deviation)
        read = _found_its_way(found)
        if read is not None and read <= _LAST * len(values):
            later = replace(
                cell,
                times=cell.times[read:] - cell.times[read],
                climate=cell.coarse.climate,
                entry=_amplitudes(cell, found, read),
            )
            rest = Observations(torch.from_numpy(values[read:]), torch.from_numpy(noise[read:]))
            return Entry(later, rest, read)
    return Entry(cell, observations, 0)


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


def _found_its_way(found: Tracked) -> int | None:
    """Return the first read from which on the filter is never surprised, None where there is none."""
    calm = np.convolve(np.nan_to_num(found.surprise, nan=np.inf), np.ones(_RECENT) / _RECENT)[: len(found.surprise)]
    good = (calm <= _CALM) & (np.nan_to_num(found.spread, nan=np.inf) <= _NARROW)
    good[: _RECENT - 1] = False
    bad = np.flatnonzero(~good)
    first = 0 if not len(bad) else int(bad[-1]) + 1
    return first if first < len(good) else None


def _amplitudes(cell: Cell, found: Tracked, read: int) -> torch.Tensor:
    """Return z of the filter's state after a read: the modes' amplitudes by ridge regression."""
    climate, state = cell.coarse.climate, found.states[read]
    sizes = [float(np.sqrt((modes**2).sum(0).mean())) for modes in climate.modes]
    count = len(climate.labels)
    design = np.concatenate(
        [modes.reshape(count, -1) / size for modes, size in zip(climate.modes, sizes, strict=True)], 1
    )
    beside = np.concatenate(
        [(part - mean).ravel() / size for part, mean, size in zip(state[:3], climate.mean, sizes, strict=True)]
    )
    normal = design @ design.T / _BACKGROUND + np.eye(count)
    z = np.linalg.solve(normal, design @ beside / _BACKGROUND)
    return torch.from_numpy(np.concatenate([found.numbers[read], z]))
