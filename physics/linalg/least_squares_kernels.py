"""Levenberg-Marquardt for each member of a batch, compiled: a few parameters are too little work for tensors.

Arrays are (batch, ...) and are changed in place: u (P,), curve (n,), jacobian (n, P), sse, damping, growth, and the
flags `converged` and `stalled`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LARGEST_DAMPING = 1e12
LEAST_DAMPING = 1e-12
AS_PREDICTED, FAST = 0.1, 0.02  # where the gain is within a tenth of what was predicted, damping is of no more use
STRIDE = 2.0  # no step changes a positive parameter by more than a factor exp(2)
OFFSET = 1e-4  # a tenth of what Bates & Watts (1981), Technometrics 23, 179, ask of the relative offset
WALL = 1e3  # with more damping than this, a step is small because something is in the way


@njit(cache=True, nogil=True, error_model="numpy")
def misfit(curve, values, weights):
    """Return sum_i w_i (y_i - f_i)^2 of one member."""
    total = 0.0
    for i in range(len(values)):
        rest = values[i] - curve[i]
        total += weights[i] * rest * rest
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _normal_equations(u, curve, jacobian, values, weights, lower, upper, normal, gradient, free):
    """Write J^T W J, J^T W r and which parameters are free to move; return whether all is finite."""
    size = len(u)
    normal[:] = 0.0
    gradient[:] = 0.0
    for i in range(len(values)):
        rest = values[i] - curve[i]
        for j in range(size):
            weighted = weights[i] * jacobian[i, j]
            gradient[j] += weighted * rest
            for k in range(j + 1):
                normal[j, k] += weighted * jacobian[i, k]
    finite = True
    for j in range(size):
        for k in range(j):
            normal[k, j] = normal[j, k]
            finite = finite and np.isfinite(normal[j, k])
        finite = finite and np.isfinite(gradient[j]) and np.isfinite(normal[j, j])
        free[j] = not ((u[j] <= lower[j] and gradient[j] < 0.0) or (u[j] >= upper[j] and gradient[j] > 0.0))
    return finite


@njit(cache=True, nogil=True, error_model="numpy")
def _damped_step(normal, gradient, free, damping, factor, root, step):
    """Write the solution of (N + damping diag N) step = gradient over what is free, by Cholesky.

    With Jacobi scaling: parameters of any unit give a matrix with a unit diagonal.
    """
    size = len(gradient)
    largest = 1e-300
    for j in range(size):
        largest = max(largest, normal[j, j])
    for j in range(size):
        root[j] = np.sqrt(normal[j, j] + damping * max(normal[j, j], 1e-12 * largest)) if free[j] else 1.0
    for j in range(size):
        for k in range(j + 1):
            entry = normal[j, k] / (root[j] * root[k]) if free[j] and free[k] and j != k else 0.0
            if j == k:
                entry = 1.0
            for m in range(k):
                entry -= factor[j, m] * factor[k, m]
            # A pivot of rounding alone: the combination is open, and the gain of the step judges it.
            factor[j, k] = np.sqrt(max(entry, 1e-15)) if j == k else entry / factor[k, k]
    for j in range(size):
        right = gradient[j] / root[j] if free[j] else 0.0
        for m in range(j):
            right -= factor[j, m] * step[m]
        step[j] = right / factor[j, j]
    for j in range(size - 1, -1, -1):
        for m in range(j + 1, size):
            step[j] -= factor[m, j] * step[m]
        step[j] /= factor[j, j]
    for j in range(size):
        step[j] /= root[j]


@njit(cache=True, nogil=True, error_model="numpy")
def propose(
    u, curve, jacobian, sse, values, weights, lower, upper, logarithmic, damping, converged, stalled,
    tolerance, trial, predicted,
):  # fmt: skip
    """Write the next trial of every member that still moves, and the fall of its sum of squares that is predicted.

    A member whose residual is orthogonal to every free column of J within `tolerance` has converged.
    """
    batch, size = u.shape
    normal, factor = np.empty((size, size)), np.zeros((size, size))
    gradient, root, step, free = np.empty(size), np.empty(size), np.empty(size), np.empty(size, dtype=np.bool_)
    for b in range(batch):
        trial[b] = u[b]
        if converged[b] or stalled[b]:
            continue
        if not _normal_equations(
            u[b], curve[b], jacobian[b], values[b], weights[b], lower, upper, normal, gradient, free
        ):
            stalled[b] = True
            continue
        orthogonal = True
        for j in range(size):
            length = np.sqrt(max(normal[j, j], 0.0) * sse[b])
            orthogonal = orthogonal and (not free[j] or abs(gradient[j]) <= tolerance * max(length, 1e-300))
        if orthogonal:
            converged[b] = True
            continue
        _damped_step(normal, gradient, free, damping[b], factor, root, step)
        for j in range(size):
            if logarithmic[j]:
                step[j] = min(max(step[j], -STRIDE), STRIDE)
            trial[b, j] = min(max(u[b, j] + step[j], lower[j]), upper[j])
        predicted[b] = 0.0
        for j in range(size):
            moved = trial[b, j] - u[b, j]
            predicted[b] += 2.0 * moved * gradient[j]
            for k in range(size):
                predicted[b] -= moved * normal[j, k] * (trial[b, k] - u[b, k])


@njit(cache=True, nogil=True, error_model="numpy")
def _offset(u, curve, jacobian, sse, values, weights, lower, upper):
    """Length of the residual's part in the tangent plane over its whole length."""
    size = len(u)
    normal, factor = np.empty((size, size)), np.zeros((size, size))
    gradient, root, step, free = np.empty(size), np.empty(size), np.empty(size), np.empty(size, dtype=np.bool_)
    if not _normal_equations(u, curve, jacobian, values, weights, lower, upper, normal, gradient, free):
        return np.inf
    _damped_step(normal, gradient, free, LEAST_DAMPING, factor, root, step)
    inside = 0.0
    for j in range(size):
        inside += step[j] * gradient[j]
    return np.sqrt(max(inside, 0.0) / max(sse, 1e-300))


@njit(cache=True, nogil=True, error_model="numpy")
def judge(
    members, trial, trial_curve, trial_jacobian, u, curve, jacobian, sse, values, weights, lower, upper,
    damping, growth, converged, stalled, predicted, tolerance,
):  # fmt: skip
    """Take the trials that are better and adapt the damping; the arrays of the trials hold `members` alone."""
    size = u.shape[1]
    for m in range(len(members)):
        b = members[m]
        if converged[b] or stalled[b]:
            continue
        found = misfit(trial_curve[m], values[b], weights[b])
        largest = 0.0
        for j in range(size):
            largest = max(largest, abs(trial[b, j] - u[b, j]))
        tiny = largest <= 1e-2 * tolerance
        if np.isfinite(found) and found < sse[b]:
            gain = (sse[b] - found) / max(predicted[b], 1e-300)
            u[b], curve[b], jacobian[b], sse[b] = trial[b], trial_curve[m], trial_jacobian[m], found
            if abs(gain - 1.0) < AS_PREDICTED:
                shrink = FAST
            else:
                shrink = max(1.0 - (2.0 * min(max(gain, 0.0), 1.0) - 1.0) ** 3, 1.0 / 3.0)
            damping[b] = max(damping[b] * shrink, LEAST_DAMPING)
            growth[b] = 2.0
        else:
            damping[b] *= growth[b]
            growth[b] *= 2.0
        # A step too small to matter: rounding, if little damping made it so; a wall otherwise.
        if tiny:
            little = damping[b] < WALL
            converged[b] = little or (
                _offset(u[b], curve[b], jacobian[b], sse[b], values[b], weights[b], lower, upper) < OFFSET
            )
        stalled[b] = (tiny or damping[b] > LARGEST_DAMPING) and not converged[b]
