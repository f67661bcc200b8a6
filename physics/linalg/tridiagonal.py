"""Batched tridiagonal systems on any device: factor once, solve many right-hand sides.

    lower[i] x[i-1] + diag[i] x[i] + upper[i] x[i+1] = rhs[i]        i = 0 ... cells-1

All arrays have shape (cells, batch); `lower[0]` and `upper[-1]` are ignored. The method is parallel cyclic
reduction: log2(cells) sweeps over whole arrays, so that a device with many lanes is kept busy. It is meant
for systems whose diagonal dominates, or whose symmetric part is positive definite as it is for I + dt A / 2
here.

Source: R. W. Hockney and C. R. Jesshope, Parallel Computers, Adam Hilger 1981 (parallel cyclic reduction).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tridiagonal:
    """Three diagonals, each of shape (cells, batch)."""

    lower: Tensor
    diag: Tensor
    upper: Tensor

    def times(self, x: Tensor) -> Tensor:
        """Return the product with `x`, shape (cells, batch)."""
        result = self.diag * x
        result[1:] += self.lower[1:] * x[:-1]
        result[:-1] += self.upper[:-1] * x[1:]
        return result

    def transposed(self) -> Tridiagonal:
        """Return the transposed matrix."""
        return Tridiagonal(torch.roll(self.upper, 1, 0), self.diag, torch.roll(self.lower, -1, 0))

    def dense(self) -> Tensor:
        """Return the matrices in full, shape (batch, cells, cells); for tests and small systems."""
        result = torch.diag_embed(self.diag.T)
        result = result + torch.diag_embed(self.lower[1:].T, offset=-1)
        return result + torch.diag_embed(self.upper[:-1].T, offset=1)


class CyclicReduction:
    """The elimination of one `Tridiagonal`, kept: a right-hand side costs two products a sweep."""

    def __init__(self, matrix: Tridiagonal) -> None:
        lower, diag, upper = matrix.lower.clone(), matrix.diag, matrix.upper.clone()
        lower[0] = 0.0
        upper[-1] = 0.0
        self.sweeps: list[tuple[int, Tensor, Tensor]] = []
        stride = 1
        while stride < diag.shape[0]:
            below = -lower / _shifted(diag, stride, fill=1.0)
            above = -upper / _shifted(diag, -stride, fill=1.0)
            self.sweeps.append((stride, below, above))
            diag = diag + below * _shifted(upper, stride) + above * _shifted(lower, -stride)
            lower, upper = below * _shifted(lower, stride), above * _shifted(upper, -stride)
            stride *= 2
        self.inverse = 1.0 / diag

    def solve(self, rhs: Tensor) -> Tensor:
        """Return x of shape (cells, batch)."""
        for stride, below, above in self.sweeps:
            rhs = rhs + below * _shifted(rhs, stride) + above * _shifted(rhs, -stride)
        return rhs * self.inverse


def _shifted(x: Tensor, stride: int, fill: float = 0.0) -> Tensor:
    """Return y with y[i] = x[i - stride], and `fill` where that lies outside."""
    pad = x.new_full((abs(stride), x.shape[1]), fill)
    return torch.cat([pad, x[:-stride]]) if stride > 0 else torch.cat([x[-stride:], pad])
