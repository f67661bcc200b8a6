"""An ensemble Kalman filter: it finds its way into a run whose start nobody knows, read after read.

    Y = (H(x_i) - mean H) / sqrt(n - 1),   S = Y^T Y + R,   d = y - mean H
    mean <- mean + X w,                    w = Y (Y^T Y + R)^-1 d
    X <- X ((1 - r) (I + Y R^-1 Y^T)^(-1/2) + r I)

with X the members' states and unknown numbers about their mean, marched with the whole equations from read to read. The
share r of the old spread that stays keeps the ensemble from trusting itself too much (relaxation to the prior
perturbations). The states that it passes are a place to begin a search from: it has no misfit over a long window, which
has many minima. Its spread is no uncertainty.

`surprise` tells where it has found its way: d^T S^-1 d over the number of sensors, one in the mean where the members
are as far from the readings as their spread and the noise say.

Sources: B. R. Hunt, E. J. Kostelich and I. Szunyogh, Efficient data assimilation for spatiotemporal chaos: a local
ensemble transform Kalman filter, Physica D 230 (2007) 112-126, doi:10.1016/j.physd.2006.11.008 (the symmetric root);
F. Zhang, C. Snyder and J. Sun, Impacts of initial estimate and observation availability on convective-scale data
assimilation with an ensemble Kalman filter, Mon. Weather Rev. 132 (2004) 1238-1253,
doi:10.1175/1520-0493(2004)132<1238:IOIEAO>2.0.CO;2 (relaxation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RELAXATION = 0.3
_ABSURD = 1e12  # of a variance: stands for a sensor that was not read


@dataclass(frozen=True)
class Tracked:
    """What the filter passed: mean state (parts) and numbers after each read, surprise and spread at each before it.

    `spread` is that of the members at the sensors over the noise, root mean square.
    """

    states: tuple[tuple[np.ndarray, ...], ...]
    numbers: np.ndarray
    surprise: np.ndarray
    spread: np.ndarray


Advance = Callable[[list[np.ndarray], np.ndarray, int], tuple[np.ndarray, list[np.ndarray]]]
"""(parts of the states, numbers (members, m), read) -> sensors (members, sensors) and the states at that read."""


def track(
    states: Sequence[np.ndarray],
    numbers: np.ndarray,
    advance: Advance,
    values: np.ndarray,
    deviation: np.ndarray,
    relaxation: float = RELAXATION,
) -> Tracked:
    """Run the filter through all reads.

    Args:
        states: parts (members, ...) of the members' states at the start; numbers: their parameters, (members, m).
        advance: marches them to the next read.
        values, deviation: readings and the standard deviation of their noise, (reads, sensors); NaN was not read.
        relaxation: r.

    Members that leave the finite numbers are dropped; with fewer than three left the rest of the reads is NaN.
    """
    parts, told = [np.asarray(part) for part in states], []
    surprise, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    means: list[tuple[np.ndarray, ...]] = []
    for k, (read, noise) in enumerate(zip(values, deviation, strict=True)):
        seen, parts = advance(parts, numbers, k)
        sound = np.isfinite(seen).all(1)
        if sound.sum() < 3:
            break
        parts, numbers, seen = [part[sound] for part in parts], numbers[sound], seen[sound]
        known = np.isfinite(read)
        variance = np.where(known, noise**2, _ABSURD)
        apart = (seen - seen.mean(0)) / np.sqrt(len(seen) - 1)
        left = np.where(known, read - seen.mean(0), 0.0)
        covariance = apart.T @ apart + np.diag(variance)
        spread[k] = np.sqrt(((apart**2).sum(0) / variance)[known].mean()) if known.any() else np.nan
        surprise[k] = left @ np.linalg.solve(covariance, left) / max(known.sum(), 1)
        weights = _weights(apart, variance, left, relaxation)
        parts, numbers = [_mixed(part, weights) for part in parts], _mixed(numbers, weights)
        means.append(tuple(part.mean(0) for part in parts))
        told.append(numbers.mean(0))
    return Tracked(tuple(means), np.array(told), surprise, spread)


def _weights(apart: np.ndarray, variance: np.ndarray, left: np.ndarray, relaxation: float) -> np.ndarray:
    """Return W with members <- mean + W (members - mean), the shift of the mean in every row."""
    u, s, v = np.linalg.svd(apart / np.sqrt(variance), full_matrices=False)
    gain = u @ (s / (1.0 + s**2) * (v @ (left / np.sqrt(variance)))) / np.sqrt(len(apart) - 1)
    root = np.eye(len(apart)) + (u * (1.0 / np.sqrt(1.0 + s**2) - 1.0)) @ u.T
    return np.asarray((1.0 - relaxation) * root + relaxation * np.eye(len(apart)) + gain)


def _mixed(part: np.ndarray, weights: np.ndarray) -> np.ndarray:
    flat = part.reshape(len(part), -1)
    mean = flat.mean(0)
    return np.asarray((mean + weights @ (flat - mean)).reshape(part.shape))
