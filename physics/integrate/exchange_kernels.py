"""The march of `exchange` compiled for the processor: forward, tangent and adjoint.

Layout, blocks and threads as in `kernels`, whose factors it uses; every cell has a store besides.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.integrate.kernels import LANES, _factor, _solve, _solve_transposed


@njit(cache=True, nogil=True, error_model="numpy")
def forward(
    lower, diag, upper, source, into, keep, take, state, store, weights, window, mass, face,
    first, last, seen, final, final_store, sums,
):  # fmt: skip
    """March one range of the batch; see `exchange.march` for the arguments.

    Writes `seen` (steps, size, batch), `final` and `final_store` (cells, batch) and, if `mass` has rows, `sums`
    (steps, 5, batch).
    """
    cells = diag.shape[0]
    steps, size = seen.shape[0], seen.shape[1]
    under = np.empty((cells, LANES))
    inverse = np.empty((cells, LANES))
    over = np.empty((cells, LANES))
    c = np.empty((cells, LANES))
    s = np.empty((cells, LANES))
    x = np.empty((cells, LANES))
    total = np.empty((2, LANES))
    for start in range(first, last, LANES):
        width = min(LANES, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
                s[i, b] = store[i, start + b]
        for n in range(steps):
            weight = weights[n]
            for i in range(cells):
                for b in range(width):
                    x[i, b] = c[i, b] + into[start + b] * s[i, b]
            for b in range(width):
                x[0, b] += source[start + b]
            _solve(x, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    held = keep[start + b] * s[i, b] + take[start + b] * x[i, b]
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
                    s[i, b] = weight * held + (1.0 - weight) * s[i, b]
            if mass.shape[0] > 0:
                total[:] = 0.0
                for i in range(face):
                    for b in range(width):
                        total[0, b] += mass[i, start + b] * c[i, b]
                        total[1, b] += mass[i, start + b] * s[i, b]
                for b in range(width):
                    sums[n, 0, start + b] = total[0, b]
                    sums[n, 1, start + b] = c[0, b]
                    sums[n, 2, start + b] = c[face - 1, b]
                    sums[n, 3, start + b] = c[face, b] if face < cells else 0.0
                    sums[n, 4, start + b] = total[1, b]
            for k in range(size):
                for b in range(width):
                    seen[n, k, start + b] = c[window[start + b] + k, b]
        for i in range(cells):
            for b in range(width):
                final[i, start + b] = c[i, b]
                final_store[i, start + b] = s[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def tangent(
    lower, diag, upper, source, into, keep, take, state, store, weights, window,
    lower_t, diag_t, upper_t, source_t, into_t, keep_t, take_t, state_t, store_t,
    first, last, seen_t, final_t, final_store_t,
):  # fmt: skip
    """March the state and its directional derivative; the arguments ending in `_t` are tangents."""
    cells = diag.shape[0]
    steps, size = seen_t.shape[0], seen_t.shape[1]
    under = np.empty((cells, LANES))
    inverse = np.empty((cells, LANES))
    over = np.empty((cells, LANES))
    c = np.empty((cells, LANES))
    s = np.empty((cells, LANES))
    x = np.empty((cells, LANES))
    ct = np.empty((cells, LANES))
    st = np.empty((cells, LANES))
    xt = np.empty((cells, LANES))
    for start in range(first, last, LANES):
        width = min(LANES, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
                ct[i, b] = state_t[i, start + b]
                s[i, b] = store[i, start + b]
                st[i, b] = store_t[i, start + b]
        for n in range(steps):
            weight = weights[n]
            for i in range(cells):
                for b in range(width):
                    x[i, b] = c[i, b] + into[start + b] * s[i, b]
            for b in range(width):
                x[0, b] += source[start + b]
            _solve(x, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    fed = into_t[start + b] * s[i, b] + into[start + b] * st[i, b]
                    xt[i, b] = ct[i, b] + fed - diag_t[i, start + b] * x[i, b]
            for i in range(1, cells):
                for b in range(width):
                    xt[i, b] -= lower_t[i, start + b] * x[i - 1, b]
                    xt[i - 1, b] -= upper_t[i - 1, start + b] * x[i, b]
            for b in range(width):
                xt[0, b] += source_t[start + b]
            _solve(xt, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    held_t = keep_t[start + b] * s[i, b] + keep[start + b] * st[i, b]
                    held_t += take_t[start + b] * x[i, b] + take[start + b] * xt[i, b]
                    held = keep[start + b] * s[i, b] + take[start + b] * x[i, b]
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
                    s[i, b] = weight * held + (1.0 - weight) * s[i, b]
                    ct[i, b] = weight * xt[i, b] + (1.0 - weight) * ct[i, b]
                    st[i, b] = weight * held_t + (1.0 - weight) * st[i, b]
            for k in range(size):
                for b in range(width):
                    seen_t[n, k, start + b] = ct[window[start + b] + k, b]
        for i in range(cells):
            for b in range(width):
                final_t[i, start + b] = ct[i, b]
                final_store_t[i, start + b] = st[i, b]


@njit(cache=True, nogil=True, error_model="numpy")
def adjoint(
    lower, diag, upper, source, into, keep, take, state, store, weights, window,
    seen_bar, final_bar, final_store_bar, first, last, lanes,
    lower_bar, diag_bar, upper_bar, source_bar, into_bar, keep_bar, take_bar, state_bar, store_bar,
):  # fmt: skip
    """March forward keeping midpoints and stores, then the transposed system backwards; adds to `*_bar`.

    `lanes` bounds the memory: 2 * steps * cells * lanes numbers are kept.
    """
    cells = diag.shape[0]
    steps, size = seen_bar.shape[0], seen_bar.shape[1]
    under = np.empty((cells, lanes))
    inverse = np.empty((cells, lanes))
    over = np.empty((cells, lanes))
    c = np.empty((cells, lanes))
    mu = np.empty((cells, lanes))
    kept = np.empty((steps, cells, lanes))
    stores = np.empty((steps + 1, cells, lanes))
    for start in range(first, last, lanes):
        width = min(lanes, last - start)
        _factor(lower, diag, upper, start, width, under, inverse, over)
        for i in range(cells):
            for b in range(width):
                c[i, b] = state[i, start + b]
                stores[0, i, b] = store[i, start + b]
        for n in range(steps):
            weight = weights[n]
            x, s, after = kept[n], stores[n], stores[n + 1]
            for i in range(cells):
                for b in range(width):
                    x[i, b] = c[i, b] + into[start + b] * s[i, b]
            for b in range(width):
                x[0, b] += source[start + b]
            _solve(x, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    held = keep[start + b] * s[i, b] + take[start + b] * x[i, b]
                    c[i, b] = weight * x[i, b] + (1.0 - weight) * c[i, b]
                    after[i, b] = weight * held + (1.0 - weight) * s[i, b]
        s_bar = stores[steps]
        for i in range(cells):
            for b in range(width):
                c[i, b] = final_bar[i, start + b]
                s_bar[i, b] = final_store_bar[i, start + b]
        for n in range(steps - 1, -1, -1):
            weight = weights[n]
            x, s = kept[n], stores[n]
            for k in range(size):
                for b in range(width):
                    c[window[start + b] + k, b] += seen_bar[n, k, start + b]
            for i in range(cells):
                for b in range(width):
                    held_bar = weight * s_bar[i, b]
                    keep_bar[start + b] += held_bar * s[i, b]
                    take_bar[start + b] += held_bar * x[i, b]
                    s_bar[i, b] = (1.0 - weight) * s_bar[i, b] + keep[start + b] * held_bar
                    mu[i, b] = weight * c[i, b] + take[start + b] * held_bar
            _solve_transposed(mu, under, inverse, over, width)
            for i in range(cells):
                for b in range(width):
                    c[i, b] = (1.0 - weight) * c[i, b] + mu[i, b]
                    into_bar[start + b] += mu[i, b] * s[i, b]
                    s_bar[i, b] += into[start + b] * mu[i, b]
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
                store_bar[i, start + b] = s_bar[i, b]
