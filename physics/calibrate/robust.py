"""Losses that outliers move little, and what they cost in precision.

With z = r/s, the residual over a scale, the misfit is sum rho(z), the influence of a point psi = rho' and its weight
psi/z in the iterated least squares:

    squares   rho = z^2/2
    Huber     rho = z^2/2 up to c, c|z| - c^2/2 beyond,  c = 1.345
    Student   rho = (nu + 1)/2 ln(1 + z^2/nu),  nu = 4

The scale is the median of |r| over that of the loss's own distribution, freed from the P parameters by
(n / (n - P))^(1/2). The estimate's covariance is v (J^T W J)^-1 with

    v = s^2 K^2 [sum psi^2 / (n - P)] / [mean psi']^2,    K = 1 + (P/n) var(psi') / (mean psi')^2

(P. J. Huber 1973, The Annals of Statistics 1, 799, doi:10.1214/aos/1176342503), which holds whatever the
distribution of the noise, where it is symmetric and the same at all points. The constant c is 95 % efficient at
normal noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.problem import Loss

HUBER = 1.345
FREEDOM = 4.0
_NORMAL_MEDIAN = 0.6744897501960817  # of |z| where z is normal
_STUDENT_MEDIAN = 0.7406970841126829  # of |z| where z has Student's distribution with four degrees of freedom


@dataclass(frozen=True)
class Influence:
    """At residuals z: rho, the weight psi/z, psi and psi', each of the shape of z."""

    rho: Tensor
    weight: Tensor
    psi: Tensor
    slope: Tensor


def influence(loss: Loss, z: Tensor) -> Influence:
    """Return what a loss makes of the residuals in units of its scale."""
    if loss == "squares":
        one = torch.ones_like(z)
        return Influence(0.5 * z**2, one, z, one)
    if loss == "huber":
        size = z.abs()
        inner = size <= HUBER
        rho = torch.where(inner, 0.5 * z**2, HUBER * size - 0.5 * HUBER**2)
        weight = torch.where(inner, torch.ones_like(z), HUBER / size.clamp_min(HUBER))
        return Influence(rho, weight, weight * z, inner.to(z.dtype))
    room = FREEDOM + z**2
    rho = 0.5 * (FREEDOM + 1) * torch.log1p(z**2 / FREEDOM)
    weight = (FREEDOM + 1) / room
    return Influence(rho, weight, weight * z, (FREEDOM + 1) * (FREEDOM - z**2) / room**2)


def unit(loss: Loss) -> float:
    """Return the scale of the loss where the noise is normal with a standard deviation of one."""
    return _NORMAL_MEDIAN / _STUDENT_MEDIAN if loss == "student" else 1.0


def deviation(residuals: Tensor, freedom: float) -> float:
    """Return the noise's standard deviation, outliers apart, from the median of |r|, shape (n,), of known freedom."""
    median = float(residuals.abs().quantile(0.5))
    return median / _NORMAL_MEDIAN * (len(residuals) / max(freedom, 1.0)) ** 0.5


def inflation(found: Influence, freedom: float) -> tuple[float, float]:
    """Return v / s^2 of the covariance and the mean of psi'."""
    n = len(found.psi)
    mean = max(float(found.slope.mean()), 0.05)
    correction = 1 + (n - freedom) / n * float(found.slope.var(correction=0)) / mean**2
    return correction**2 * float((found.psi**2).sum()) / freedom / mean**2, mean
