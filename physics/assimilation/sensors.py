"""Point sensors on a grid, and fields carried from one grid to another: linear maps made of one-dimensional splines.

    value(x, z) = sum_ij a_j(z) b_i(x) f_ji + offset(z)

Cubic splines through the centres of cells; across the plates through the values held there too, along x periodic or,
between walls, through mirror images. A map is exact for the spline and errs with the fourth power of the spacing for a
smooth field.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

_MIRRORED = 4  # cells behind a wall


def across(centres: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights (at, centres) of the centres and those (at,) of the lower and of the upper plate's values."""
    nodes = np.concatenate([[0.0], centres, [1.0]])
    weights = CubicSpline(nodes, np.eye(len(nodes)), bc_type="not-a-knot")(at)
    return weights[:, 1:-1], weights[:, 0], weights[:, -1]


def along(points: np.ndarray, length: float, at: np.ndarray, periodic: bool) -> np.ndarray:
    """Return the weights (at, points) of values at the `points` of a row, periodic or even about walls at its ends."""
    n = len(points)
    if periodic:
        nodes = np.concatenate([points, [points[0] + length]])
        eye = np.vstack([np.eye(n), np.eye(n)[:1]])
        shifted = points[0] + np.mod(at - points[0], length)
        return np.asarray(CubicSpline(nodes, eye, bc_type="periodic")(shifted))
    m = min(_MIRRORED, n)
    nodes = np.concatenate([-points[:m][::-1], points, 2.0 * length - points[-m:][::-1]])
    eye = np.vstack([np.eye(n)[:m][::-1], np.eye(n), np.eye(n)[-m:][::-1]])
    return np.asarray(CubicSpline(nodes, eye, bc_type="not-a-knot")(at))
