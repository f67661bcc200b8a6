"""What follows from the minimum of each member of a batch, compiled: covariance, correlation and half intervals."""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.calibrate.identifiability_kernels import judge
from physics.linalg.symmetric_kernels import eigh

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
    values, vectors = np.empty(size), np.empty((size, size))
    eigh(whole, values, vectors)
    for j in range(size):
        for k in range(size):
            total = 0.0
            for m in range(size):
                if values[m] > _RANK * values[size - 1]:
                    total += vectors[j, m] * vectors[k, m] / values[m]
            apart = left_out[j] or left_out[k]
            covariance[j, k] = np.nan if apart else variance * total / (root[j] * root[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _estimate(u, logarithmic, slope, variance, quantile, estimates):
    """Write value, standard deviation and the ends of the interval, shape (4,); open where nothing bounds it."""
    deviation = np.sqrt(variance) if variance > 0.0 else (0.0 if variance <= 0.0 else np.nan)
    half = quantile * deviation
    known = np.isfinite(half)
    estimates[0] = np.exp(u) if logarithmic else u
    estimates[1] = slope * deviation if known else np.inf
    if known:
        estimates[2] = np.exp(u - half) if logarithmic else u - half
        estimates[3] = np.exp(u + half) if logarithmic else u + half
    else:
        estimates[2], estimates[3] = 0.0 if logarithmic else -np.inf, np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def conclude(
    logarithmic, lower, upper, u, jacobian, curve, values, weights, sse, told, quantiles, rmse, bound, estimates,
    weak, deviations, combinations, undetermined, covariance, outward, correlation, residuals, in_theta,
):  # fmt: skip
    """Write what a `Fit` holds for every member; arrays have shape (batch, ...).

    Args:
        logarithmic, lower, upper: of the space, shape (P,).
        told: the number of points with a weight; quantiles: half an interval in standard deviations, (batch,).
        rmse, bound, estimates and what follows: written; `estimates` has shape (batch, 4, P).
    """
    batch, size = u.shape
    normal, scaled, scale = np.empty((size, size)), np.empty((size, size)), np.empty(size)
    left_out, slope = np.empty(size, dtype=np.bool_), np.empty(size)
    for b in range(batch):
        freedom = told[b] - size
        variance = sse[b] / freedom if freedom > 0 else np.inf
        rmse[b] = np.sqrt(sse[b] / weights[b].sum())
        normal_matrix(jacobian[b], weights[b], normal)
        for j in range(size):
            slope[j] = np.exp(u[b, j]) if logarithmic[j] else 1.0
            bound[b, j] = u[b, j] <= lower[j] or u[b, j] >= upper[j]
            # A parameter that is not logarithmic is judged on the scale of its own size.
            scale[j] = 1.0 if logarithmic[j] else max(abs(u[b, j]), 1e-12)
        for j in range(size):
            for k in range(size):
                scaled[j, k] = normal[j, k] * scale[j] * scale[k]
        known = variance if freedom > 0 else 0.0
        judge(scaled, known, weak[b], deviations[b], combinations[b], undetermined[b])
        for j in range(size):
            left_out[j] = undetermined[b, j] or bound[b, j]
        _covariance(normal, variance, left_out, covariance[b])
        for j in range(size):
            for k in range(size):
                outward[b, j, k] = covariance[b, j, k] * slope[j] * slope[k]
                correlation[b, j, k] = covariance[b, j, k] / (
                    np.sqrt(covariance[b, j, j]) * np.sqrt(covariance[b, k, k])
                )
            _estimate(u[b, j], logarithmic[j], slope[j], covariance[b, j, j], quantiles[b], estimates[b, :, j])
        for i in range(curve.shape[1]):
            residuals[b, i] = values[b, i] - curve[b, i]
            for j in range(size):
                in_theta[b, i, j] = jacobian[b, i, j] / slope[j]
