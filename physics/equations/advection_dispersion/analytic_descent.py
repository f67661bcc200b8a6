"""The whole descent of `physics.calibrate.levenberg` on curves of the closed form, compiled: member by member.

A curve of 35 points and its derivatives take some two microseconds, no more than one call of an array operation or
two: a whole fit of a few steps is then worth no more than some ten such calls.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from physics.equations.advection_dispersion.analytic_kernels import LENGTH, POSITION, VELOCITY, column, workspace
from physics.linalg.least_squares_kernels import judge, misfit, propose

ALONG = -1  # in `places`: a parameter without influence


@njit(cache=True, nogil=True, error_model="numpy")
def _linearise(
    u, places, wanted, logarithmic, row, times, first_type, closed, flux, inside, placed, pulse, leach, decaying,
    memory, tables, slopes, curve, jacobian,
):  # fmt: skip
    """Write a member's curve, (n,), and its derivatives by u, (n, P); u has shape (P,), the row of numbers (7,)."""
    size = len(u)
    for j in range(size):
        if places[j] != ALONG:
            row[places[j]] = math.exp(u[j]) if logarithmic[j] else u[j]
    if not placed:
        row[POSITION] = row[LENGTH]
    column(row, times, first_type, closed, flux, inside, pulse, leach, decaying, wanted, memory, tables, curve, slopes)
    for j in range(size):
        factor = 0.0 if places[j] == ALONG else (row[places[j]] if logarithmic[j] else 1.0)
        for i in range(len(times)):
            jacobian[i, j] = slopes[j, i] * factor


@njit(cache=True, nogil=True, error_model="numpy")
def descend(
    u, places, logarithmic, lower, upper, columns, times, values, weights,
    first_type, closed, flux, inside, placed, pulse, leach, decaying,
    iterations, tolerance, first, last, curve, jacobian, sse, converged, stalled, counts,
):  # fmt: skip
    """Bring members `first` to `last` of u, shape (batch, P), to the minimum; the rest as in `levenberg.descend`.

    Args:
        places: for each parameter its column, or `ALONG`.
        columns: in the order of `NAMES`, shape (batch, 7); written.
        placed: the sensor's position is given; else it stands at the length.
        curve, jacobian, sse, converged, stalled, counts: written; `counts` are the steps of each member.
    """
    size, n = u.shape[1], len(times)
    slopes, trial, predicted = np.empty((size, n)), np.empty((1, size)), np.zeros(1)
    (memory, tables), wanted = workspace(n), places.copy()
    for j in range(size):
        if places[j] == ALONG:
            wanted[j] = VELOCITY  # any: it is left out
        elif places[j] == LENGTH and not placed and not closed:
            wanted[j] = POSITION  # the reading moves with the length
    trial_curve, trial_jacobian = np.empty((1, n)), np.empty((1, n, size))
    damping, growth, alone = np.empty(1), np.empty(1), np.zeros(1, dtype=np.int64)
    start, column, begun = np.empty(size), np.empty(columns.shape[1]), False
    begun_curve, begun_jacobian = np.empty(n), np.empty((n, size))
    for b in range(first, last):
        me = slice(b, b + 1)
        if begun and (u[b] == start).all() and (columns[b] == column).all():
            curve[b], jacobian[b] = begun_curve, begun_jacobian  # where sets begin alike, one curve does for all
        else:
            start[:], column[:], begun = u[b], columns[b], True
            _linearise(
                u[b], places, wanted, logarithmic, columns[b], times, first_type, closed, flux, inside, placed, pulse,
                leach, decaying, memory, tables, slopes, curve[b], jacobian[b],
            )  # fmt: skip
            begun_curve[:], begun_jacobian[:] = curve[b], jacobian[b]
        sse[b] = misfit(curve[b], values[b], weights[b])
        converged[b], stalled[b], counts[b] = False, not np.isfinite(sse[b]), 0
        damping[0], growth[0] = 1e-3, 2.0
        while True:
            propose(
                u[me], curve[me], jacobian[me], sse[me], values[me], weights[me], lower, upper, logarithmic, damping,
                converged[me], stalled[me], tolerance, trial, predicted,
            )  # fmt: skip
            if converged[b] or stalled[b] or counts[b] == iterations:
                break
            counts[b] += 1
            _linearise(
                trial[0], places, wanted, logarithmic, columns[b], times, first_type, closed, flux, inside, placed,
                pulse, leach, decaying, memory, tables, slopes, trial_curve[0], trial_jacobian[0],
            )  # fmt: skip
            judge(
                alone, trial, trial_curve, trial_jacobian, u[me], curve[me], jacobian[me], sse[me], values[me],
                weights[me], lower, upper, damping, growth, converged[me], stalled[me], predicted, tolerance,
            )  # fmt: skip
