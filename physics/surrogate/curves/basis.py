"""A reduced basis of curves, and reading between its nodes.

    c(u) = mean(u) + sum_k a_k phi_k(u),   phi the leading principal components of the training curves

u is the place along the curve, from 0 to 1 at evenly spaced nodes. What the basis leaves out of the training
curves is at most `left` of their span at any node, as a root mean square. Reading is by the cubic through the four
nodes about a place, so that it fails where a curve turns within two nodes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from physics.surrogate.curves import basis_kernels as kernels


class Basis(NamedTuple):
    """`mean` of shape (nodes,) and orthonormal `modes` (rank, nodes)."""

    mean: Tensor
    modes: Tensor

    def coefficients(self, curves: Tensor) -> Tensor:
        """Return the coefficients (batch, rank) of curves (batch, nodes)."""
        return (curves - self.mean) @ self.modes.T

    def curves(self, coefficients: Tensor) -> Tensor:
        """Return the curves (batch, nodes) of coefficients (batch, rank)."""
        return torch.addmm(self.mean, coefficients, self.modes)


def reduce(curves: Tensor, left: float = 1e-5, most: int = 48) -> Basis:
    """Return the smallest basis that leaves at most `left` of the span of training curves (runs, nodes)."""
    mean = curves.mean(0)
    _, _, modes = torch.linalg.svd(curves - mean, full_matrices=False)
    span = float((curves.amax() - curves.amin()).clamp_min(1e-300))
    rest = curves - mean
    for rank in range(1, min(most, len(modes)) + 1):
        rest = rest - (rest @ modes[rank - 1])[:, None] * modes[rank - 1]
        if float(rest.square().mean(0).amax().sqrt()) <= left * span:
            break
    return Basis(mean, modes[:rank].contiguous())


def read(curves: Tensor, places: Tensor) -> Tensor:
    """Return curves (kinds, batch, nodes), four nodes at least, at places u (batch, times) held within 0 to 1."""
    return torch.from_numpy(kernels.read(curves.contiguous().numpy(), places.contiguous().numpy()))


def risen(bands: Tensor) -> Tensor:
    """Return bands (3, batch, nodes), value, lower and upper end, of curves that only rise."""
    held = bands.contiguous().numpy()
    kernels.direct(*held)
    return torch.from_numpy(held)
