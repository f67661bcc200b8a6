"""The decoder: a Fourier neural operator whose multipliers are functions of the wavenumber and of the physics.

    z = FiLM( W_1 [ S_c h , L h ], c ),        h <- h + W_2 ( sigmoid(z_a) * z_b ),        z = (z_a, z_b)
    S_c h = Re sum_k M(k; c) h_k exp(i k . x),        M(k; c) = sum_r alpha_r(c) phi_r(k), complex

h: (batch, nx, ny, width); h_k its coefficients in the waves of `spectral_basis`. A multiplier is all that commutes
with shifts: it holds diffusion, dispersion, advection and the inverse of a Laplacian. phi is a small network of the
wavenumber, shared by all grids; alpha is chosen by the conditioning. L is a 3 x 3 stencil of each channel. The
product is what lets a layer form u . grad u, and the gate's bound keeps a rollout from growing with the square of its
error; multipliers of diagonal form keep the parameters few.

Sources: Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021,
arXiv:2010.08895 (the spectral layer); A. Tran, A. Mathews, L. Xie and C. S. Ong, Factorized Fourier neural
operators, ICLR 2023, arXiv:2111.13802 (residual form with a two-layer mixing).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from physics.surrogate.fields.conditioning import Film
from physics.surrogate.fields.spectral_basis import Basis
from physics.surrogate.regime import Boundary

_RANK = 12


class Multipliers(nn.Module):
    """S_c: one complex multiplier a channel and wave, of low rank over the waves."""

    def __init__(self, width: int, given: int, rank: int = _RANK) -> None:
        super().__init__()
        self.width, self.rank = width, rank
        self.shapes = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2 * rank))
        self.amounts = nn.Linear(given, 2 * width * rank)
        with torch.no_grad():
            self.amounts.weight.mul_(0.3)
            nn.init.normal_(self.amounts.bias, std=rank**-0.5)

    def forward(self, fields: Tensor, c: Tensor, waves: Basis) -> Tensor:
        """Return S_c of fields (batch, nx, ny, width)."""
        shapes = self.shapes(waves.numbers).reshape(-1, 2, self.rank).transpose(0, 1)
        amounts = self.amounts(c).reshape(-1, 2, self.rank, self.width)
        real, imaginary = torch.matmul(shapes, amounts).unbind(1)
        found = waves.analyse(fields)
        return waves.synthesise(found * torch.complex(real, imaginary).reshape(found.shape))


class OperatorBlock(nn.Module):
    """One layer of the decoder."""

    def __init__(self, width: int, given: int) -> None:
        super().__init__()
        self.width = width
        self.multipliers = Multipliers(width, given)
        self.stencil = nn.Conv2d(width, width, 3, groups=width, bias=False)
        self.enter = nn.Linear(2 * width, 2 * width)
        self.film = Film(given, 2 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, h: Tensor, c: Tensor, waves: Basis, ends: tuple[Boundary, Boundary]) -> Tensor:
        """Return the next latent field, of the shape of h (batch, nx, ny, width)."""
        near = self.stencil(ringed(h, ends).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        gate, value = self._mixed(self.multipliers(h, c, waves), near, c).chunk(2, -1)
        out: Tensor = h + self.leave(torch.sigmoid(gate) * value)
        return out

    def _mixed(self, far: Tensor, near: Tensor, c: Tensor) -> Tensor:
        """Return FiLM(W_1 [far, near], c), with the modulation in the weights: fewer passes over the fields."""
        gamma, beta = self.film.amounts(c)
        weights = self.enter.weight.T * (1.0 + gamma[:, None, :])
        shift = (self.enter.bias * (1.0 + gamma) + beta)[:, None, :]
        first, second = weights.split(self.width, 1)
        mixed = torch.baddbmm(shift, far.flatten(1, 2), first)
        mixed = torch.baddbmm(mixed, near.reshape(len(near), -1, self.width), second)
        return mixed.reshape(*near.shape[:3], -1)


def ringed(h: Tensor, ends: tuple[Boundary, Boundary]) -> Tensor:
    """Return h with one more point at each end: that of the next period, or the last one again."""
    for axis, kind in enumerate(ends, start=1):
        first, last = h.narrow(axis, 0, 1), h.narrow(axis, h.shape[axis] - 1, 1)
        h = torch.cat([last, h, first] if kind == "periodic" else [first, h, last], axis)
    return h
