"""What a set of measurements will tell, before it is made.

For independent errors of variance s_i^2 and sensitivities in the logarithms of the parameters,
J_ij = d f(t_i) / d ln theta_j, the Fisher information is

    F = sum_i J_i J_i^T / s_i^2,

and F^-1 bounds the covariance of ln theta from below: [F^-1]_jj^(1/2) is the relative standard deviation of
theta_j, the other parameters being unknown too. D-optimal designs maximise ln det F, A-optimal ones minimise
tr F^-1, and D_A- or c-optimal ones the variance of what is asked for (Atkinson, Donev & Tobias 2007, Optimum
Experimental Designs, with SAS, Oxford University Press, chapter 10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import ParameterError

_SINGULAR = 1e-12  # least eigenvalue of the scaled information below which nothing is determined


@dataclass(frozen=True)
class Noise:
    """The instrument's error: s^2 = absolute^2 + (relative c)^2, in units of C/C0."""

    absolute: float
    relative: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.absolute) and self.absolute >= 0 and math.isfinite(self.relative)):
            raise ParameterError(f"noise of {self.absolute:g} and {self.relative:g} must be finite and not negative")
        if self.absolute == 0:
            raise ParameterError("noise: the absolute part must be above zero, since a curve begins at zero")

    def deviation(self, curve: Tensor) -> Tensor:
        """Return s, the shape of `curve`."""
        return (self.absolute**2 + (self.relative * curve) ** 2).sqrt()


def fisher(jacobian: Tensor, deviation: Tensor) -> Tensor:
    """F, shape (..., P, P), from d f/d ln theta (..., n, P) and the noise s (..., n)."""
    white = jacobian / deviation[..., None]
    return white.transpose(-1, -2) @ white


def log_covariance(information: Tensor) -> Tensor:
    """F^-1, shape (..., P, P); infinite on the diagonal where F is singular."""
    diagonal = information.diagonal(dim1=-2, dim2=-1).clamp_min(1e-300)
    root = diagonal.sqrt()
    scaled = information / (root[..., :, None] * root[..., None, :])
    values, vectors = torch.linalg.eigh(scaled)
    inverse = (vectors / values.clamp_min(_SINGULAR)[..., None, :]) @ vectors.transpose(-1, -2)
    inverse = inverse / (root[..., :, None] * root[..., None, :])
    singular = (values[..., 0] <= _SINGULAR) | (diagonal <= 1e-300).any(-1)
    infinite = torch.diag_embed(torch.full_like(diagonal, math.inf))
    return torch.where(singular[..., None, None], infinite, inverse)


def relative_deviation(information: Tensor) -> Tensor:
    """Relative standard deviation of each parameter, shape (..., P); infinite where F is singular."""
    return log_covariance(information).diagonal(dim1=-2, dim2=-1).sqrt()


def d_optimality(information: Tensor) -> Tensor:
    """Return ln det F, shape (...); larger is better."""
    return torch.linalg.slogdet(information).logabsdet


def a_optimality(information: Tensor) -> Tensor:
    """Return tr F^-1, shape (...); smaller is better."""
    return log_covariance(information).diagonal(dim1=-2, dim2=-1).sum(-1)
