"""The march of `projection` compiled for the processor: one member of a batch, many steps.

Arrays are (z, x) with x innermost, so that recursions along z run over all modes of x at once. A kernel releases
the GIL and shares nothing; members of a batch may be marched by different threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.linalg.transform_kernels import (
    faces_from_modes,
    faces_to_modes,
    from_modes,
    quarters_from_modes,
    quarters_to_modes,
    to_modes,
    transposed,
    turn_modes,
)

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def factor(rows, modes, a, shift, inverse):
    """Write the inverse pivots of shift + a (modes - rows): rows (3, n) are d2/dz2, modes (m,) are kappa^2."""
    n = rows.shape[1]
    for m in range(modes.shape[0]):
        inverse[0, m] = 1.0 / (shift + a * (modes[m] - rows[1, 0]))
    for j in range(1, n):
        coupling = a * a * rows[0, j] * rows[2, j - 1]
        for m in range(modes.shape[0]):
            inverse[j, m] = 1.0 / (shift + a * (modes[m] - rows[1, j]) - coupling * inverse[j - 1, m])


@njit(**_OPTIONS)
def solve(rows, a, inverse, x):
    """Overwrite the right-hand side `x` (n, modes) with the solution of the system that `factor` has factored."""
    n, modes = x.shape
    for m in range(modes):
        x[0, m] *= inverse[0, m]
    for j in range(1, n):
        below = a * rows[0, j]
        for m in range(modes):
            x[j, m] = (x[j, m] + below * x[j - 1, m]) * inverse[j, m]
    for j in range(n - 2, -1, -1):
        above = a * rows[2, j]
        for m in range(modes):
            x[j, m] += above * inverse[j, m] * x[j + 1, m]


@njit(**_OPTIONS)
def pad(field, periodic, padded):
    """Copy `field` (rows, n) into `padded` (rows, n + 2) with its neighbours behind both ends; zeros behind a wall."""
    n = field.shape[1]
    for j in range(field.shape[0]):
        for i in range(n):
            padded[j, i + 1] = field[j, i]
        padded[j, 0] = field[j, n - 1] if periodic else 0.0
        padded[j, n + 1] = field[j, 0] if periodic else 0.0


@njit(**_OPTIONS)
def explicit(up, wp, tp, dz, gap, h, push_x, push_z, now, before, old, out):
    """Write out = now N + before old and old <- N, the advection and buoyancy of u, w and T.

    `up`, `wp`, `tp` are padded; `old` and `out` are (3, nz, nx), whose second part holds w at the faces 1 ... nz-1 in
    its first nz - 1 rows. `push` is Ra Pr along each direction.
    """
    nz, n = dz.shape[0], up.shape[1] - 2
    over_h = 1.0 / h
    for j in range(nz):
        below, above = max(j - 1, 0), min(j + 1, nz - 1)
        over_dz = 1.0 / dz[j]
        for i in range(1, n + 1):
            u, left, right = up[j, i], up[j, i - 1], up[j, i + 1]
            flux_x = 0.25 * ((u + right) * (u + right) - (left + u) * (left + u))
            w_above, w_below = wp[j + 1, i - 1] + wp[j + 1, i], wp[j, i - 1] + wp[j, i]
            flux_z = 0.25 * (w_above * (u + up[above, i]) - w_below * (up[below, i] + u))
            value = push_x * (0.5 * (tp[j, i - 1] + tp[j, i]) - 0.5) - flux_x * over_h - flux_z * over_dz
            out[0, j, i - 1] = now * value + before * old[0, j, i - 1]
            old[0, j, i - 1] = value
        for i in range(1, n + 1):
            t = tp[j, i]
            flux_x = 0.5 * (up[j, i + 1] * (t + tp[j, i + 1]) - up[j, i] * (tp[j, i - 1] + t))
            flux_z = 0.5 * (wp[j + 1, i] * (t + tp[above, i]) - wp[j, i] * (tp[below, i] + t))
            value = -flux_x * over_h - flux_z * over_dz
            out[2, j, i - 1] = now * value + before * old[2, j, i - 1]
            old[2, j, i - 1] = value
    for j in range(1, nz):
        over_gap = 1.0 / gap[j]
        part_below, part_above = 0.5 * dz[j - 1] * over_gap, 0.5 * dz[j] * over_gap
        for i in range(1, n + 1):
            w = wp[j, i]
            u_right = part_below * up[j - 1, i + 1] + part_above * up[j, i + 1]
            u_left = part_below * up[j - 1, i] + part_above * up[j, i]
            flux_x = 0.5 * (u_right * (w + wp[j, i + 1]) - u_left * (wp[j, i - 1] + w))
            w_above, w_below = w + wp[j + 1, i], wp[j - 1, i] + w
            flux_z = 0.25 * (w_above * w_above - w_below * w_below)
            value = push_z * (0.5 * (tp[j - 1, i] + tp[j, i]) - 0.5) - flux_x * over_h - flux_z * over_gap
            out[1, j - 1, i - 1] = now * value + before * old[1, j - 1, i - 1]
            old[1, j - 1, i - 1] = value


@njit(**_OPTIONS)
def courant(u, w, dz, h):
    """Return the largest |u|/h + |w|/dz, the rate at which a cell is swept."""
    largest = 0.0
    for j in range(u.shape[0]):
        row = 0.0
        for i in range(u.shape[1]):
            row = max(row, abs(u[j, i]) / h + max(abs(w[j, i]), abs(w[j + 1, i])) / dz[j])
        largest = max(largest, row)
    return largest


@njit(**_OPTIONS)
def off_centre(stiffness):
    """Return 1 / theta of the viscous term: 2 where a substep resolves the decay of the largest eddies, else less."""
    z = 20.0 * stiffness  # a Pr k^2 / 2 of the first roll
    return 2.0 - z * z / (1.0 + z * z)


@njit(**_OPTIONS)
def march(
    u, w, t, p, centres, faces, slip_free, turn, quarters, face_zero, kappa, kappa_slip_free, periodic,
    dz, gap, h, rows_t, rows_u, rows_w, rows_p, prandtl, push_x, push_z, dt, steps, weights, sums,
):  # fmt: skip
    """March one member in place: u (nz, nx), w (nz + 1, nx), t (nz, nx), p in modes (nz, nx).

    The bases are the `halves` and `quarters` of `physics.linalg.transforms.Basis`.
    `weights` (3, 2) are the weights of N and of the N before; `sums` (2,) is added the heat that came in at the bottom
    and went out at the top. Returns the largest `courant` seen.
    """
    nz, n = t.shape
    kind = t.dtype  # complex where an imaginary part carries a derivative
    k2, k2_free = kappa * kappa, kappa_slip_free * kappa_slip_free
    lu_t, lu_u, lu_w = np.empty((3, nz, n), kind), np.empty((3, nz, n), kind), np.empty((3, nz - 1, n), kind)
    lu_p = np.empty((nz, n))
    for s in range(3):
        a = 0.5 * dt * (weights[s, 0] + weights[s, 1])
        factor(rows_t, k2, a, 1.0, lu_t[s])
        r = off_centre(a * prandtl)
        factor(rows_u, k2, 2.0 * a / r * prandtl, 1.0, lu_u[s])
        factor(rows_w, k2_free, 2.0 * a / r * prandtl, 1.0, lu_w[s])
    pinned = rows_p.copy()
    pinned[1, 0] *= 2.0
    factor(rows_p, k2, 1.0, 0.0, lu_p)
    first = np.empty((nz, 1))
    factor(pinned, k2[:1], 1.0, 0.0, first)
    lu_p[:, 0] = first[:, 0]
    plate = centres[0, 0, 0]  # the mean over a row is its first mode times this
    mean = plate if periodic else 0.0
    to_centres, to_faces, to_quarters = transposed(centres), transposed(faces), transposed(quarters)
    fourfold = len(quarters) == 4
    to_free, back = transposed(slip_free), transposed(turn)
    u_hat, t_hat = np.empty((nz, n), kind), np.empty((nz, n), kind)
    w_hat, w_free = np.empty((nz - 1, n), kind), np.empty((nz - 1, n), kind)  # the first in the modes of the centres
    faces_to_modes(u, to_faces, face_zero, mean, u_hat)
    to_modes(t, to_centres, t_hat)
    to_modes(w[1:nz], to_centres, w_hat)
    if not periodic:
        turn_modes(w_hat, turn, w_free)
    up, wp, tp = np.empty((nz, n + 2), kind), np.zeros((nz + 1, n + 2), kind), np.empty((nz, n + 2), kind)
    old, out = np.zeros((3, nz, n), kind), np.zeros((3, nz, n), kind)
    x, phi = np.empty((nz, n), kind), np.empty((nz, n), kind)
    xw, push, inner = np.empty((nz - 1, n), kind), np.empty((nz - 1, n), kind), np.empty((nz - 1, n), kind)
    warm = 2.0 / (dz[0] * gap[0]) / plate
    swept = 0.0
    for step in range(steps):
        if step % 8 == 0 or step == steps - 1:
            swept = max(swept, courant(u, w, dz, h))
        for s in range(3):
            a = 0.5 * dt * (weights[s, 0] + weights[s, 1])
            r = off_centre(a * prandtl)
            c = 2.0 * a / r * prandtl
            pad(u, periodic, up)
            pad(w, periodic, wp)
            pad(t, periodic, tp)
            explicit(up, wp, tp, dz, gap, h, push_x, push_z, dt * weights[s, 0], dt * weights[s, 1], old, out)
            if fourfold:
                quarters_to_modes(out[2], to_quarters, x)
            else:
                to_modes(out[2], to_centres, x)
            for j in range(nz):
                for m in range(n):
                    x[j, m] += 2.0 * t_hat[j, m]
            x[0, 0] += a * warm
            solve(rows_t, a, lu_t[s], x)
            sums[0] += a * (2.0 - x[0, 0] * plate) / gap[0]
            sums[1] += a * x[nz - 1, 0] * plate / gap[nz]
            for j in range(nz):
                for m in range(n):
                    t_hat[j, m] = x[j, m] - t_hat[j, m]
            faces_to_modes(out[0], to_faces, face_zero, mean, x)
            for j in range(nz):
                for m in range(n):
                    x[j, m] += r * u_hat[j, m] + 2.0 * a * kappa[m] * p[j, m]
            solve(rows_u, c, lu_u[s], x)
            for j in range(nz):
                for m in range(n):
                    u_hat[j, m] = x[j, m] - (r - 1.0) * u_hat[j, m]
            if fourfold:
                quarters_to_modes(out[1, : nz - 1], to_quarters, xw)
            else:
                to_modes(out[1, : nz - 1], to_free, xw)
            for j in range(nz - 1):
                scale = 2.0 * a / gap[j + 1]
                for m in range(n):
                    push[j, m] = scale * (p[j + 1, m] - p[j, m])
            if periodic:
                for j in range(nz - 1):
                    for m in range(n):
                        xw[j, m] += r * w_hat[j, m] - push[j, m]
            else:
                turn_modes(push, turn, inner)
                for j in range(nz - 1):
                    for m in range(n):
                        xw[j, m] += r * w_free[j, m] - inner[j, m]
            solve(rows_w, c, lu_w[s], xw)
            if periodic:
                for j in range(nz - 1):
                    for m in range(n):
                        w_hat[j, m] = xw[j, m] - (r - 1.0) * w_hat[j, m]
            else:
                for j in range(nz - 1):
                    for m in range(n):
                        xw[j, m] -= (r - 1.0) * w_free[j, m]
                turn_modes(xw, back, w_hat)
            scale = 0.5 / a
            for j in range(nz):
                over_dz = 1.0 / dz[j]
                for m in range(n):
                    above = w_hat[j, m] if j < nz - 1 else 0.0
                    below = w_hat[j - 1, m] if j > 0 else 0.0
                    x[j, m] = scale * (kappa[m] * u_hat[j, m] + (above - below) * over_dz)
                    phi[j, m] = -x[j, m]
            solve(rows_p, 1.0, lu_p, phi)
            for j in range(nz):
                for m in range(n):
                    u_hat[j, m] += 2.0 * a * kappa[m] * phi[j, m]
                    p[j, m] += phi[j, m] - c * x[j, m]
            for j in range(nz - 1):
                scale = 2.0 * a / gap[j + 1]
                for m in range(n):
                    w_hat[j, m] -= scale * (phi[j + 1, m] - phi[j, m])
            if not periodic:
                turn_modes(w_hat, turn, w_free)
            faces_from_modes(u_hat, faces, face_zero, mean, u)
            if fourfold:
                quarters_from_modes(t_hat, quarters, t)
                quarters_from_modes(w_hat, quarters, w[1:nz])
            else:
                from_modes(t_hat, centres, t)
                from_modes(w_hat, centres, w[1:nz])
    return max(swept, courant(u, w, dz, h))
