"""A column's tridiagonal system and its derivatives, compiled: what `equation`, `reading` and `two_region` state.

A derivative along one of the dimensionless numbers is the imaginary part of the same arithmetic with that number
moved by i 1e-30: no digit is lost, and nothing is written twice.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

PECLET, DAMKOHLER, PLACE, MOBILE, EXCHANGE = range(5)
STENCIL = 6
TINY = 1e-30
_DECADES = 11.0 * math.log(10.0)


@njit(cache=True, nogil=True, error_model="numpy")
def arrival(numbers, stored):
    """Return the unit of the time grid; see `breakthrough.arrival`. `numbers` is complex, shape (5,)."""
    local = numbers[PECLET] * numbers[PLACE]
    whole = numbers[PLACE] * local / (local + 4.0)
    if stored:
        exchange = numbers[EXCHANGE] * numbers[PLACE]
        whole = whole * (numbers[MOBILE] + (1.0 - numbers[MOBILE]) * exchange / (1.0 + exchange))
    return whole


@njit(cache=True, nogil=True, error_model="numpy")
def _beyond(a, span):
    """How far the grid goes beyond 1."""
    return math.exp(a) * math.expm1(a * span) / math.expm1(a)


@njit(cache=True, nogil=True, error_model="numpy")
def _growth(peclet, span):
    """Return the growth of the open grid, and its derivative; see `equation.extended_grid`."""
    beyond = 0.6 * span + _DECADES / peclet
    low, high = -6.0 / (1.0 + span), math.log1p(beyond) / span + 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _beyond(middle, span) < beyond:
            low = middle
        else:
            high = middle
    a = 0.5 * (low + high)
    if abs(a) < 1e-6:
        a = 1e-6
    slope = (_beyond(a + 1e-4, span) - _beyond(a - 1e-4, span)) / 2e-4
    return a - (_beyond(a, span) - beyond) / slope, -_DECADES / peclet**2 / slope


@njit(cache=True, nogil=True, error_model="numpy")
def grid(cells, tail, closed, peclet, moves, widths, gaps):
    """Write the cells of `equation.uniform_grid` or `equation.extended_grid`, complex.

    Args:
        peclet: a number.
        moves: the Peclet number does, and an open grid with it.
        widths, gaps: shape (cells + tail,).
    """
    if closed:
        widths[:] = 1.0 / cells
        gaps[:] = 1.0 / cells
        return
    a, a_t = _growth(peclet, tail / cells)
    whole, whole_t, tilt = math.expm1(a), math.exp(a), TINY * a_t if moves else 0.0
    faces = np.empty(2 * (cells + tail) + 2, dtype=np.complex128)
    for j in range(len(faces)):
        s = (j - 1) / (2.0 * cells)
        x = math.expm1(a * s)
        faces[j] = complex(x / whole, tilt * ((x + 1.0) * s * whole - x * whole_t) / whole**2)
    for i in range(len(widths)):
        widths[i], gaps[i] = faces[2 * i + 3] - faces[2 * i + 1], faces[2 * i + 2] - faces[2 * i]


@njit(cache=True, nogil=True, error_model="numpy")
def operator(numbers, widths, gaps, first_type, leach, stored, lower, diag, upper):
    """Write the diagonals of A, complex, shape (cells,); return the source. See `equation.operator`."""
    cells, peclet, decay = len(lower), numbers[PECLET], numbers[DAMKOHLER]
    if stored:
        decay = decay * numbers[MOBILE]
    entering = 0.0j
    lower[0] = 0.0
    for i in range(cells):
        leaving, back = 1.0 + 0.0j, 0.0j  # what flows on from this cell, and what flows back from the next one
        if i < cells - 1:
            exchange = 1.0 / (peclet * gaps[i + 1])
            leaving, back = 0.5 + exchange, 0.5 - exchange
        upper[i] = back / widths[i]
        diag[i] = (leaving - entering) / widths[i] + decay
        if i < cells - 1:
            lower[i + 1] = -leaving / widths[i + 1]
        entering = back
    source = 1.0 / widths[0]
    if first_type:
        mirror = 2.0 / (peclet * gaps[0])
        diag[0] += mirror / widths[0]
        source = (1.0 + mirror) / widths[0]
    return 0.0j if leach else source


@njit(cache=True, nogil=True, error_model="numpy")
def step(numbers, half, source, stored, coupling):
    """Return scale and lost of B = (1 + lost) I + scale A for a half step; write f, into, keep and take, complex."""
    if not stored:
        coupling[0] = source * half
        coupling[1:] = 0.0
        return half, 0.0j
    mobile, decaying = numbers[MOBILE], 1.0 + half * numbers[DAMKOHLER]
    resting, swapped = (1.0 - mobile) * decaying, half * numbers[EXCHANGE]
    whole = resting + swapped
    if whole.real <= 0.0:
        whole = 1.0 + 0.0j
    keep, take, scale = (1.0 - mobile) / whole, swapped / whole, half / mobile
    coupling[0], coupling[1], coupling[2], coupling[3] = source * scale, swapped * keep / mobile, keep, take
    return scale, take * resting / mobile


@njit(cache=True, nogil=True, error_model="numpy")
def reading(numbers, cells, gaps, at_end, flux, weights):
    """Write the weights of the cells that are read, complex, shape (STENCIL,); return the first cell and how many.

    See `reading.at_face` and `reading.inside`.
    """
    peclet = numbers[PECLET]
    weights[:] = 0.0
    if at_end:
        if len(gaps) == cells:
            weights[0] = 1.0
            return cells - 1, 1
        slope = 1.0 / (peclet * gaps[cells]) if flux else 0.0j
        weights[0], weights[1] = 0.5 + slope, 0.5 - slope
        return cells - 1, 2
    u = numbers[PLACE] * cells - 0.5
    first = min(max(math.floor(u.real) - STENCIL // 2 + 1, 0), cells + 1 - STENCIL)
    window = min(first, cells - STENCIL)
    u -= first
    for k in range(STENCIL):
        value, slope = 1.0 + 0.0j, 0.0j
        for m in range(STENCIL):
            if m != k:
                slope = (slope * (u - m) + value) / (k - m)
                value = value * (u - m) / (k - m)
        weights[min(first - window + k, STENCIL - 1)] += value - slope * (cells / peclet) if flux else value
    return window, STENCIL
