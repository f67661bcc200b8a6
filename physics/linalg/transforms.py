"""Orthonormal bases in which the differences along one direction of a staggered grid are diagonal.

    delta_x f_m = kappa_m c_m        (from faces to centres: the divergence)
    delta_x c_m = -kappa_m f_m       (from centres to faces: the gradient)

c_m live at the n cell centres (i + 1/2) h, f_m at the n faces i h, i = 0 ... n-1; the face n is the face 0 of a
periodic direction and a wall otherwise. kappa_m = (2/h) sin(k_m h / 2). Rows are basis functions, so that
`x @ basis.T` transforms the last axis and `x_hat @ basis` transforms back.

- periodic: the real Fourier basis; c: cos m, then sin m; f: sin m, then -cos m; m even, odd, odd, even.
- between walls: c: cosines (DCT-II) of even, then of odd m, f: sines (DST-I) that vanish at the walls; `slip_free`
  holds the sines (DST-II) of a quantity at the centres that vanishes at the walls, and `turn` = centres @ slip_free.T
  goes between the two.

The bases are dense matrices: with up to a few hundred points, one matrix product with all rows of a field costs no
more than as many short fast transforms, it has no transform lengths to avoid, and its derivative is another product.
The first half of the modes and the second have opposite parity under reflection: c and s are even, then odd; f is odd,
then even (but for the mean of the periodic faces). So a transform is two products of half the size (`halves`), applied
to the sum of a row and its mirror image and to their difference.

Source: U. Schumann and R. A. Sweet, Fast Fourier transforms for direct solution of Poisson's equation with staggered
boundary conditions, J. Comput. Phys. 75 (1988) 123-137, doi:10.1016/0021-9991(88)90102-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

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

    @cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The blocks of `centres`, `faces`, `slip_free` and `turn` that are not redundant or zero, each (2, n/2, n/2).

        Those of `faces` hold the points 1 ... n/2 (odd; the last is zero) and, for the even modes, 1 ... n/2 as well;
        the point 0 of the even modes stands apart (`face_zero`).
        """
        h = len(self.kappa) // 2
        blocks = [np.stack([basis[:h, :h], basis[h:, :h]]) for basis in (self.centres, self.slip_free)]
        faces = np.stack([self.faces[:h, 1 : h + 1], self.faces[h:, 1 : h + 1]])
        faces[0, 0] = 0.0
        faces[0, :, -1] = 0.0
        turn = np.stack([self.turn[:h, :h], self.turn[h:, h:]])
        return blocks[0], faces, blocks[1], turn

    @cached_property
    def quarters(self) -> np.ndarray:
        """The blocks of periodic `centres` under the reflection of half a period as well, shape (4, n/4, n/4).

        Empty between walls, and where n is not a multiple of 4.
        """
        n = len(self.kappa)
        if not self.periodic or n % 4:
            return np.empty((0, 0, 0))
        q = n // 4
        return np.stack([self.centres[k * q : (k + 1) * q, :q] for k in range(4)])

    @cached_property
    def face_zero(self) -> np.ndarray:
        """The even modes of the faces at the point 0, shape (n/2,)."""
        return np.ascontiguousarray(self.faces[len(self.kappa) // 2 :, 0])

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
    low = np.concatenate([np.arange(0, half, 2), np.arange(1, half, 2)])[:, None]
    high = np.concatenate([np.arange(1, half + 1, 2), np.arange(2, half + 1, 2)])[:, None]
    centres = np.vstack([np.cos(low * at_centres), np.sin(high * at_centres)])
    faces = np.vstack([np.sin(low * at_faces), -np.cos(high * at_faces)])
    faces[0] = 1.0  # the mean at the faces pairs with the mean at the centres: both have kappa = 0
    kappa = 2.0 / h * np.sin(math.pi * np.concatenate([low, high])[:, 0] / points)
    centres = _normal(centres)
    return Basis(centres, _normal(faces), kappa, centres, kappa, True)


@lru_cache(maxsize=64)
def walled(points: int, length: float) -> Basis:
    """Return the bases of a direction between two walls; `points` is even."""
    h = length / points
    at_centres = math.pi * (np.arange(points) + 0.5) / points
    at_faces = math.pi * np.arange(points) / points
    m = np.concatenate([np.arange(0, points, 2), np.arange(1, points, 2)])[:, None]
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
