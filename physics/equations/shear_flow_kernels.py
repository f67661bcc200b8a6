"""The elementwise passes of `shear_flow` compiled for the processor, each over one member.

Two real fields ride in one complex transform: u + i v goes to the grid together, and both quadratic terms of
the vorticity equation come back as one complex square, (u + i v)^2 = (u^2 - v^2) + 2 i u v. With Q the
transform of a complex field and Q'[k] = conj Q[-k], those of its real and imaginary parts are (Q + Q')/2 and
(Q - Q')/2i.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def velocity(vorticity, kx, ky, rows, drift, out):
    """Fill `out` (nx, ny) with the transform of u + i v; return <w^2> and <|grad w|^2>.

    u = psi_y, v = -psi_x, psi = w / k^2, so that u + i v = (kx + i ky) w / k^2. `rows` are the indices of the
    kept kx; the rest of `out` stays zero.
    """
    nx, ny = out.shape
    enstrophy, palinstrophy = 0.0, 0.0
    for i in rows:
        mirror = (nx - i) % nx
        for j in range(ky.shape[0]):
            square = kx[i] * kx[i] + ky[j] * ky[j]
            if square == 0.0:
                out[i, j] = drift
                continue
            w = vorticity[i, j]
            scaled = w / square
            out[i, j] = complex(kx[i], ky[j]) * scaled
            if j > 0:
                out[mirror, ny - j] = complex(-kx[i], -ky[j]) * scaled.conjugate()
            size = (w.real * w.real + w.imag * w.imag) * (2.0 if j > 0 else 1.0)
            enstrophy += size
            palinstrophy += square * size
    return enstrophy, palinstrophy


@njit(cache=True, nogil=True, error_model="numpy")
def roughness(tracer, kx, ky, rows):
    """Return <|grad s|^2>."""
    total = 0.0
    for i in rows:
        for j in range(ky.shape[0]):
            s = tracer[i, j]
            size = (s.real * s.real + s.imag * s.imag) * (2.0 if j > 0 else 1.0)
            total += (kx[i] * kx[i] + ky[j] * ky[j]) * size
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def squared(flow, out):
    """On the grid: (u + i v)^2, complex numbers as pairs, all of shape (nx, ny, 2)."""
    for i in range(flow.shape[0]):
        for j in range(flow.shape[1]):
            u, v = flow[i, j, 0], flow[i, j, 1]
            out[i, j, 0] = u * u - v * v
            out[i, j, 1] = 2.0 * u * v


@njit(cache=True, nogil=True, error_model="numpy")
def carried(flow, tracer, out):
    """On the grid: s (u + i v), with `tracer` of shape (nx, ny)."""
    for i in range(flow.shape[0]):
        for j in range(flow.shape[1]):
            s = tracer[i, j]
            out[i, j, 0] = s * flow[i, j, 0]
            out[i, j, 1] = s * flow[i, j, 1]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _slope(transform, is_tracer, kx, ky, i, out):
    """One row of N, from the transform of the quadratic term."""
    nx, ny = transform.shape
    mirror = (nx - i) % nx
    for j in range(ky.shape[0]):
        q = transform[i, j]
        p = transform[mirror, (ny - j) % ny]
        first = complex(0.5 * (q.real + p.real), 0.5 * (q.imag - p.imag))
        second = complex(0.5 * (q.imag + p.imag), -0.5 * (q.real - p.real))
        if is_tracer:
            flux = kx[i] * first + ky[j] * second
            out[j] = complex(flux.imag, -flux.real)
        else:
            out[j] = 0.5 * (kx[i] * kx[i] - ky[j] * ky[j]) * second - kx[i] * ky[j] * first


@njit(cache=True, nogil=True, error_model="numpy")
def combine(transform, is_tracer, kx, ky, rows, stage, start, whole, growth, old, new, weight, kept, total, ahead):
    """One stage of ETDRK4 of one field, N taken from the transform of its quadratic term.

    N(w) = (kx^2 - ky^2) (uv) - kx ky (u^2 - v^2)        N(s) = -i kx (us) - i ky (vs)

    `start` is the state at the start of the step, `kept` is N there, `total` gathers the end of the step, and
    `ahead` = growth start + old kept + new N becomes the state of the next stage.
    """
    count = ky.shape[0]
    n = np.empty(count, np.complex128)
    for i in rows:
        _slope(transform, is_tracer, kx, ky, i, n)
        if stage == 0:
            for j in range(count):
                kept[i, j] = n[j]
                total[i, j] = whole[i, j] * start[i, j] + weight[i, j] * n[j]
                ahead[i, j] = growth[i, j] * start[i, j] + new[i, j] * n[j]
        else:
            for j in range(count):
                total[i, j] += weight[i, j] * n[j]
        if stage == 1 or stage == 2:
            for j in range(count):
                ahead[i, j] = growth[i, j] * start[i, j] + old[i, j] * kept[i, j] + new[i, j] * n[j]
