"""Transport through mobile water that exchanges with water at rest.

    beta dc1/dT = -A c1 - omega (c1 - c2),        A c = -(1/Pe) d2c/dX2 + dc/dX + beta Da c
    (1 - beta) dc2/dT = omega (c1 - c2) - (1 - beta) Da c2

c1 is the concentration of the mobile water, which is the one that flows out and that a sensor reads, c2 that of
the water at rest; length and time are in the units of `equation` (l and R l / v), beta is the share
of the retarded volume that is mobile and omega = alpha l / (theta v) the rate of exchange, alpha (1/s) per
volume of bed, theta the water content. Decay Da acts at one rate on what either region holds, so that a
conservative curve times exp(-Da T) is a leaching one with decay, whatever the exchange. beta = 1 or a large
omega is the plain column; omega = 0 is one with the retardation beta R.

Eliminating the store from a step of `exchange` with the half step h = dT / 2:

    p = h omega / d,   k = (1 - beta) / d,   q = h omega k / beta,   d = (1 - beta) (1 + h Da) + h omega
    B = 1 + (h A + h omega (1 - beta) (1 + h Da) / d) / beta

It fails where the exchange is not of first order, for example diffusion into thick aggregates at early times.

Sources: M. Th. van Genuchten and P. J. Wierenga, Mass transfer studies in sorbing porous media I, Soil Sci. Soc.
Am. J. 40 (1976) 473-480, doi:10.2136/sssaj1976.03615995004000040011x; N. Toride, F. J. Leij and M. Th. van
Genuchten, The CXTFIT code, version 2.0, US Salinity Laboratory Research Report 137 (1995), for the notation.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.advection_dispersion.equation import Operator


class Coupled(NamedTuple):
    """The arguments of `exchange.march` for one step: diagonals (cells, batch), the others (batch,)."""

    lower: Tensor
    diag: Tensor
    upper: Tensor
    source: Tensor
    into: Tensor
    keep: Tensor
    take: Tensor


def coupled(system: Operator, mobile: Tensor, exchange: Tensor, damkohler: Tensor, half: Tensor) -> Coupled:
    """Return the step of half-length `half`, shape (batch,), in units of R l / v.

    Args:
        system: of the mobile water, with the decay beta Da.
        mobile, exchange, damkohler: beta, omega and Da of the reference length, shape (batch,).
    """
    resting = (1.0 - mobile) * (1.0 + half * damkohler)
    swapped = half * exchange
    whole = resting + swapped
    whole = torch.where(whole > 0, whole, torch.ones_like(whole))
    keep, take = (1.0 - mobile) / whole, swapped / whole
    scale = half / mobile
    lost = take * resting / mobile
    return Coupled(
        system.lower * scale, 1.0 + system.diag * scale + lost, system.upper * scale, system.source * scale,
        swapped * keep / mobile, keep, take,
    )  # fmt: skip


def arrival_share(mobile: Tensor, exchange: Tensor) -> Tensor:
    """Return about when the front arrives, as a share of the time of the whole volume: from beta up to 1."""
    return mobile + (1.0 - mobile) * exchange / (1.0 + exchange)
