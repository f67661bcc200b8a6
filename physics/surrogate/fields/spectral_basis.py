"""Waves along an axis that fit its ends, as matrices: analysis of a field into them and synthesis from them.

    h(x, y) = Re sum_{k >= 0, l} H_kl exp(i (k X + l Y)),      X = 2 pi x / length, or pi x / length between ends

k and l: waves along the two axes, l of both signs. Around a period these are Fourier's coefficients; between walls
or open ends they are those of the even continuation, which has no jump there, at the middles of the cells: analysis
finds cosines, and synthesis knows every phase, since a derivative turns one into the other. Dense products with few
waves are faster than a fast transform on a processor, and they take any boundary.

Source: G. Strang, The discrete cosine transform, SIAM Rev. 41 (1999) 135-147, doi:10.1137/S0036144598336745.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from physics.surrogate.regime import Boundary


class Basis(NamedTuple):
    """The waves of a grid.

    Attributes:
        cosines, sines: along the first axis, shape (mx, nx): what weighs a field to its coefficients.
        across: the same along the second, complex, shape (ml, ny).
        back: from coefficients along the second axis to its points, complex, shape (ny, ml).
        ahead: from the real and imaginary parts along the first axis to its points, shape (nx, 2 mx).
        numbers: what tells one wave from another, of order one, shape (mx * ml, 6).
    """

    cosines: Tensor
    sines: Tensor
    across: Tensor
    back: Tensor
    ahead: Tensor
    numbers: Tensor

    def analyse(self, fields: Tensor) -> Tensor:
        """Return the coefficients (batch, mx, ml, width) of fields (batch, nx, ny, width), complex."""
        batch, nx, ny, width = fields.shape
        flat = fields.reshape(batch, nx, ny * width)
        rows = torch.complex(torch.matmul(self.cosines, flat), torch.matmul(self.sines, flat))
        rows = rows.reshape(batch, -1, ny, width)
        return rows if ny == 1 else torch.matmul(self.across, rows)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Return the fields (batch, nx, ny, width) of coefficients (batch, mx, ml, width)."""
        batch, mx, _, width = coefficients.shape
        ny = len(self.back)
        rows = coefficients if ny == 1 else torch.matmul(self.back, coefficients)
        flat = rows.reshape(batch, mx, ny * width)
        return torch.matmul(self.ahead, torch.cat([flat.real, flat.imag], 1)).reshape(batch, -1, ny, width)


@lru_cache(maxsize=64)
def basis(points: tuple[int, int], ends: tuple[Boundary, Boundary], most: tuple[int, int]) -> Basis:
    """Return the first waves of a grid: `most` along each axis, or as many as its points resolve.

    The shortest wave of an even periodic axis has no phase there and is left out; one point has the mean alone.
    """
    first, k = _turns(points[0], ends[0], most[0])
    second, half = _turns(points[1], ends[1], most[1])
    signed = torch.cat([-half[1:].flip(0), half])
    second = torch.cat([second[:, 1:].flip(1).conj(), second], 1)
    weight = torch.where(k == 0, 1.0, 2.0) / points[0]
    mixed = torch.where(signed == 0, 1.0, 1.0 if ends[1] == "periodic" else 0.5 * 2.0) / points[1]
    between = ends[0] != "periodic"
    cosines, sines = weight[:, None] * first.real.T, -weight[:, None] * first.imag.T
    across = (second.real if ends[1] != "periodic" else second.conj()) * mixed
    return Basis(
        cosines.float().contiguous(),
        (torch.zeros_like(sines) if between else sines).float().contiguous(),
        across.T.to(torch.complex64).contiguous(),
        second.to(torch.complex64).contiguous(),
        torch.cat([first.real, -first.imag], 1).float().contiguous(),
        _numbers(k if not between else 0.5 * k, signed if ends[1] == "periodic" else 0.5 * signed),
    )


def _turns(points: int, end: Boundary, most: int) -> tuple[Tensor, Tensor]:
    """Return exp(i k X) at the points, shape (points, m), and k."""
    periodic = end == "periodic"
    k = torch.arange(min(most, (points + 1) // 2 if periodic else points), dtype=torch.float64)
    i = torch.arange(points, dtype=torch.float64)
    angle = (2.0 * math.pi * i if periodic else math.pi * (i + 0.5)) / points
    return torch.exp(1j * angle[:, None] * k), k


def _numbers(kx: Tensor, ky: Tensor) -> Tensor:
    x = kx[:, None].expand(-1, len(ky)).reshape(-1)
    y = ky[None, :].expand(len(kx), -1).reshape(-1)
    square = x**2 + y**2
    parts = [x / 8.0, y / 8.0, square / 64.0, torch.log1p(square) / 2.0, 1.0 / (1.0 + square), x * y / 64.0]
    return torch.stack(parts, -1).float()
