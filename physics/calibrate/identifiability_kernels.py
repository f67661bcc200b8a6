"""The verdict of `identifiability` on one Fisher matrix, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from physics.linalg.symmetric_kernels import eigh

RELATIVE_EIGENVALUE = 1e-10
LARGEST_DEVIATION = 1.0
PART = 0.05  # a parameter takes part in a combination from this component of the unit eigenvector on


@njit(cache=True, nogil=True, error_model="numpy")
def judge(normal, variance, weak, deviations, combinations, undetermined):
    """Write which combinations are open, their deviations, the combinations, one a row, and the parameters in them.

    Args:
        normal: overwritten.
    """
    size = len(normal)
    eigenvalues, vectors = np.empty(size), np.empty((size, size))
    eigh(normal, eigenvalues, vectors)
    undetermined[:] = False
    largest = max(eigenvalues[size - 1], 0.0)
    for k in range(size):
        value = max(eigenvalues[k], 0.0)
        deviations[k] = np.sqrt(max(variance, 0.0) / max(value, 1e-300))
        weak[k] = value <= RELATIVE_EIGENVALUE * largest or deviations[k] > LARGEST_DEVIATION
        for j in range(size):
            combinations[k, j] = vectors[j, k]
            undetermined[j] = undetermined[j] or (weak[k] and abs(vectors[j, k]) > PART)
