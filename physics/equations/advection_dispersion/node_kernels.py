"""The time grid of `physics.integrate.octaves`, what stands between its nodes, and the answer to a feed, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

POINTS, HALF_STEPS = 8, 4
MOST_OCTAVES = 64
_SCALES = np.array([math.prod(k - m for m in range(POINTS) if m != k) for k in range(POINTS)], dtype=np.float64)
_GAUSS, _WEIGHTS = np.polynomial.legendre.leggauss(4)

VALUE, SCALE, MOMENT, OFF = range(4)
FIRST = 4  # the columns of an answer: its value, derivatives by ln(unit), time and end of pulse, and along directions


@njit(cache=True, nogil=True, error_model="numpy")
def octaves(steps, end, starts, widths, counts):
    """Write where each stretch starts, its step and how many steps it marches; return how many stretches."""
    width = 2.0 / steps
    starts[0], widths[0] = 0.0, width
    counts[0] = min(steps, max(math.ceil(end / width), POINTS)) + HALF_STEPS // 2
    start, found = 2.0, 1
    while start < end and found < MOST_OCTAVES:
        width *= 2.0
        starts[found], widths[found] = start, width
        counts[found] = min(steps // 2, max(math.ceil((end - start) / width), POINTS))
        start *= 2.0
        found += 1
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def keep(seen, stretch, node, rows):
    """Write what was read after the steps of a stretch to the nodes from `node` on; return the next node."""
    for n in range(len(seen)):
        if stretch == 0 and n < HALF_STEPS and n % 2 == 0:
            continue  # half a step is no node
        rows[node] = seen[n]
        node += 1
    return node


@njit(cache=True, nogil=True, error_model="numpy")
def locate(at, starts, widths, offsets, stretches, basis, slopes):
    """Write the polynomials that interpolate at `at` >= 0 and their derivatives; return the first node."""
    stretch = 0
    while stretch < stretches - 1 and at >= starts[stretch + 1]:
        stretch += 1
    start, width, first = starts[stretch], widths[stretch], offsets[stretch]
    base = max(first + math.floor((at - start) / width) - POINTS // 2 + 1, 0)
    base = max(min(base, offsets[stretch + 1] - POINTS + 1), first)
    u = (at - start) / width - (base - first)
    value, slope = 1.0, 0.0
    for k in range(POINTS):  # the product of what lies below, then of what lies above
        basis[k], slopes[k] = value, slope
        value, slope = value * (u - k), slope * (u - k) + value
    value, slope = 1.0, 0.0
    for k in range(POINTS - 1, -1, -1):
        slopes[k] = (slopes[k] * value + basis[k] * slope) / (_SCALES[k] * width)
        basis[k] = basis[k] * value / _SCALES[k]
        value, slope = value * (u - k), slope * (u - k) + value
    return base


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(rows, starts, widths, offsets, stretches, areas):
    """Write the integrals of the interpolated rows, (rows, nodes), from zero to each node; see `feed.integral`."""
    basis, slopes = np.empty(POINTS), np.empty(POINTS)
    areas[:, 0] = 0.0
    for stretch in range(stretches):
        width = widths[stretch]
        for node in range(offsets[stretch], offsets[stretch + 1]):
            begin = starts[stretch] + (node - offsets[stretch]) * width
            for r in range(len(rows)):
                areas[r, node + 1] = areas[r, node]
            for g in range(len(_GAUSS)):
                base = locate(
                    begin + 0.5 * (1.0 + _GAUSS[g]) * width, starts, widths, offsets, stretches, basis, slopes
                )
                for r in range(len(rows)):
                    total = 0.0
                    for k in range(POINTS):
                        total += basis[k] * rows[r, base + k]
                    areas[r, node + 1] += 0.5 * _WEIGHTS[g] * width * total


@njit(cache=True, nogil=True, error_model="numpy")
def _add(rows, at, factor, starts, widths, offsets, stretches, basis, slopes, derive, answer):
    """Add `factor` times what stands at `at` > 0 and its derivatives; return the one by the time."""
    base = locate(at, starts, widths, offsets, stretches, basis, slopes)
    for r in range(len(rows)):
        total = 0.0
        for k in range(POINTS):
            total += basis[k] * rows[r, base + k]
        answer[VALUE if r == 0 else FIRST + r - 1] += factor * total
    slope = 0.0
    for k in range(POINTS):
        slope += slopes[k] * rows[0, base + k]
    if derive:
        answer[SCALE] -= factor * at * slope
        answer[MOMENT] += factor * slope
    return factor * slope


@njit(cache=True, nogil=True, error_model="numpy")
def superpose(rows, at, initial, first, off, knots, bends, starts, widths, offsets, stretches, factor, derive, answers):
    """Add `factor` times the answer to a feed, see `feed.superpose`; all times in the unit of the nodes.

    Args:
        rows: the answer to a unit step at the nodes, and its derivatives along directions, shape (rows, nodes).
        at: shape (times,).
        initial: what stands before time zero.
        first, off, knots, bends: of the feed; an `off` that is negative for none.
        derive: whether for the derivatives; else the value alone is written.
        answers: shape (times, FIRST + rows - 1), or (times, 1) for values alone.
    """
    basis, slopes = np.empty(POINTS), np.empty(POINTS)
    areas = np.empty((len(rows) if len(knots) else 0, rows.shape[1]))
    if len(knots):
        integrate(rows, starts, widths, offsets, stretches, areas)
    lookup = (starts, widths, offsets)
    for i in range(len(at)):
        answer = answers[i]
        if at[i] > 0.0:
            _add(rows, at[i], factor * first, *lookup, stretches, basis, slopes, derive, answer)
        else:
            answer[VALUE] += factor * first * initial
        if off >= 0.0 and at[i] > off:
            slope = _add(rows, at[i] - off, -factor, *lookup, stretches, basis, slopes, derive, answer)
            if derive:
                answer[OFF] -= slope
        for k in range(len(knots)):
            since = at[i] - knots[k]
            if since > 0.0:
                before = answer[VALUE]
                _add(areas, since, factor * bends[k], *lookup, stretches, basis, slopes, derive, answer)
                if derive:
                    answer[SCALE] += answer[VALUE] - before
