"""The march of `dendrite` compiled for the processor, one member at a time.

Sums are grouped so that mirrored points and, for a fourfold crystal on a square, exchanged axes go through the
same roundings: those symmetries are kept bit by bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TINY = 1e-60  # under the root of |grad p|^2, so that a flat field has no direction


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _turned(px, py, folds, c0, s0):
    """Return cos and sin of folds (theta - theta_0), theta the direction of (px, py)."""
    scale = 1.0 / math.sqrt(px * px + py * py + TINY)
    a, b = px * scale, py * scale
    c, s = 1.0, 0.0
    power = folds
    while power > 0:
        if power & 1:
            c, s = c * a - s * b, c * b + s * a
        a, b = a * a - b * b, 2.0 * (a * b)
        power >>= 1
    return c * c0 + s * s0, s * c0 - c * s0


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _flux(along, across, side, folds, c0, s0, width, strength):
    """Flux of p through a face: `along` its normal, `side` 1 where that is x and -1 where it is y."""
    if along == 0.0 and across == 0.0:
        return 0.0
    if side > 0:
        c, s = _turned(along, across, folds, c0, s0)
    else:
        c, s = _turned(across, along, folds, c0, s0)
    shape = 1.0 + strength * c
    slope = -strength * folds * s
    return width * width * (shape * shape * along - side * (shape * slope) * across)


@njit(cache=True, nogil=True, error_model="numpy")
def rates(p, t, h, given, folds, c0, s0, cooling, wall, dp, dt):
    """Fill dp/dt and dT/dt; return the heat that leaves through the walls per unit of time."""
    latent, strength, width, relaxation, coupling, steepness = given
    nx, ny = p.shape
    left, right, warm_left = np.zeros(ny), np.zeros(ny), np.zeros(ny)
    out = 0.0
    for i in range(nx):
        inside = i < nx - 1
        wide = h if 0 < i < nx - 1 else 0.5 * h
        up = i + 1 if inside else i - 1
        down = i - 1 if i > 0 else 1
        below, warm_below = 0.0, 0.0
        for j in range(ny):
            high = j + 1 if j < ny - 1 else j - 1
            low = j - 1 if j > 0 else 1
            tall = h if 0 < j < ny - 1 else 0.5 * h
            right[j], warm_right = 0.0, 0.0
            if inside:
                across = ((p[i, high] - p[i, low]) + (p[i + 1, high] - p[i + 1, low])) / (4.0 * h)
                right[j] = _flux((p[i + 1, j] - p[i, j]) / h, across, 1, folds, c0, s0, width, strength)
                warm_right = (t[i + 1, j] - t[i, j]) / h
            above, warm_above = 0.0, 0.0
            if j < ny - 1:
                across = ((p[up, j] - p[down, j]) + (p[up, j + 1] - p[down, j + 1])) / (4.0 * h)
                above = _flux((p[i, j + 1] - p[i, j]) / h, across, -1, folds, c0, s0, width, strength)
                warm_above = (t[i, j + 1] - t[i, j]) / h
            lost_x = cooling * (t[i, j] - wall) if i == 0 or i == nx - 1 else 0.0
            lost_y = cooling * (t[i, j] - wall) if j == 0 or j == ny - 1 else 0.0
            out += lost_x * tall + lost_y * wide
            drive = coupling / math.pi * math.atan(steepness * -t[i, j])
            here = p[i, j]
            spread = (right[j] - left[j]) / wide + (above - below) / tall
            dp[i, j] = (spread + here * (1.0 - here) * (here - 0.5 + drive)) / relaxation
            heat = (warm_right - warm_left[j] - lost_x) / wide + (warm_above - warm_below - lost_y) / tall
            dt[i, j] = heat + latent * dp[i, j]
            left[j], warm_left[j] = right[j], warm_right
            below, warm_below = above, warm_above
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def march(p, t, lost, h, given, folds, c0, s0, cooling, wall, step, steps):
    """Advance `p` and `t` in place by Heun's method and add to `lost` (1,)."""
    dp, dt = np.empty_like(p), np.empty_like(t)
    dq, du = np.empty_like(p), np.empty_like(t)
    q, u = np.empty_like(p), np.empty_like(t)
    for _ in range(steps):
        first = rates(p, t, h, given, folds, c0, s0, cooling, wall, dp, dt)
        for i in range(p.shape[0]):
            for j in range(p.shape[1]):
                q[i, j] = p[i, j] + step * dp[i, j]
                u[i, j] = t[i, j] + step * dt[i, j]
        second = rates(q, u, h, given, folds, c0, s0, cooling, wall, dq, du)
        for i in range(p.shape[0]):
            for j in range(p.shape[1]):
                p[i, j] += 0.5 * step * (dp[i, j] + dq[i, j])
                t[i, j] += 0.5 * step * (dt[i, j] + du[i, j])
        lost[0] += 0.5 * step * (first + second)
