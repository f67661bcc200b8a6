"""What follows from the minimum of each member of a batch, compiled: covariance, correlation and half intervals."""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.calibrate.identifiability_kernels import judge

_RANK = 1e-15  # what is smaller beside the largest eigenvalue is rounding


@njit(cache=True, nogil=True, error_model="numpy")
def normal_matrix(jacobian, weights, normal):
    """Write J^T W J of one member; where it is not finite, zero or the largest number as `nan_to_num` has it."""
    size = jacobian.shape[1]
    normal[:] = 0.0
    for i in range(len(weights)):
        for j in range(size):
            weighted = weights[i] * jacobian[i, j]
            for k in range(j + 1):
                normal[j, k] += weighted * jacobian[i, k]
    for j in range(size):
        for k in range(j + 1):
            if not np.isfinite(normal[j, k]):
                normal[j, k] = 0.0 if np.isnan(normal[j, k]) else np.sign(normal[j, k]) * 1.7976931348623157e308
            normal[k, j] = normal[j, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _covariance(normal, variance, left_out, covariance):
    """Write s^2 (J^T W J)^-1 over the parameters that are determined, the pseudo-inverse; nan for the others."""
    size = len(normal)
    whole, root = np.zeros((size, size)), np.empty(size)
    for j in range(size):
        root[j] = np.sqrt(max(0.0 if left_out[j] else normal[j, j], 1e-300))
    for j in range(size):
        for k in range(size):
            if not (left_out[j] or left_out[k]):
                whole[j, k] = normal[j, k] / (root[j] * root[k])
    values, vectors = np.linalg.eigh(whole)
    for j in range(size):
        for k in range(size):
            total = 0.0
            for m in range(size):
                if values[m] > _RANK * values[size - 1]:
                    total += vectors[j, m] * vectors[k, m] / values[m]
            apart = left_out[j] or left_out[k]
            covariance[j, k] = np.nan if apart else variance * total / (root[j] * root[k])


@njit(cache=True, nogil=True, error_model="numpy")
def conclude(
    u, jacobian, curve, values, weights, slope, logarithmic, bound, variance, known,
    weak, deviations, combinations, undetermined, covariance, outward, correlation, residuals, in_theta,
):  # fmt: skip
    """Write what a `Fit` holds for every member; arrays have shape (batch, ...).

    Args:
        slope: d theta / d u; bound: whether a parameter stands on its bound; both (batch, P).
        variance: s^2, infinite without freedom; known: the same, then zero.
    """
    batch, size = u.shape
    normal, scaled, scale = np.empty((size, size)), np.empty((size, size)), np.empty(size)
    left_out = np.empty(size, dtype=np.bool_)
    for b in range(batch):
        normal_matrix(jacobian[b], weights[b], normal)
        for j in range(size):
            # A parameter that is not logarithmic is judged on the scale of its own size.
            scale[j] = 1.0 if logarithmic[j] else max(abs(u[b, j]), 1e-12)
        for j in range(size):
            for k in range(size):
                scaled[j, k] = normal[j, k] * scale[j] * scale[k]
        weak[b] = judge(scaled, known[b], deviations[b], combinations[b], undetermined[b])
        for j in range(size):
            left_out[j] = undetermined[b, j] or bound[b, j]
        _covariance(normal, variance[b], left_out, covariance[b])
        for j in range(size):
            for k in range(size):
                outward[b, j, k] = covariance[b, j, k] * slope[b, j] * slope[b, k]
                correlation[b, j, k] = covariance[b, j, k] / (
                    np.sqrt(covariance[b, j, j]) * np.sqrt(covariance[b, k, k])
                )
        for i in range(curve.shape[1]):
            residuals[b, i] = values[b, i] - curve[b, i]
            for j in range(size):
                in_theta[b, i, j] = jacobian[b, i, j] / slope[b, j]
