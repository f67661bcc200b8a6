"""Exact solutions of `equation` for a step in the feed, safe at any Peclet number.

In the Laplace variable s of T the solution is elementary in beta = sqrt(1 + 4 (s + Da) / Pe). With beta
itself as the variable of the inversion integral its exponent is a square,

    s T + Pe X (1 - beta) / 2 = Pe T (beta - X / T)^2 / 4 - Pe (X - T)^2 / (4 T) - Da T,

so that on the line Re beta = X / T, the path of steepest descent, the integrand is a Gaussian times a mild
function. Nothing cancels, and the trapezoidal rule is exact to rounding with some eighty points. The pole
beta_0 = sqrt(1 + 4 Da / Pe) carries the steady state: the line keeps a distance from it and adds its residue
if it stands to its left. Eigenfunction series lose every digit where the effluent of a closed column is
small; this form keeps its relative accuracy there.

Sources: M. Th. van Genuchten and W. J. Alves, USDA Technical Bulletin 1661 (1982), for the transforms; L. N.
Trefethen and J. A. C. Weideman, The exponentially convergent trapezoidal rule, SIAM Rev. 56 (2014) 385-458,
doi:10.1137/130932132, for the quadrature.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_DIGITS = 40.0  # exp(-40) is left out: both of the tail and of the aliases
_POINTS = 128


def step_response(
    peclet: Tensor,
    time: Tensor,
    *,
    place: Tensor | float = 1.0,
    damkohler: Tensor | float = 0.0,
    first_type: bool = False,
    closed: bool = True,
    flux: bool = False,
) -> Tensor:
    """Return C/C0 at `place` after the feed jumps from 0 to 1; all shapes broadcast.

    Args:
        peclet: v l / D > 0, float64; l is the length of a closed column and any length of an open one.
        time: in units of R l / v; the result is 0 up to time 0.
        place: x / l in (0, 1] where the column is closed, any positive number otherwise.
        damkohler: mu l / v >= 0.
        first_type, closed, flux: the conditions of `equation`.
    """
    pe, t, x, da = torch.broadcast_tensors(
        *(
            torch.as_tensor(value, dtype=torch.float64, device=peclet.device)
            for value in (peclet, time, place, damkohler)
        )
    )
    started = t > 0
    t = torch.where(started, t, torch.ones_like(t))
    pole = torch.sqrt(1.0 + 4.0 * da / pe)
    room = 1.0 / torch.sqrt(pe * t)
    line, left = _line(x / t, pole, room)
    step = 2.0 * math.pi * room / _DIGITS
    y = step[..., None] * torch.arange(_POINTS, dtype=torch.float64, device=pe.device)
    beta = torch.complex(line[..., None].expand_as(y), y)
    pe_, t_, x_, da_, pole_ = (value[..., None] for value in (pe, t, x, da, pole))
    exponent = 0.25 * pe_ * t_ * (beta - x_ / t_) ** 2 - 0.25 * pe_ * (x_ - t_) ** 2 / t_ - da_ * t_
    mild = _transform(beta, pe_, x_, first_type, closed, flux) * beta / (beta**2 - pole_**2)
    terms = (mild * torch.exp(exponent)).real
    integral = (2.0 / math.pi) * step * (terms.sum(-1) - 0.5 * terms[..., 0])
    steady = steady_state(pe, da, place=x, first_type=first_type, closed=closed, flux=flux)
    return torch.where(started, integral + torch.where(left, steady, 0.0), 0.0)


def steady_state(
    peclet: Tensor,
    damkohler: Tensor,
    *,
    place: Tensor | float = 1.0,
    first_type: bool = False,
    closed: bool = True,
    flux: bool = False,
) -> Tensor:
    """Return C/C0 at `place` when the feed has been on for ever: 1 without decay.

    With both ends as Danckwerts has them, 4 b exp(Pe (1 - b) / 2) / ((1 + b)^2 - (1 - b)^2 exp(-Pe b)) at the
    outlet, b = sqrt(1 + 4 Da / Pe) (Danckwerts 1953).
    """
    pe, da = (torch.as_tensor(value, dtype=torch.float64) for value in (peclet, damkohler))
    x = torch.as_tensor(place, dtype=torch.float64)
    beta = torch.sqrt(1.0 + 4.0 * da / pe)
    value = _transform(beta, pe, x, first_type, closed, flux)
    return value * torch.exp(0.5 * pe * x * (1.0 - beta))


def _line(saddle: Tensor, pole: Tensor, room: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the real part of the path, `room` away from pole and origin, and say if it is left of it."""
    left = (saddle < pole) & (room < 0.4 * pole)
    low = torch.minimum(torch.maximum(saddle, room), pole - room)
    return torch.where(left, low, torch.maximum(saddle, pole + room)), left


def _transform(beta: Tensor, pe: Tensor, x: Tensor, first_type: bool, closed: bool, flux: bool) -> Tensor:
    """Return s exp(-Pe x (1 - beta) / 2) times the Laplace transform of the step response."""
    ahead, behind = 0.5 * (1.0 + beta), 0.5 * (1.0 - beta)  # what flux makes of the two exponentials
    echo = (beta - 1.0) / (beta + 1.0) if closed else torch.zeros_like(beta)
    here, far = (
        echo * torch.exp(-pe * beta * (1.0 - x) if closed else -pe * beta),
        echo * torch.exp(-pe * beta),
    )
    reading = ahead + behind * here if flux else 1.0 + here
    inlet = 1.0 + far if first_type else ahead + behind * far
    return reading / inlet


def ogata_banks(peclet: Tensor, time: Tensor) -> Tensor:
    """Return the step response at 1 of an open column whose inlet concentration is held.

    c = erfc(z) / 2 + exp(-z^2) erfcx(w) / 2,    z, w = (1 -+ T) sqrt(Pe / (4 T))

    A. Ogata and R. B. Banks, A solution of the differential equation of longitudinal dispersion in porous
    media, USGS Professional Paper 411-A (1961), doi:10.3133/pp411A.
    """
    z, w = _fronts(peclet, time)
    return 0.5 * torch.special.erfc(z) + 0.5 * torch.exp(-z * z) * torch.special.erfcx(w)


def third_type_resident(peclet: Tensor, time: Tensor) -> Tensor:
    """Return the resident step response at 1 of an open column fed with the flow.

    c = erfc(z) / 2 + sqrt(Pe T / pi) exp(-z^2) - (1 + Pe + Pe T) exp(-z^2) erfcx(w) / 2,    z, w as in
    `ogata_banks`

    M. Th. van Genuchten and W. J. Alves, USDA Technical Bulletin 1661 (1982), case A2.
    """
    z, w = _fronts(peclet, time)
    bell = torch.exp(-z * z)
    spread = torch.sqrt(peclet * time / math.pi) - 0.5 * (1.0 + peclet + peclet * time) * torch.special.erfcx(w)
    return 0.5 * torch.special.erfc(z) + bell * spread


def _fronts(peclet: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    scale = torch.sqrt(peclet / (4.0 * time))
    return (1.0 - time) * scale, (1.0 + time) * scale
