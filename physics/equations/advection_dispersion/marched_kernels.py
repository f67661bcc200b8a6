"""One column's curve at one resolution with its derivatives, compiled: `breakthrough.trace` and `feed.superpose`."""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.equations.advection_dispersion.node_kernels import MOST_OCTAVES, keep, octaves, superpose
from physics.equations.advection_dispersion.pair_kernels import alone, factor, pair
from physics.equations.advection_dispersion.system_kernels import (
    PECLET,
    STENCIL,
    TINY,
    arrival,
    grid,
    operator,
    reading,
    step,
)
from physics.integrate.crank_nicolson import CRANK_NICOLSON, HALF_STEP

HALVES = 4


@njit(cache=True, nogil=True, error_model="numpy")
def _moved(numbers, direction):
    """Return the numbers with one of them moved by i `TINY`; none for a negative direction."""
    found = numbers.astype(np.complex128)
    if direction >= 0:
        found[direction] += 1j * TINY
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _split(moved, values, changes):
    """Write the first of some moved numbers and their derivatives."""
    for i in range(len(values)):
        values[i], changes[i] = moved[i].real, moved[i].imag / TINY


@njit(cache=True, nogil=True, error_model="numpy")
def _march(
    numbers, direction, widths, gaps, cells, first_type, flux, at_end, leach, stored, schedule, counts, stretches,
    rows, which,
):  # fmt: skip
    """March a column to all nodes; write what is read to row 0 and, with a direction, its derivative to `which`.

    Args:
        numbers: Pe, Da, place, mobile share and exchange, shape (5,).
        widths, gaps: of the grid, complex: moved where the direction moves it.
        schedule, counts: the starts and the steps of the stretches, (2, stretches), and how many steps each has.
    """
    size, derive = len(widths), direction >= 0
    given = _moved(numbers, direction)
    lower, diag, upper = np.empty((3, size), dtype=np.complex128)
    source = operator(given, widths, gaps, first_type, leach, stored, lower, diag, upper)
    read = np.empty(STENCIL, dtype=np.complex128)
    window, count = reading(given, cells, gaps, at_end, flux, read)
    read_value, read_change = np.empty(count), np.empty(count)
    _split(read, read_value, read_change)
    values, slopes = np.empty((3, size)), np.empty((3, size))
    _split(lower, values[0], slopes[0])
    _split(diag, values[1], slopes[1])
    _split(upper, values[2], slopes[2])
    under, inverse, over, x, pending = np.empty((5, size))
    x_t = np.empty(size + 1)
    state, store, state_t, store_t = np.zeros((4, size))
    if leach:
        state[:], store[:] = 1.0, 1.0
    coupling, moved = np.zeros(4, dtype=np.complex128), np.empty((3, size))
    coupled, changed = np.empty(4), np.empty(4)
    unit, node = arrival(given, stored), 1
    rows[0, 0] = read_value.sum() if leach else 0.0
    if derive:
        rows[which, 0] = read_change.sum() if leach else 0.0
    for k in range(stretches):
        half = 0.5 * schedule[1, k] * unit
        scale, lost = step(given, half, source, stored, coupling)
        _split(coupling, coupled, changed)
        factor(values[0], values[1], values[2], scale.real, lost.real, under, inverse, over)
        weights = np.full(counts[k], CRANK_NICOLSON)
        if k == 0:
            weights[:HALVES] = HALF_STEP
        seen, seen_t = np.empty(counts[k]), np.empty(counts[k])
        if derive:
            for row in range(3):
                added = lost.imag / TINY if row == 1 else 0.0
                for i in range(size):
                    change = scale.imag / TINY * values[row, i] + scale.real * slopes[row, i] + added
                    moved[row, i] = change * inverse[i]
            pair(
                under, inverse, over, moved, coupled, changed, stored, weights,
                state, store, state_t, store_t, x, x_t, pending, window, read_value, read_change, seen, seen_t,
            )  # fmt: skip
            keep(seen_t, k, node, rows[which])
        else:
            alone(under, inverse, over, coupled, stored, weights, state, store, x, window, read_value, seen)
        node = keep(seen, k, node, rows[0])


@njit(cache=True, nogil=True, error_model="numpy")
def curves(
    numbers, directions, derive, kinds, size, scales, times, first, off, knots, bends, factor_, begin, end, answers
):  # fmt: skip
    """Add the curves of columns `begin` to `end` at one resolution, times a factor, and their derivatives.

    Args:
        numbers: shape (batch, 5), as in `system_kernels`.
        directions: which of them derivatives are taken by, shape (directions,).
        kinds: whether first_type, closed, flux, at_end, leach and stored.
        size: cells, steps and tail.
        scales: R l / v of each column, shape (batch,).
        times: shape (times,); with `knots` (knots,), `off` (batch,; negative for none) and 1 / `bends` in seconds.
        answers: shape (batch, times, columns), the columns as in `node_kernels`.
    """
    first_type, closed, flux, at_end, leach, stored = kinds
    cells, steps, tail = size
    schedule, counts = np.empty((2, MOST_OCTAVES)), np.empty(MOST_OCTAVES, dtype=np.int64)
    offsets = np.empty(MOST_OCTAVES + 1, dtype=np.int64)
    widths, gaps = np.empty((2, cells + tail), dtype=np.complex128)
    for b in range(begin, end):
        unit = scales[b] * arrival(_moved(numbers[b], -1), stored).real
        at = times / unit
        stretches = octaves(steps, max(at.max(), 1e-6), schedule[0], schedule[1], counts)
        offsets[0] = 0
        for k in range(stretches):
            offsets[k + 1] = offsets[k] + counts[k] - (HALVES // 2 if k == 0 else 0)
        rows = np.empty((1 + len(directions), offsets[stretches] + 1))
        grid(cells, tail, closed, numbers[b, 0], False, widths, gaps)
        if len(directions) == 0:
            _march(
                numbers[b], -1, widths, gaps, cells, first_type, flux, at_end, leach, stored, schedule, counts,
                stretches, rows, 0,
            )  # fmt: skip
        for j in range(len(directions)):
            if not closed and (directions[j] == PECLET or (j > 0 and directions[j - 1] == PECLET)):
                grid(cells, tail, closed, numbers[b, 0], directions[j] == PECLET, widths, gaps)
            _march(
                numbers[b], directions[j], widths, gaps, cells, first_type, flux, at_end, leach, stored, schedule,
                counts, stretches, rows, 1 + j,
            )  # fmt: skip
        superpose(
            rows, at, 1.0 if leach else 0.0, first, off[b] / unit, knots / unit, bends * unit,
            schedule[0], schedule[1], offsets, stretches, factor_, derive, answers[b],
        )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def units(numbers, directions, stored, unit, relative):
    """Write the arrivals, shape (batch,), and their derivatives over them, shape (batch, directions)."""
    for b in range(len(numbers)):
        unit[b] = arrival(_moved(numbers[b], -1), stored).real
        for j in range(len(directions)):
            relative[b, j] = arrival(_moved(numbers[b], directions[j]), stored).imag / TINY / unit[b]
