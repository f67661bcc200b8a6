"""The march of `sorption` compiled for the processor: forward, tangent and adjoint, one member at a time.

Each stage is a Newton iteration on a tridiagonal system; its derivatives are those of the equation it solves, at
the solution, so that no iteration is differentiated.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

GAMMA = 1.0 - math.sqrt(0.5)
EXTRA = (1.0 - GAMMA) / GAMMA  # how far the second stage starts beyond the first
MOST = 60  # Newton iterations
CLOSE = 1e-12


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _power(w, p):
    """Return sign(w) |w|^p and its derivative in w."""
    if p == 1.0:
        return w, 1.0
    size = abs(w)
    if size == 0.0:
        return 0.0, 0.0
    slope = size ** (p - 1.0)
    return w * slope, p * slope


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _log(w):
    return math.log(abs(w)) if w != 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _tables(w, kappa, a, b, c, dc, s, dm):
    """Fill concentration, its slope, the sorbed amount and the slope of what the cell holds."""
    for i in range(len(w)):
        c[i], dc[i] = _power(w[i], a)
        s[i], ds = _power(w[i], b)
        dm[i] = dc[i] + kappa * ds


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _flow(i, lower, diag, upper, c):
    """Return (L c)_i."""
    value = diag[i] * c[i]
    if i > 0:
        value += lower[i] * c[i - 1]
    if i < len(c) - 1:
        value += upper[i] * c[i + 1]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(h, lower, diag, upper, dc, dm, x, over):
    """Overwrite `x` with the solution of (diag(dm) + h L diag(dc)) y = x."""
    cells = len(x)
    pivot = dm[0] + h * diag[0] * dc[0]
    x[0] /= pivot
    for i in range(1, cells):
        over[i - 1] = h * upper[i - 1] * dc[i] / pivot
        below = h * lower[i] * dc[i - 1]
        pivot = dm[i] + h * diag[i] * dc[i] - below * over[i - 1]
        x[i] = (x[i] - below * x[i - 1]) / pivot
    for i in range(cells - 2, -1, -1):
        x[i] -= over[i] * x[i + 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_transposed(h, lower, diag, upper, dc, dm, x, over):
    """Overwrite `x` with the solution of (diag(dm) + h diag(dc) L^T) y = x."""
    cells = len(x)
    pivot = dm[0] + h * diag[0] * dc[0]
    x[0] /= pivot
    for i in range(1, cells):
        over[i - 1] = h * lower[i] * dc[i - 1] / pivot
        below = h * upper[i - 1] * dc[i]
        pivot = dm[i] + h * diag[i] * dc[i] - below * over[i - 1]
        x[i] = (x[i] - below * x[i - 1]) / pivot
    for i in range(cells - 2, -1, -1):
        x[i] -= over[i] * x[i + 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _stage(h, fed, lower, diag, upper, kappa, a, b, r, w, c, dc, s, dm, x, over):
    """Solve c + kappa s + h L c = r + fed for w, from the w given; return whether it converged."""
    cells = len(w)
    for _ in range(MOST):
        _tables(w, kappa, a, b, c, dc, s, dm)
        for i in range(cells):
            x[i] = c[i] + kappa * s[i] + h * _flow(i, lower, diag, upper, c) - r[i]
        x[0] -= fed
        _solve(h, lower, diag, upper, dc, dm, x, over)
        largest = 0.0
        for i in range(cells):
            w[i] -= x[i]
            largest = max(largest, abs(x[i]))
        if largest <= CLOSE:
            _tables(w, kappa, a, b, c, dc, s, dm)
            return True
        if not largest < 1e6:
            return False
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def forward(
    lower, diag, upper, source, steps, feed, kappa, a, b, full, window, mass, face, first, last, seen, sums, kept,
):  # fmt: skip
    """March the members `first` to `last`; see `sorption.march` for the arguments.

    Writes `seen` (steps, size, batch), `sums` (steps + 1, 5, batch) if `mass` has rows, and the stages `kept`
    (batch, steps, 2, cells) if it has members. What did not converge is not a number from there on. What a cell
    holds is carried on by its fluxes, so that their balance closes whatever the iteration left.
    """
    cells = diag.shape[0]
    c, dc, s, dm = np.empty(cells), np.empty(cells), np.empty(cells), np.empty(cells)
    x, over, r, w = np.empty(cells), np.empty(cells), np.empty(cells), np.empty(cells)
    y, before = np.empty(cells), np.empty(4)
    for k in range(first, last):
        low, mid, up = lower[:, k].copy(), diag[:, k].copy(), upper[:, k].copy()
        w[:] = full
        y[:] = full * (1.0 + kappa[k])
        if mass.shape[0] > 0:
            sums[0, :, k] = 0.0
            for i in range(face):
                sums[0, 0, k] += mass[i, k] * y[i]
        for n in range(steps.shape[0]):
            h, fed = steps[n, k], steps[n, k] * source[k] * feed[n, k]
            good = _stage(h, fed, low, mid, up, kappa[k], a[k], b[k], y, w, c, dc, s, dm, x, over)
            if kept.shape[0] > 0:
                kept[k, n, 0] = w
            before[:] = 0.0
            if mass.shape[0] > 0:
                before[0], before[1] = c[0], c[face - 1]
                before[2] = c[face] if face < cells else 0.0
                for i in range(face):
                    before[3] += mass[i, k] * c[i]
            for i in range(cells):
                r[i] = y[i] - EXTRA * h * _flow(i, low, mid, up, c)
            r[0] += EXTRA * fed
            good &= _stage(h, fed, low, mid, up, kappa[k], a[k], b[k], r, w, c, dc, s, dm, x, over)
            if not good:
                seen[n:, :, k] = np.nan
                if mass.shape[0] > 0:
                    sums[n + 1 :, :, k] = np.nan
                break
            if kept.shape[0] > 0:
                kept[k, n, 1] = w
            for i in range(cells):
                y[i] = r[i] - h * _flow(i, low, mid, up, c)
            y[0] += fed
            for j in range(seen.shape[1]):
                seen[n, j, k] = c[window[k] + j]
            if mass.shape[0] > 0:
                after = c[face] if face < cells else 0.0
                held, dissolved = 0.0, 0.0
                for i in range(face):
                    held += mass[i, k] * y[i]
                    dissolved += mass[i, k] * c[i]
                sums[n + 1, 0, k] = held
                sums[n + 1, 1, k] = (1.0 - GAMMA) * before[0] + GAMMA * c[0]
                sums[n + 1, 2, k] = (1.0 - GAMMA) * before[1] + GAMMA * c[face - 1]
                sums[n + 1, 3, k] = (1.0 - GAMMA) * before[2] + GAMMA * after
                sums[n + 1, 4, k] = (1.0 - GAMMA) * before[3] + GAMMA * dissolved


@njit(cache=True, nogil=True, error_model="numpy")
def tangent(
    lower, diag, upper, source, steps, feed, kappa, a, b,
    lower_t, diag_t, upper_t, source_t, steps_t, feed_t, kappa_t, a_t, b_t,
    full, window, kept, first, last, seen_t,
):  # fmt: skip
    """Push a direction through the stages `kept`; the arguments ending in `_t` are tangents."""
    cells = diag.shape[0]
    c, dc, s, dm = np.empty(cells), np.empty(cells), np.empty(cells), np.empty(cells)
    x, over, ct, yt = np.empty(cells), np.empty(cells), np.empty(cells), np.empty(cells)
    start, moved = np.empty(cells), np.empty(cells)
    for k in range(first, last):
        low, mid, up = lower[:, k].copy(), diag[:, k].copy(), upper[:, k].copy()
        low_t, mid_t, up_t = lower_t[:, k].copy(), diag_t[:, k].copy(), upper_t[:, k].copy()
        yt[:] = full * kappa_t[k]
        for n in range(steps.shape[0]):
            h, ht = steps[n, k], steps_t[n, k]
            fed = ht * source[k] * feed[n, k] + h * (source_t[k] * feed[n, k] + source[k] * feed_t[n, k])
            start[:] = yt
            for stage in range(2):
                w = kept[k, n, stage]
                _tables(w, kappa[k], a[k], b[k], c, dc, s, dm)
                for i in range(cells):
                    moved[i] = c[i] * _log(w[i]) * a_t[k]
                for i in range(cells):
                    grown = kappa_t[k] * s[i] + kappa[k] * s[i] * _log(w[i]) * b_t[k]
                    x[i] = start[i] - ht * _flow(i, low, mid, up, c) - h * _flow(i, low_t, mid_t, up_t, c)
                    x[i] -= moved[i] + h * _flow(i, low, mid, up, moved) + grown
                x[0] += fed
                _solve(h, low, mid, up, dc, dm, x, over)
                for i in range(cells):
                    grown = kappa_t[k] * s[i] + kappa[k] * s[i] * _log(w[i]) * b_t[k]
                    ct[i] = dc[i] * x[i] + moved[i]
                    new = dm[i] * x[i] + moved[i] + grown
                    if stage == 0:
                        start[i] = yt[i] + EXTRA * (new - yt[i])
                    else:
                        yt[i] = new
            for j in range(seen_t.shape[1]):
                seen_t[n, j, k] = ct[window[k] + j]


@njit(cache=True, nogil=True, error_model="numpy")
def adjoint(
    lower, diag, upper, source, steps, feed, kappa, a, b, seen_bar, full, window, kept, first, last,
    lower_bar, diag_bar, upper_bar, source_bar, steps_bar, feed_bar, kappa_bar, a_bar, b_bar,
):  # fmt: skip
    """Pull cotangents back through the stages `kept`; adds to `*_bar`."""
    cells = diag.shape[0]
    c, dc, s, dm = np.empty(cells), np.empty(cells), np.empty(cells), np.empty(cells)
    mu, over, c_bar = np.empty(cells), np.empty(cells), np.empty(cells)
    y_bar, out_bar = np.empty(cells), np.empty(cells)
    for k in range(first, last):
        low, mid, up = lower[:, k].copy(), diag[:, k].copy(), upper[:, k].copy()
        y_bar[:] = 0.0
        for n in range(steps.shape[0] - 1, -1, -1):
            h = steps[n, k]
            c_bar[:] = 0.0
            for j in range(seen_bar.shape[1]):
                c_bar[window[k] + j] += seen_bar[n, j, k]
            out_bar[:] = y_bar
            for stage in range(1, -1, -1):
                w = kept[k, n, stage]
                _tables(w, kappa[k], a[k], b[k], c, dc, s, dm)
                for i in range(cells):
                    mu[i] = dm[i] * out_bar[i] + dc[i] * c_bar[i]
                _solve_transposed(h, low, mid, up, dc, dm, mu, over)
                for i in range(cells):
                    log, flow = _log(w[i]), _flow(i, low, mid, up, c)
                    pulled = diag[i, k] * mu[i]
                    if i > 0:
                        pulled += up[i - 1] * mu[i - 1]
                        lower_bar[i, k] -= h * mu[i] * c[i - 1]
                    if i < cells - 1:
                        pulled += low[i + 1] * mu[i + 1]
                        upper_bar[i, k] -= h * mu[i] * c[i + 1]
                    diag_bar[i, k] -= h * mu[i] * c[i]
                    steps_bar[n, k] -= mu[i] * flow
                    gap = out_bar[i] - mu[i]
                    kappa_bar[k] += gap * s[i]
                    b_bar[k] += gap * kappa[k] * s[i] * log
                    a_bar[k] += (gap + c_bar[i] - h * pulled) * c[i] * log
                steps_bar[n, k] += mu[0] * source[k] * feed[n, k]
                source_bar[k] += h * feed[n, k] * mu[0]
                feed_bar[n, k] += h * source[k] * mu[0]
                for i in range(cells):
                    if stage == 1:
                        y_bar[i] = (1.0 - EXTRA) * mu[i]
                        out_bar[i] = EXTRA * mu[i]
                        c_bar[i] = 0.0
                    else:
                        y_bar[i] += mu[i]
        for i in range(cells):
            kappa_bar[k] += full * y_bar[i]
