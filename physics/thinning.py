"""Long records in bounded memory: neighbouring rows become their mean, finer where it is steep.

The mean of `m` rows with independent errors of variance s^2 has the variance s^2/m: `count` keeps m, so that
a fit with these weights loses only what the curve bends within a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Means of neighbouring rows: `time`, `value` and the number of rows `count`, each of shape (blocks,)."""

    time: Array
    value: Array
    count: Array


def merge(blocks: Blocks, starts: NDArray[np.intp]) -> Blocks:
    """Join the blocks from each start up to the next; `starts` is increasing and begins with 0."""
    count = np.add.reduceat(blocks.count, starts)
    return Blocks(
        np.add.reduceat(blocks.time * blocks.count, starts) / count,
        np.add.reduceat(blocks.value * blocks.count, starts) / count,
        count,
    )


class Thinner:
    """Takes the rows of a record in their order and keeps no more than `capacity` blocks at a time."""

    def __init__(self, capacity: int = 1 << 19) -> None:
        self.rows = 0
        self._capacity = capacity
        self._size = 1
        self._kept: list[Blocks] = []

    def add(self, time: Array, value: Array) -> None:
        """Add rows that follow the ones before; shapes (rows,)."""
        self.rows += len(time)
        rows = Blocks(np.array(time), np.array(value), np.ones(len(time)))
        self._kept.append(merge(rows, np.arange(0, len(time), self._size)))
        while sum(len(blocks.time) for blocks in self._kept) > self._capacity:
            self._size *= 2
            self._kept = [merge(blocks, np.arange(0, len(blocks.time), 2)) for blocks in self._kept]

    def result(self, points: int) -> Blocks:
        """Return at most `points` blocks of increasing time; a shorter record keeps all its rows."""
        pieces = [[b.time, b.value, b.count] for b in self._kept]
        blocks = Blocks(*(np.concatenate(piece) for piece in zip(*pieces, strict=True)))
        if self.rows > points:
            blocks = merge(blocks, _starts(blocks, points))
        fresh = np.flatnonzero(np.diff(blocks.time, prepend=-np.inf) > 0)
        return merge(blocks, fresh) if len(fresh) < len(blocks.time) else blocks


def _starts(blocks: Blocks, points: int) -> NDArray[np.intp]:
    """Where the new blocks begin: equal shares of elapsed time plus change of the smoothed curve."""
    n = len(blocks.time)
    window = max(1, n // 500)
    padded = np.pad(blocks.value, (window // 2, window - 1 - window // 2), mode="edge")
    total = np.cumsum(np.concatenate(([0.0], padded)))
    smooth = (total[window:] - total[:-window]) / window
    # Steps across one window, so that noise does not pass for change of the curve.
    coarse = np.interp(np.arange(n), np.arange(0, n, window), smooth[::window])
    change = np.cumsum(np.abs(np.diff(coarse, prepend=coarse[0])))
    elapsed = blocks.time - blocks.time[0]
    share = _fraction(elapsed) + _fraction(change) + _fraction(np.arange(n, dtype=float))
    label = np.minimum((share / max(share[-1], 1e-300) * points).astype(np.int64), points - 1)
    return np.flatnonzero(np.diff(label, prepend=-1) > 0)


def _fraction(cumulative: Array) -> Array:
    return cumulative / cumulative[-1] if cumulative[-1] > 0 else np.zeros_like(cumulative)
