"""The transforms of `transforms` compiled for the processor, by half and quarter blocks of the bases.

Each adds and subtracts a row and its mirror images, so that even and odd modes are products of half the size, or a
quarter of it. `out` is overwritten; arrays are (rows, n), real or complex, and the blocks are real.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload

_ONE_THREAD = 262_144  # multiplications up to which OpenBLAS does not start its threads
_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _multiply_real(a, b):
    rows, n = a.shape
    out = np.empty((rows, n), a.dtype)
    most = max(1, _ONE_THREAD // (n * n))
    for first in range(0, rows, most):
        last = min(rows, first + most)
        np.dot(a[first:last], b, out[first:last])
    return out


@njit(**_OPTIONS)
def _multiply_complex(a, b):
    rows, n = a.shape
    parts = np.empty((2 * rows, n), b.dtype)
    for j in range(rows):
        for i in range(n):
            parts[j, i] = a[j, i].real
            parts[rows + j, i] = a[j, i].imag
    parts = _multiply_real(parts, b)
    out = np.empty((rows, n), a.dtype)
    for j in range(rows):
        for i in range(n):
            out[j, i] = complex(parts[j, i], parts[rows + j, i])
    return out


def multiply(a, b):
    """Return a @ b for real b, in pieces so small that the library keeps to this thread: its team would fight ours.

    The real and the imaginary part of a complex `a` are rows of one real product, half the work of a complex one.
    """
    return _multiply_complex(a, b) if np.iscomplexobj(a) else _multiply_real(a, b)


@overload(multiply)
def _multiply(a, b):
    if isinstance(a.dtype, types.Complex):
        return lambda a, b: _multiply_complex(a, b)
    return lambda a, b: _multiply_real(a, b)


@njit(**_OPTIONS)
def to_modes(x, halves, out):
    """Transform rows of values at centres: halves (2, n/2, n/2) of the even and of the odd modes, transposed."""
    rows, n = x.shape
    h = n // 2
    even, odd = np.empty((rows, h), x.dtype), np.empty((rows, h), x.dtype)
    for j in range(rows):
        for i in range(h):
            even[j, i] = x[j, i] + x[j, n - 1 - i]
            odd[j, i] = x[j, i] - x[j, n - 1 - i]
    first, second = multiply(even, halves[0]), multiply(odd, halves[1])
    for j in range(rows):
        for i in range(h):
            out[j, i] = first[j, i]
            out[j, h + i] = second[j, i]


@njit(**_OPTIONS)
def from_modes(x, halves, out):
    """Transform modes back to rows of values at centres; `halves` as they are."""
    rows, n = x.shape
    h = n // 2
    first, second = np.empty((rows, h), x.dtype), np.empty((rows, h), x.dtype)
    for j in range(rows):
        for i in range(h):
            first[j, i] = x[j, i]
            second[j, i] = x[j, h + i]
    even, odd = multiply(first, halves[0]), multiply(second, halves[1])
    for j in range(rows):
        for i in range(h):
            out[j, i] = even[j, i] + odd[j, i]
            out[j, n - 1 - i] = even[j, i] - odd[j, i]


@njit(**_OPTIONS)
def quarters_to_modes(x, quarters, out):
    """The same as `to_modes` with four blocks (4, n/4, n/4), transposed."""
    rows, n = x.shape
    h, q = n // 2, n // 4
    parts = np.empty((4, rows, q), x.dtype)
    for j in range(rows):
        for i in range(q):
            a, b, c, d = x[j, i], x[j, n - 1 - i], x[j, h - 1 - i], x[j, h + i]
            parts[0, j, i] = (a + b) + (c + d)
            parts[1, j, i] = (a + b) - (c + d)
            parts[2, j, i] = (a - b) + (c - d)
            parts[3, j, i] = (a - b) - (c - d)
    for k in range(4):
        block = multiply(parts[k], quarters[k])
        for j in range(rows):
            for i in range(q):
                out[j, k * q + i] = block[j, i]


@njit(**_OPTIONS)
def quarters_from_modes(x, quarters, out):
    """The same as `from_modes` with four blocks."""
    rows, n = x.shape
    h, q = n // 2, n // 4
    parts = np.empty((4, rows, q), x.dtype)
    for k in range(4):
        for j in range(rows):
            for i in range(q):
                parts[k, j, i] = x[j, k * q + i]
        parts[k] = multiply(parts[k], quarters[k])
    for j in range(rows):
        for i in range(q):
            near, far = parts[0, j, i] + parts[1, j, i], parts[2, j, i] + parts[3, j, i]
            out[j, i] = near + far
            out[j, n - 1 - i] = near - far
            near, far = parts[0, j, i] - parts[1, j, i], parts[2, j, i] - parts[3, j, i]
            out[j, h - 1 - i] = near + far
            out[j, h + i] = near - far


@njit(**_OPTIONS)
def faces_to_modes(x, halves, zero, mean, out):
    """Transform rows of values at faces; `zero` are the even modes at the face 0, `mean` the value of the mean mode."""
    rows, n = x.shape
    h = n // 2
    even, odd = np.empty((rows, h), x.dtype), np.empty((rows, h), x.dtype)
    for j in range(rows):
        for i in range(1, h):
            even[j, i - 1] = x[j, i] + x[j, n - i]
            odd[j, i - 1] = x[j, i] - x[j, n - i]
        even[j, h - 1] = x[j, h]
        odd[j, h - 1] = 0.0
    first, second = multiply(odd, halves[0]), multiply(even, halves[1])
    for j in range(rows):
        total = x[j, 0]
        for i in range(h):
            total += even[j, i]
        for i in range(h):
            out[j, i] = first[j, i]
            out[j, h + i] = second[j, i] + zero[i] * x[j, 0]
        out[j, 0] = mean * total


@njit(**_OPTIONS)
def faces_from_modes(x, halves, zero, mean, out):
    """Transform modes back to rows of values at faces."""
    rows, n = x.shape
    h = n // 2
    first, second = np.empty((rows, h), x.dtype), np.empty((rows, h), x.dtype)
    for j in range(rows):
        for i in range(h):
            first[j, i] = x[j, i]
            second[j, i] = x[j, h + i]
    odd, even = multiply(first, halves[0]), multiply(second, halves[1])
    for j in range(rows):
        level = mean * x[j, 0]
        at_zero = level
        for i in range(h):
            at_zero += zero[i] * second[j, i]
        for i in range(1, h):
            out[j, i] = level + even[j, i - 1] + odd[j, i - 1]
            out[j, n - i] = level + even[j, i - 1] - odd[j, i - 1]
        out[j, 0] = at_zero
        out[j, h] = level + even[j, h - 1]


@njit(**_OPTIONS)
def turn_modes(x, halves, out):
    """Multiply modes by a matrix that does not mix even and odd ones."""
    rows, n = x.shape
    h = n // 2
    first, second = np.empty((rows, h), x.dtype), np.empty((rows, h), x.dtype)
    for j in range(rows):
        for i in range(h):
            first[j, i] = x[j, i]
            second[j, i] = x[j, h + i]
    even, odd = multiply(first, halves[0]), multiply(second, halves[1])
    for j in range(rows):
        for i in range(h):
            out[j, i] = even[j, i]
            out[j, h + i] = odd[j, i]


@njit(**_OPTIONS)
def transposed(halves):
    """Return the blocks transposed."""
    out = np.empty_like(halves)
    for k in range(len(halves)):
        out[k] = halves[k].T
    return out
