"""Orthonormal bases in which the differences along one direction of a staggered grid are diagonal.

    delta_x f_m = kappa_m c_m        (from faces to centres: the divergence)
    delta_x c_m = -kappa_m f_m       (from centres to faces: the gradient)

c_m live at the n cell centres (i + 1/2) h, f_m at the n faces i h, i = 0 ... n-1; the face n is the face 0 of a
periodic direction and a wall otherwise. kappa_m = (2/h) sin(k_m h / 2). Rows are basis functions, so that
`x @ basis.T` transforms the last axis and `x_hat @ basis` transforms back.

- periodic: the real Fourier basis; c: cos m, then sin m; f: sin m, then -cos m.
- between walls: c: cosines (DCT-II), f: sines (DST-I) that vanish at the walls; `slip_free` holds the sines (DST-II)
  of a quantity at the centres that vanishes at the walls, and `turn` = centres @ slip_free.T goes between the two.

The bases are dense matrices: with up to a few hundred points, one matrix product with all rows of a field costs no
more than as many short fast transforms, it has no transform lengths to avoid, and its derivative is another product.
The first half of the periodic modes and the second have opposite parity, and so do even and odd modes between walls.

Source: U. Schumann and R. A. Sweet, Fast Fourier transforms for direct solution of Poisson's equation with staggered
boundary conditions, J. Comput. Phys. 75 (1988) 123-137, doi:10.1016/0021-9991(88)90102-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, eq=False)
class Basis:
    """The bases of one direction, each of shape (modes, points) = (n, n).

    Attributes:
        centres, faces: c_m and f_m; a mode without a partner at the faces has a row of zeros there.
        kappa: shape (n,), zero for the constant.
        slip_free: for what vanishes at the walls; the same as `centres` where there are none.
        kappa_slip_free: its eigenvalues, delta_x^2 s_m = -kappa_slip_free_m^2 s_m.
        periodic: whether the direction is.
    """

    centres: np.ndarray
    faces: np.ndarray
    kappa: np.ndarray
    slip_free: np.ndarray
    kappa_slip_free: np.ndarray
    periodic: bool

    @property
    def turn(self) -> np.ndarray:
        """From the modes of `slip_free` (columns) to those of `centres` (rows)."""
        return self.centres @ self.slip_free.T


@lru_cache(maxsize=64)
def periodic(points: int, length: float) -> Basis:
    """Return the bases of a periodic direction; `points` is even."""
    h = length / points
    half = points // 2
    at_centres = 2.0 * math.pi * (np.arange(points) + 0.5) / points
    at_faces = 2.0 * math.pi * np.arange(points) / points
    low, high = np.arange(half)[:, None], np.arange(1, half + 1)[:, None]
    centres = np.vstack([np.cos(low * at_centres), np.sin(high * at_centres)])
    faces = np.vstack([np.sin(low * at_faces), -np.cos(high * at_faces)])
    faces[0] = 1.0  # the mean at the faces pairs with the mean at the centres: both have kappa = 0
    kappa = 2.0 / h * np.sin(math.pi * np.concatenate([low, high])[:, 0] / points)
    centres = _normal(centres)
    return Basis(centres, _normal(faces), kappa, centres, kappa, True)


@lru_cache(maxsize=64)
def walled(points: int, length: float) -> Basis:
    """Return the bases of a direction between two walls."""
    h = length / points
    at_centres = math.pi * (np.arange(points) + 0.5) / points
    at_faces = math.pi * np.arange(points) / points
    m = np.arange(points)[:, None]
    kappa = 2.0 / h * np.sin(math.pi * m[:, 0] / (2 * points))
    kappa_slip_free = 2.0 / h * np.sin(math.pi * (m[:, 0] + 1) / (2 * points))
    centres, faces = np.cos(m * at_centres), np.sin(m * at_faces)
    faces[:, 0] = 0.0
    slip_free = np.sin((m + 1) * at_centres)
    return Basis(_normal(centres), _normal(faces), kappa, _normal(slip_free), kappa_slip_free, False)


def _normal(rows: np.ndarray) -> np.ndarray:
    """Scale each row to unit length; a row of zeros stays."""
    norm = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.ascontiguousarray(np.where(norm > 1e-9, rows / np.where(norm > 1e-9, norm, 1.0), 0.0))
