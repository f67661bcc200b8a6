"""Eigenvalues of a small symmetric matrix by Jacobi's rotations, compiled.

Each rotation annuls one entry beside the diagonal; a few sweeps over all of them bring what is left to rounding
(Golub & Van Loan, Matrix Computations, section 8.5). For a matrix of a few rows it costs a tenth of a call of a
library, and small eigenvalues come out as exact as the entries allow.
"""

from __future__ import annotations

import math

from numba import njit

_SWEEPS = 30
_ROUNDING = 2.220446049250313e-16


@njit(cache=True, nogil=True, error_model="numpy")
def _rotate(matrix, vectors, p, q):
    """Annul the entry (p, q)."""
    size = len(matrix)
    slope = (matrix[q, q] - matrix[p, p]) / (2.0 * matrix[p, q])
    tangent = math.copysign(1.0, slope) / (abs(slope) + math.hypot(1.0, slope))
    cosine = 1.0 / math.sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    for k in range(size):
        a, b = matrix[k, p], matrix[k, q]
        matrix[k, p], matrix[k, q] = cosine * a - sine * b, sine * a + cosine * b
    for k in range(size):
        a, b = matrix[p, k], matrix[q, k]
        matrix[p, k], matrix[q, k] = cosine * a - sine * b, sine * a + cosine * b
    matrix[p, q], matrix[q, p] = 0.0, 0.0
    for k in range(size):
        a, b = vectors[k, p], vectors[k, q]
        vectors[k, p], vectors[k, q] = cosine * a - sine * b, sine * a + cosine * b


@njit(cache=True, nogil=True, error_model="numpy")
def eigh(matrix, values, vectors):
    """Write the eigenvalues, rising, shape (n,), and the eigenvectors, one a column, shape (n, n).

    Args:
        matrix: shape (n, n), symmetric and finite; overwritten.
    """
    size = len(matrix)
    vectors[:] = 0.0
    scale = 0.0
    for j in range(size):
        vectors[j, j] = 1.0
        for k in range(size):
            scale = max(scale, abs(matrix[j, k]))
    if scale > 0.0:
        for j in range(size):
            for k in range(size):
                matrix[j, k] /= scale
    for _ in range(_SWEEPS):
        turned = False
        for p in range(size - 1):
            for q in range(p + 1, size):
                # Beside both diagonal entries: small eigenvalues are to be exact for themselves.
                room = _ROUNDING * math.sqrt(abs(matrix[p, p]) * abs(matrix[q, q]))
                if abs(matrix[p, q]) > max(room, 1e-300):
                    _rotate(matrix, vectors, p, q)
                    turned = True
        if not turned:
            break
    for j in range(size):
        values[j] = scale * matrix[j, j]
    for j in range(size - 1):
        least = j
        for k in range(j + 1, size):
            least = k if values[k] < values[least] else least
        values[j], values[least] = values[least], values[j]
        for k in range(size):
            vectors[k, j], vectors[k, least] = vectors[k, least], vectors[k, j]
