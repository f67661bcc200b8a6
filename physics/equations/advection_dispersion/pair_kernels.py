"""The march of one column with its derivative along one direction, compiled for the processor.

    B x = c + f,    B x' = c' + f' - B' x,    c <- w x + (1 - w) c,    c' <- w x' + (1 - w) c'

(`physics.integrate.crank_nicolson`; where every cell has a store, `physics.integrate.exchange`). A tridiagonal solve
waits for itself, since every cell needs its neighbour's result. So the derivative marches in the same loop one step
behind, when its right-hand side is known, and fills what the column leaves idle: both take little more than the
column alone. Members of a batch are marched one by one, and share nothing.
Cells that the front has not reached are not touched.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_FAST = {"contract"}  # a product and a sum in one rounding: half the wait between two cells
_NOTHING = 1e-30  # of the feed: cells that no more has reached are left empty; numbers near zero would be slow
_ONE = np.uint64(1)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def factor(lower, diag, upper, scale, lost, under, inverse, over):
    """Factorise B = (1 + lost) I + scale A: `under` = lower/pivot, `inverse` = 1/pivot, `over` = upper/pivot."""
    cells = len(inverse)
    inverse[0] = 1.0 / (1.0 + scale * diag[0] + lost)
    under[0], over[0] = 0.0, scale * upper[0] * inverse[0]
    for i in range(1, cells):
        before = scale * lower[i]
        inverse[i] = 1.0 / (1.0 + scale * diag[i] + lost - before * over[i - 1])
        under[i] = before * inverse[i]
        over[i] = scale * upper[i] * inverse[i]
    over[cells - 1] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(state, store):
    """Return how many cells are not empty, counted from the inlet."""
    count = len(state)
    while count > 1 and state[count - 1] == 0.0 and store[count - 1] == 0.0:
        count -= 1
    return count


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def alone(under, inverse, over, coupling, stored, weights, state, store, x, window, reading, seen):
    """March the column alone; write what is read after every step to `seen`, shape (steps,).

    Args:
        under, inverse, over: from `factor`, shape (cells,).
        coupling: f of the first cell; into, keep and take of `exchange`, which count if `stored`.
        weights: as in `crank_nicolson.march`, shape (steps,).
        state, store: shape (cells,), changed in place.
        x: room for a solution, shape (cells,).
        window, reading: the first cell that is read, and the weights of the cells, shape (size,).
    """
    cells, size, reach = len(inverse), len(reading), _reach(state, store)
    source, into, keep, take = coupling[0] * inverse[0], coupling[1], coupling[2], coupling[3]
    for i in range(reach):
        x[i] = (state[i] + (into * store[i] if stored else 0.0)) * inverse[i]
    for n in range(len(weights)):
        weight, before = weights[n], 0.0
        x[0] += source
        for i in range(reach):
            before = x[i] - under[i] * before
            x[i] = before
        while reach < cells and abs(before) > _NOTHING:
            before = -under[reach] * before
            x[reach] = before
            reach += 1
        after = 0.0
        for j in range(reach):
            k = np.uint64(reach - 1 - j)  # without a sign an index needs no check
            after = x[k] - over[k] * after
            now = state[k] + weight * (after - state[k])
            state[k] = now
            if stored:
                store[k] += weight * (keep * store[k] + take * after - store[k])
                now += into * store[k]
            x[k] = now * inverse[k]
        total = 0.0
        for i in range(size):
            total += reading[i] * state[window + i]
        seen[n] = total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def pair(
    under, inverse, over, moved, coupling, change, stored, weights, state, store, state_t, store_t, x, x_t, pending,
    window, reading, reading_t, seen, seen_t,
):  # fmt: skip
    """March the column and its derivative; as `alone`, with derivatives in `change` and in what ends in `_t`.

    Args:
        moved: the diagonals of B', each row over its pivot, shape (3, cells).
        x, x_t, pending: room, of shape (cells,), (cells + 1,) and (cells,); what is `pending` is what the column brings
            into the derivative of the stores.
    """
    cells, size, steps, reach = len(inverse), len(reading), len(weights), _reach(state, store)
    lower, diag, upper = moved[0], moved[1], moved[2]
    source, into, keep, take = coupling[0] * inverse[0], coupling[1], coupling[2], coupling[3]
    source_t, into_t, keep_t, take_t = change[0] * inverse[0], change[1], change[2], change[3]
    for i in range(cells):
        x[i] = (state[i] + (into * store[i] if stored else 0.0)) * inverse[i]
        x_t[i] = pending[i] = 0.0
    for n in range(steps + 1):
        ahead, behind = weights[n] if n < steps else 0.0, weights[n - 1] if n > 0 else 0.0
        x[0] += source
        x_t[0] += source_t
        before, before_t = 0.0, 0.0
        for i in range(reach):
            before = x[i] - under[i] * before
            before_t = x_t[i] - under[i] * before_t
            x[i], x_t[i] = before, before_t
        while reach < cells and (abs(before) > _NOTHING or abs(before_t) > _NOTHING):
            before, before_t = -under[reach] * before, -under[reach] * before_t
            x[reach], x_t[reach] = before, before_t
            reach += 1
        after, after_t, rest, back = 0.0, 0.0, 0.0, 0.0
        for j in range(reach):
            k = np.uint64(reach - 1 - j)
            right = after
            after, after_t = x[k] - over[k] * after, x_t[k] - over[k] * after_t
            x_t[k + _ONE] = rest - back * after  # the cell behind knows both its neighbours now
            now, now_t = state[k] + ahead * (after - state[k]), state_t[k] + behind * (after_t - state_t[k])
            state[k], state_t[k] = now, now_t
            if stored:
                old, old_t = store[k], store_t[k]
                rest_t = keep * old_t + take * after_t + pending[k]
                pending[k] = keep_t * old + take_t * after
                store[k] = old + ahead * (keep * old + take * after - old)
                store_t[k] = old_t + behind * (rest_t - old_t)
                now += into * store[k]
                now_t += into * store_t[k] + into_t * old
            x[k] = now * inverse[k]
            rest, back = now_t * inverse[k] - diag[k] * after - upper[k] * right, lower[k]
        x_t[0] = rest
        total, total_t, moved_t = 0.0, 0.0, 0.0
        for i in range(size):
            total += reading[i] * state[window + i]
            moved_t += reading_t[i] * state[window + i]
            total_t += reading[i] * state_t[window + i]
        if n > 0:
            seen_t[n - 1] += total_t
        if n < steps:
            seen[n], seen_t[n] = total, moved_t
