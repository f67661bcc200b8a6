"""The disc of `physics.equations.flash.heat_modes` after an instant pulse, as a Sturm-Liouville series.

    (mu^2 - Bi_f Bi_r) sin mu = mu (Bi_f + Bi_r) cos mu        n pi <= mu_n < (n + 1) pi
    X_n = mu_n cos(mu_n x) + Bi_f sin(mu_n x)
    |X_n|^2 = ((mu_n^2 + Bi_f^2) (1 + Bi_r / (mu_n^2 + Bi_r^2)) + Bi_f) / 2
    theta(x, t) = sum_n X_n(0) X_n(x) / |X_n|^2 exp(-mu_n^2 t)

x over the thickness, t over L^2 / alpha, theta over the adiabatic rise. The roots are found in their brackets, so
that none is lost. The series fails to converge at t = 0; with m terms it is good to about exp(-(m pi)^2 t).

Source: H. S. Carslaw and J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., Oxford 1959, section 3.9 and
appendix IV (tables of the roots).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_NONE = 1e-13  # a sum of Biot numbers below it is no loss
_HALVINGS = 60


class Series(NamedTuple):
    """Decay rates mu^2 and the products X(0) X(face) / |X|^2, each (batch, terms)."""

    rate: Tensor
    front: Tensor
    rear: Tensor


def series(front_biot: Tensor, rear_biot: Tensor, terms: int = 60) -> Series:
    """Return the first terms for Biot numbers of shape (batch,); not differentiable."""
    front, rear = (value.detach().to(torch.float64)[:, None] for value in (front_biot, rear_biot))
    order = torch.arange(terms, dtype=torch.float64, device=front.device)
    mu = _roots(front, rear, order)
    none = (front + rear < _NONE) & (order == 0)
    safe = torch.where(none, 1.0, mu)
    norm = ((safe**2 + front**2) * (1 + rear / (safe**2 + rear**2)) + front) / 2
    at_front = safe**2 / norm
    at_rear = safe * (safe * safe.cos() + front * safe.sin()) / norm
    return Series(torch.where(none, 0.0, mu**2), torch.where(none, 1.0, at_front), torch.where(none, 1.0, at_rear))


def _roots(front: Tensor, rear: Tensor, order: Tensor) -> Tensor:
    """Halve every bracket; the function turns from below to above zero when it is signed by (-1)^n."""
    sign = 1.0 - 2.0 * (order % 2)
    low = (order * math.pi).expand(front.shape[0], -1)
    high = low + math.pi
    for _ in range(_HALVINGS):
        mu = 0.5 * (low + high)
        above = sign * ((mu**2 - front * rear) * mu.sin() - mu * (front + rear) * mu.cos()) > 0
        low, high = torch.where(above, low, mu), torch.where(above, mu, high)
    return 0.5 * (low + high)


def rear(front_biot: Tensor, rear_biot: Tensor, time: Tensor, terms: int = 60) -> Tensor:
    """theta at the rear after an instant pulse, shape (batch, n), at times (n,) or (batch, n) above zero."""
    found = series(front_biot, rear_biot, terms)
    decay = torch.exp(-found.rate[:, None, :] * torch.atleast_2d(time)[..., None])
    return (found.rear[:, None, :] * decay).sum(-1)
