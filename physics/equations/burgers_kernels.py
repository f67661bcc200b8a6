"""The march of `burgers` compiled for the processor, one member at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

MOST = 30  # Newton steps
CLOSE = 1e-13  # of the largest value: a Newton correction below this is the last


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _flux(u, viscosity, gaps, flux):
    """Fluxes at the faces right of u[0] ... u[-2]."""
    for i in range(flux.shape[0]):
        a, b = u[i], u[i + 1]
        flux[i] = (a * a + a * b + b * b) / 6.0 - viscosity * (b - a) / gaps[i]


@njit(cache=True, nogil=True, error_model="numpy")
def midpoint(u, widths, gaps, viscosity, rate, periodic, m, work):
    """Solve 2 H (m - u) / dt + F(m)_{i+1/2} - F(m)_{i-1/2} = 0 for m; return whether Newton's method met.

    `u` and `m` hold the unknowns between two values beyond them: the held ones, or the neighbours around the
    period. `rate` is 2 / dt; `work` (6, n + 1) is scratch.
    """
    n = u.shape[0] - 2
    flux, lower, diag, upper, x, z = work[0], work[1], work[2], work[3], work[4], work[5]
    for i in range(n + 2):
        m[i] = u[i]
    for _ in range(MOST):
        _flux(m, viscosity, gaps, flux)
        for i in range(n):
            left, here, right = m[i], m[i + 1], m[i + 2]
            lower[i] = -(2.0 * left + here) / 6.0 - viscosity / gaps[i]
            upper[i] = (here + 2.0 * right) / 6.0 - viscosity / gaps[i + 1]
            diag[i] = (
                widths[i] * rate
                + ((2.0 * here + right) - (left + 2.0 * here)) / 6.0
                + viscosity / gaps[i]
                + viscosity / gaps[i + 1]
            )
            x[i] = -(widths[i] * rate * (here - u[i + 1]) + flux[i + 1] - flux[i])
            z[i] = 0.0
        if periodic:
            _solve_around(lower, diag, upper, x, z, n)
        else:
            _solve(lower, diag, upper, x, z, n)
        most, size = 0.0, 0.0
        for i in range(n):
            m[i + 1] += x[i]
            most = max(most, abs(x[i]))
            size = max(size, abs(m[i + 1]))
        if periodic:
            m[0], m[n + 1] = m[n], m[1]
        if not np.isfinite(most):
            return False
        if most <= CLOSE * size or size == 0.0:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve(lower, diag, upper, x, z, n):
    """Overwrite both right-hand sides by the solutions; without pivoting."""
    for i in range(1, n):
        factor = lower[i] / diag[i - 1]
        diag[i] -= factor * upper[i - 1]
        x[i] -= factor * x[i - 1]
        z[i] -= factor * z[i - 1]
    x[n - 1] /= diag[n - 1]
    z[n - 1] /= diag[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = (x[i] - upper[i] * x[i + 1]) / diag[i]
        z[i] = (z[i] - upper[i] * z[i + 1]) / diag[i]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _solve_around(lower, diag, upper, x, z, n):
    """The same with corners lower[0] and upper[n-1], by the Sherman-Morrison formula."""
    gamma = -diag[0]
    beta, alpha = lower[0], upper[n - 1]
    diag[0] -= gamma
    diag[n - 1] -= alpha * beta / gamma
    z[0] = gamma
    z[n - 1] = alpha
    _solve(lower, diag, upper, x, z, n)
    share = (x[0] + beta * x[n - 1] / gamma) / (1.0 + z[0] + beta * z[n - 1] / gamma)
    for i in range(n):
        x[i] -= share * z[i]


@njit(cache=True, nogil=True, error_model="numpy")
def march(u, passed, widths, gaps, viscosity, periodic, dt, steps):
    """Advance `u` in place and add to `passed`; return False where Newton's method did not meet."""
    n = u.shape[0] - 2
    m = np.empty(n + 2)
    work = np.empty((6, n + 1))
    flux = np.empty(n + 1)
    for _ in range(steps):
        if not midpoint(u, widths, gaps, viscosity, 2.0 / dt, periodic, m, work):
            return False
        _flux(m, viscosity, gaps, flux)
        for i in range(n):
            u[i + 1] += dt * (flux[i] - flux[i + 1]) / widths[i]
        if periodic:
            u[0], u[n + 1] = u[n], u[1]
        heat = 0.0
        for i in range(1 if periodic else 0, n + 1):
            heat += (m[i + 1] - m[i]) ** 2 / gaps[i]
        passed[0] += dt * flux[0]
        passed[1] += dt * flux[n]
        end = m[n + 1] if periodic else m[0]
        passed[2] += dt * (end * flux[0] - end**3 / 6.0)
        passed[3] += dt * (m[n + 1] * flux[n] - m[n + 1] ** 3 / 6.0)
        passed[4] += dt * viscosity * heat
    return True
