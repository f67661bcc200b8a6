"""The march of `crank_nicolson` compiled for the processor: forward, tangent and adjoint.

Arrays are (cells, batch) or (steps, ..., batch). Each kernel treats the columns `first` to `last` of the
batch in blocks of `LANES`, with the batch innermost, so that a block's state and factors stay in the
second-level cache. Kernels release the GIL and share nothing, so threads may take disjoint ranges.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 16


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _factor(lower, diag, upper, start, width, under, inverse, over):
    """LU without pivoting of one block: `under` = lower/pivot, `inverse` = 1/pivot, `over` = upper/pivot."""
    cells = diag.shape[0]
    for b in range(width):
        under[0, b] = 0.0
        inverse[0, b] = 1.0 / diag[0, start + b]
        over[0, b] = upper[0, start + b] * inverse[0, b]
    for i in range(1, cells):
        for b in range(width):
            inverse[i, b] = 1.0 / (diag[i, start + b] - lower[i, start + b] * over[i - 1, b])
            under[i, b] = lower[i, start + b] * inverse[i, b]
            over[i, b] = upper[i, start + b] * inverse[i, b] if i < cells - 1 else 0.0


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve(x, under, inverse, over, width):
    """Overwrite the right-hand side `x` with the solution."""
    cells = x.shape[0]
    for b in range(width):
        x[0, b] *= inverse[0, b]
    for i in range(1, cells):
        for b in range(width):
            x[i, b] = x[i, b] * inverse[i, b] - under[i, b] * x[i - 1, b]
    for i in range(cells - 2, -1, -1):
        for b in range(width):
            x[i, b] -= over[i, b] * x[i + 1, b]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve_transposed(x, under, inverse, over, width):
    """Overwrite the right-hand side `x` with the solution of the transposed system."""
    cells = x.shape[0]
    for i in range(1, cells):
        for b in range(width):
            x[i, b] -= over[i - 1, b] * x[i - 1, b]
    for i in range(cells - 2, -1, -1):
        for b in range(width):
            x[i, b] -= under[i + 1, b] * x[i + 1, b]
            x[i + 1, b] *= inverse[i + 1, b]
    for b in range(width):
        x[0, b] *= inverse[0, b]


@njit(cache=True, nogil=True, error_model="numpy")
def forward(lower, diag, upper, source, state, weights, window, mass, face, first, last, seen, final, sums):
    """March one range of the batch; see `crank_nicolson.march` for the arguments.

    Writes `seen` (steps, size, batch), `final` (cells, batch) and, if `mass` has rows, `sums` (steps, 4,
    batch).
    """
    cells = diag.shape[0]
    steps, size = seen.shape[0], seen.shape[1]
    lanes = min(LANES, last - first)  # a narrow batch stays in the first-level cache
    under = np.empty((cells, lanes))
    inverse = np.empty((cells, lanes))
    over = np.empty((cells, lanes))
    c = np.empty((cells, lanes))
    x = np.empty((cells, lanes))
    total = np.empty(LANES)
    for start in range(first, last, LANES):
        width = min(LANES, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
        for n in range(steps):
            weight = weights[n]
            for b in range(width):
                x[0, b] = (c[0, b] + source[start + b]) * inverse[0, b]
            for i in range(1, cells):
                for b in range(width):
                    x[i, b] = c[i, b] * inverse[i, b] - under[i, b] * x[i - 1, b]
            for b in range(width):
                c[cells - 1, b] = weight * x[cells - 1, b] + (1.0 - weight) * c[cells - 1, b]
            for i in range(cells - 2, -1, -1):
                for b in range(width):
                    x[i, b] -= over[i, b] * x[i + 1, b]
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
            if mass.shape[0] > 0:
                for b in range(width):
                    total[b] = 0.0
                for i in range(face):
                    for b in range(width):
                        total[b] += mass[i, start + b] * c[i, b]
                for b in range(width):
                    sums[n, 0, start + b] = total[b]
                    sums[n, 1, start + b] = c[0, b]
                    sums[n, 2, start + b] = c[face - 1, b]
                    sums[n, 3, start + b] = c[face, b] if face < cells else 0.0
            for k in range(size):
                for b in range(width):
                    seen[n, k, start + b] = c[window[start + b] + k, b]
        for i in range(cells):
            for b in range(width):
                final[i, start + b] = c[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def tangent(
    lower, diag, upper, source, state, weights, window,
    lower_t, diag_t, upper_t, source_t, state_t, first, last, seen_t, final_t,
):  # fmt: skip
    """March the state and its directional derivative; the arguments ending in `_t` are tangents."""
    cells = diag.shape[0]
    steps, size = seen_t.shape[0], seen_t.shape[1]
    lanes = min(LANES, last - first)  # a narrow batch stays in the first-level cache
    under = np.empty((cells, lanes))
    inverse = np.empty((cells, lanes))
    over = np.empty((cells, lanes))
    c = np.empty((cells, lanes))
    x = np.empty((cells, lanes))
    ct = np.empty((cells, lanes))
    xt = np.empty((cells, lanes))
    moved, after = np.empty((3, cells, lanes)), np.empty(lanes)
    for start in range(first, last, LANES):
        width = min(LANES, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
                ct[i, b] = state_t[i, start + b]
                moved[0, i, b] = lower_t[i, start + b]
                moved[1, i, b] = diag_t[i, start + b]
                moved[2, i, b] = upper_t[i, start + b]
        for n in range(steps):
            weight = weights[n]
            for b in range(width):
                x[0, b] = (c[0, b] + source[start + b]) * inverse[0, b]
            for i in range(1, cells):
                for b in range(width):
                    x[i, b] = c[i, b] * inverse[i, b] - under[i, b] * x[i - 1, b]
            for b in range(width):
                c[cells - 1, b] = weight * x[cells - 1, b] + (1.0 - weight) * c[cells - 1, b]
                after[b] = 0.0
            for i in range(cells - 2, -1, -1):
                for b in range(width):
                    x[i, b] -= over[i, b] * x[i + 1, b]
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
                    # The right-hand side of the tangent behind, as soon as both neighbours are known.
                    xt[i + 1, b] = (
                        ct[i + 1, b] - moved[1, i + 1, b] * x[i + 1, b] - moved[0, i + 1, b] * x[i, b] - after[b]
                    )
                    after[b] = moved[2, i, b] * x[i + 1, b]
            for b in range(width):
                xt[0, b] = (ct[0, b] - moved[1, 0, b] * x[0, b] - after[b] + source_t[start + b]) * inverse[0, b]
            for i in range(1, cells):
                for b in range(width):
                    xt[i, b] = xt[i, b] * inverse[i, b] - under[i, b] * xt[i - 1, b]
            for b in range(width):
                ct[cells - 1, b] = weight * xt[cells - 1, b] + (1.0 - weight) * ct[cells - 1, b]
            for i in range(cells - 2, -1, -1):
                for b in range(width):
                    xt[i, b] -= over[i, b] * xt[i + 1, b]
                    ct[i, b] = weight * xt[i, b] + (1.0 - weight) * ct[i, b]
            for k in range(size):
                for b in range(width):
                    seen_t[n, k, start + b] = ct[window[start + b] + k, b]
        for i in range(cells):
            for b in range(width):
                final_t[i, start + b] = ct[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def adjoint(
    lower, diag, upper, source, state, weights, window, seen_bar, final_bar, first, last, lanes,
    lower_bar, diag_bar, upper_bar, source_bar, state_bar,
):  # fmt: skip
    """March forward keeping the midpoints, then the transposed system backwards; adds to `*_bar`.

    `lanes` bounds the memory: steps * cells * lanes numbers are kept.
    """
    cells = diag.shape[0]
    steps, size = seen_bar.shape[0], seen_bar.shape[1]
    under = np.empty((cells, lanes))
    inverse = np.empty((cells, lanes))
    over = np.empty((cells, lanes))
    c = np.empty((cells, lanes))
    mu = np.empty((cells, lanes))
    kept = np.empty((steps, cells, lanes))
    for start in range(first, last, lanes):
        width = min(lanes, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
        for n in range(steps):
            weight = weights[n]
            x = kept[n]
            for i in range(cells):
                for b in range(width):
                    x[i, b] = c[i, b]
            for b in range(width):
                x[0, b] += source[start + b]
            _solve(x, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
        for i in range(cells):
            for b in range(width):
                c[i, b] = final_bar[i, start + b]
        for n in range(steps - 1, -1, -1):
            weight = weights[n]
            x = kept[n]
            for k in range(size):
                for b in range(width):
                    c[window[start + b] + k, b] += seen_bar[n, k, start + b]
            for i in range(cells):
                for b in range(width):
                    mu[i, b] = weight * c[i, b]
            _solve_transposed(mu, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    c[i, b] = (1.0 - weight) * c[i, b] + mu[i, b]
                    diag_bar[i, start + b] -= mu[i, b] * x[i, b]
            for i in range(1, cells):
                for b in range(width):
                    lower_bar[i, start + b] -= mu[i, b] * x[i - 1, b]
                    upper_bar[i - 1, start + b] -= mu[i - 1, b] * x[i, b]
            for b in range(width):
                source_bar[start + b] += mu[0, b]
        for i in range(cells):
            for b in range(width):
                state_bar[i, start + b] = c[i, b]
