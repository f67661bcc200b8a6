"""Compiled reading of bands of curves between their nodes; see `basis`."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def direct(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
    """Make bands (batch, nodes) rise, in place: what lies below a lower or above an upper end is no truth."""
    batch, nodes = value.shape
    for b in range(batch):
        for k in range(1, nodes):
            lower[b, k] = max(lower[b, k], lower[b, k - 1])
            value[b, k] = max(value[b, k], value[b, k - 1])
        for k in range(nodes - 2, -1, -1):
            upper[b, k] = min(upper[b, k], upper[b, k + 1])
        for k in range(nodes):
            value[b, k] = min(max(value[b, k], lower[b, k]), max(lower[b, k], upper[b, k]))


@njit(cache=True, nogil=True)
def read(curves: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return curves (kinds, batch, nodes) at places (batch, times) within 0 to 1, shape (kinds, batch, times)."""
    kinds, batch, nodes = curves.shape
    found = np.empty((kinds, batch, places.shape[1]))
    for b in range(batch):
        for n in range(places.shape[1]):
            x = min(max(places[b, n], 0.0), 1.0) * (nodes - 1)
            first = min(max(int(x) - 1, 0), nodes - 4)
            t = x - first
            a, d, e = t - 1.0, t - 2.0, t - 3.0
            w0, w1, w2, w3 = -a * d * e / 6.0, t * d * e / 2.0, -t * a * e / 2.0, t * a * d / 6.0
            for k in range(kinds):
                row = curves[k, b]
                found[k, b, n] = w0 * row[first] + w1 * row[first + 1] + w2 * row[first + 2] + w3 * row[first + 3]
    return found
