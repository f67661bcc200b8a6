"""Doubly periodic real fields and their Fourier coefficients, on any device.

    f(x, y) = sum_k F[k] exp(i k . x)        F = rfft2(f) / (nx ny)

Fields have shape (..., nx, ny) on the points x = i lx / nx, y = j ly / ny. Of the coefficients only those that
dealiasing keeps are stored, |index| <= (n - 1) // 3 in each direction, so that a product of two fields that are
sums of kept modes has exact kept modes (the two-thirds rule): shape (..., nx, ny_kept), complex, where the
second axis holds the wave numbers from zero on and the others are their conjugates.

Source: S. A. Orszag, On the elimination of aliasing in finite-difference schemes by filtering high-wavenumber
components, J. Atmos. Sci. 28 (1971) 1074.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """A doubly periodic grid.

    Attributes:
        nx, ny: points, both even.
        lx, ly: the periods.
        device: where its tables stand.
    """

    nx: int
    ny: int
    lx: float
    ly: float
    device: str = "cpu"

    @cached_property
    def x(self) -> Tensor:
        """Points along x, shape (nx,)."""
        return torch.arange(self.nx, dtype=torch.float64, device=self.device) * (self.lx / self.nx)

    @cached_property
    def y(self) -> Tensor:
        """Points along y, shape (ny,)."""
        return torch.arange(self.ny, dtype=torch.float64, device=self.device) * (self.ly / self.ny)

    @property
    def kept(self) -> tuple[int, int]:
        """The largest wave index kept along x and along y."""
        return (self.nx - 1) // 3, (self.ny - 1) // 3

    @cached_property
    def kx(self) -> Tensor:
        """Wave numbers along x, shape (nx,)."""
        return torch.fft.fftfreq(self.nx, 1.0 / self.nx, dtype=torch.float64, device=self.device) * (
            2.0 * math.pi / self.lx
        )

    @cached_property
    def ky(self) -> Tensor:
        """Wave numbers along y that are kept, shape (ny_kept,)."""
        return torch.arange(self.kept[1] + 1, dtype=torch.float64, device=self.device) * (2.0 * math.pi / self.ly)

    @cached_property
    def square(self) -> Tensor:
        """k^2, shape (nx, ny_kept)."""
        return self.kx[:, None] ** 2 + self.ky**2

    @cached_property
    def inverse(self) -> Tensor:
        """1 / k^2, zero for the mean, shape (nx, ny_kept)."""
        return torch.where(self.square > 0, 1.0 / torch.where(self.square > 0, self.square, 1.0), 0.0)

    @cached_property
    def mask(self) -> Tensor:
        """One where a mode is kept, zero elsewhere, shape (nx, 1)."""
        index = torch.fft.fftfreq(self.nx, 1.0 / self.nx, dtype=torch.float64, device=self.device)
        return (index.abs() <= self.kept[0]).to(torch.float64)[:, None]

    @cached_property
    def weight(self) -> Tensor:
        """How often a stored mode stands in a sum over all modes, shape (ny_kept,)."""
        weight = torch.full((self.kept[1] + 1,), 2.0, dtype=torch.float64, device=self.device)
        weight[0] = 1.0
        return weight

    def forward(self, field: Tensor) -> Tensor:
        """Return the kept coefficients of fields (..., nx, ny)."""
        return torch.fft.rfft2(field, norm="forward")[..., : self.kept[1] + 1] * self.mask

    def backward(self, coefficients: Tensor) -> Tensor:
        """Return the fields (..., nx, ny)."""
        return torch.fft.irfft2(coefficients, s=(self.nx, self.ny), norm="forward")

    def mean_product(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the mean of the product of two fields given by coefficients, shape (...)."""
        return (self.weight * (one * other.conj()).real).sum((-2, -1))
