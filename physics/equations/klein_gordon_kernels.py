"""The march of `klein_gordon` compiled for the processor, one member at a time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

SINE_GORDON, PHI4 = 0, 1


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _fill(padded, reach, sign, jump):
    """Set the ghosts: phi(x + L) = sign phi(x) + jump."""
    n = padded.shape[0] - 2 * reach
    for j in range(reach):
        padded[reach + n + j] = sign * padded[reach + j] + jump
        padded[j] = sign * (padded[n + j] - jump)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _force(padded, weights, stiffness, mass, potential, force):
    """Fill `force`; return the sums of the potential's force and of the flux through the seam."""
    reach = weights.shape[0]
    n = force.shape[0]
    source = 0.0
    for i in range(n):
        centre = padded[i + reach]
        bend = 0.0
        for j in range(1, reach + 1):
            bend += weights[j - 1] * ((padded[i + reach + j] - centre) - (centre - padded[i + reach - j]))
        pull = -mass * math.sin(centre) if potential == SINE_GORDON else -mass * (centre * centre - 1.0) * centre
        source += pull
        force[i] = stiffness * bend + pull
    flux = 0.0
    for j in range(1, reach + 1):
        for k in range(j):
            right = padded[reach + n + k] - padded[reach + n - j + k]
            left = padded[reach + k] - padded[reach - j + k]
            flux += weights[j - 1] * (right - left)
    return source, stiffness * flux


@njit(cache=True, nogil=True, error_model="numpy")
def march(phi, pi, given, weights, stiffness, mass, potential, sign, jump, drifts, kicks, dt, steps):
    """Advance `phi` and `pi` in place; add to `given` (2,) what potential and seam have given to sum(pi)."""
    reach = weights.shape[0]
    n = phi.shape[0]
    padded = np.empty(n + 2 * reach)
    force = np.empty(n)
    padded[reach : reach + n] = phi
    _fill(padded, reach, sign, jump)
    source, flux = _force(padded, weights, stiffness, mass, potential, force)
    for _ in range(steps):
        for k in range(drifts.shape[0]):
            kick, drift = kicks[k] * dt, drifts[k] * dt
            given[0] += kick * source
            given[1] += kick * flux
            for i in range(n):
                pi[i] += kick * force[i]
                padded[reach + i] += drift * pi[i]
            _fill(padded, reach, sign, jump)
            source, flux = _force(padded, weights, stiffness, mass, potential, force)
        kick = kicks[drifts.shape[0]] * dt
        given[0] += kick * source
        given[1] += kick * flux
        for i in range(n):
            pi[i] += kick * force[i]
    phi[:] = padded[reach : reach + n]
