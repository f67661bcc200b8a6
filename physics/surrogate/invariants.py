"""What runs keep: means and weighted sums, zero divergence on periodic and on staggered grids.

Every `project` is the orthogonal projection of a frame onto what is kept, so it is linear, differentiable and
idempotent. Shapes as in `physics.surrogate.regime`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from physics.surrogate.regime import Invariant

_LEAST = 1e-12  # scale below which a field counts as none


def spread(settings: Tensor, like: Tensor) -> Tensor:
    """Give a setting (runs,) the dimensions of fields (runs, frames, *points)."""
    return settings.to(like).reshape(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True)
class Mean(Invariant):
    """The means of some channels over all points; the defect is relative to the channel's root mean square."""

    channels: tuple[int, ...]
    name: str = "mean"
    tolerance: float = 1e-6

    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the largest change of a mean over the root mean square of its channel at the start."""
        picked, first = values[:, :, self.channels].flatten(3), start[:, :, self.channels].flatten(3)
        scale = first.square().mean(-1).sqrt().clamp(min=_LEAST)
        return ((picked.mean(-1) - first.mean(-1)).abs() / scale).amax(-1)

    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Shift each channel by a constant."""
        points = tuple(range(3, values.dim()))
        missing = start.mean(points, keepdim=True) - values.mean(points, keepdim=True)
        return values + missing * chosen(self.channels, values)


def chosen(channels: Sequence[int], like: Tensor) -> Tensor:
    """Return 1 for the chosen channels and 0 for the others, shape (1, 1, channels, 1, ...)."""
    kept = torch.zeros(like.shape[2], dtype=like.dtype, device=like.device)
    kept[list(channels)] = 1.0
    return kept.reshape(1, 1, -1, *[1] * (like.dim() - 3))


def speed(velocity: Tensor) -> Tensor:
    """Return the root mean square (runs, frames) of a velocity (runs, frames, 2, nx, ny)."""
    return velocity.square().sum(2).mean((-2, -1)).sqrt().clamp(min=_LEAST)


@dataclass(frozen=True)
class SpectralDivergence(Invariant):
    """Zero divergence of a velocity on a doubly periodic grid, by its Fourier sum.

    The grid's own wavenumbers, whose derivative has no phase, count as not carried. The defect is the largest
    divergence times the smallest spacing, over the root mean square of the velocity.
    """

    channels: tuple[int, int]
    periods: tuple[float, float]
    name: str = "divergence"
    tolerance: float = 1e-4

    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the largest divergence, relative."""
        velocity = values[:, :, self.channels]
        kx, ky = self._wavenumbers(values)
        spectrum = torch.fft.rfft2(velocity)
        divergence = torch.fft.irfft2(1j * (kx * spectrum[:, :, 0] + ky * spectrum[:, :, 1]), s=values.shape[-2:])
        spacing = min(length / count for length, count in zip(self.periods, values.shape[-2:], strict=True))
        return spacing * divergence.abs().amax((-2, -1)) / speed(velocity)

    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Take the gradient part out of every wave."""
        kx, ky = self._wavenumbers(values)
        square = kx**2 + ky**2
        inverse = torch.where(square > 0, 1.0 / square.clamp(min=_LEAST), 0.0)
        u, v = torch.fft.rfft2(values[:, :, self.channels]).unbind(2)
        along = (kx * u + ky * v) * inverse
        gradient = torch.fft.irfft2(torch.stack([kx * along, ky * along], 2), s=values.shape[-2:])
        taken = torch.zeros_like(values)
        taken[:, :, list(self.channels)] = gradient
        return values - taken

    def _wavenumbers(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return kx (nx, 1) and ky (ny // 2 + 1,), zero at the grid's own wavenumbers."""
        (lx, ly), (nx, ny) = self.periods, like.shape[-2:]
        kx = torch.fft.fftfreq(nx, lx / (2.0 * torch.pi * nx), dtype=like.dtype, device=like.device)
        ky = torch.fft.rfftfreq(ny, ly / (2.0 * torch.pi * ny), dtype=like.dtype, device=like.device)
        if nx % 2 == 0:
            kx[nx // 2] = 0.0
        if ny % 2 == 0:
            ky[ny // 2] = 0.0
        return kx[:, None], ky


@dataclass(frozen=True)
class StaggeredDivergence(Invariant):
    """Zero divergence in every cell between two plates, periodic along x, with u at left and w at lower faces.

    The lower faces of the first row and the upper ones of the last, which are not stored, are the plates: w = 0. The
    defect is the largest divergence times the smaller spacing, over the root mean square of the velocity.
    """

    channels: tuple[int, int]
    lengths: tuple[float, float]
    name: str = "divergence"
    tolerance: float = 1e-4

    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the largest divergence, or velocity through the lower plate, relative."""
        velocity = values[:, :, self.channels]
        h, dz = self._spacings(values)
        through = velocity[:, :, 1, :, 0].abs().amax(-1)
        largest = (min(h, dz) * self._divergence(velocity)).abs().amax((-2, -1))
        return torch.maximum(largest, through) / speed(velocity)

    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Take out the gradient of a potential that flows through no plate: one small solve for each wave of x."""
        h, dz = self._spacings(values)
        nx, nz = values.shape[-2:]
        open_faces = torch.ones(nz, dtype=values.dtype, device=values.device)
        open_faces[0] = 0.0
        u, w = values[:, :, self.channels].unbind(2)
        w = w * open_faces
        spectrum = torch.fft.rfft(self._divergence(torch.stack([u, w], 2)), dim=-2)
        inverse = _neumann(nx, nz, h, dz).to(values)
        potential = torch.einsum("kij,...kj->...ki", inverse.to(spectrum.dtype), spectrum)
        potential = torch.fft.irfft(potential, n=nx, dim=-2)
        u = u - (potential - potential.roll(1, -2)) / h
        w = w - (potential - potential.roll(1, -1)) / dz * open_faces
        parts = list(values.unbind(2))
        for channel, part in zip(self.channels, (u, w), strict=True):
            parts[channel] = part
        return torch.stack(parts, 2)

    def _spacings(self, like: Tensor) -> tuple[float, float]:
        return self.lengths[0] / like.shape[-2], self.lengths[1] / like.shape[-1]

    def _divergence(self, velocity: Tensor) -> Tensor:
        (h, dz), (u, w) = self._spacings(velocity), velocity.unbind(2)
        above = torch.cat([w[..., 1:], torch.zeros_like(w[..., :1])], -1)
        return (u.roll(-1, -2) - u) / h + (above - w) / dz


@cache
def _neumann(nx: int, nz: int, h: float, dz: float) -> Tensor:
    """Return the inverses of the Laplacian between plates for each wave of x, (nx // 2 + 1, nz, nz)."""
    second = torch.diag(torch.full((nz,), -2.0, dtype=torch.float64))
    second += torch.diag(torch.ones(nz - 1, dtype=torch.float64), 1) + torch.diag(torch.ones(nz - 1).double(), -1)
    second[0, 0] = second[-1, -1] = -1.0
    angle = torch.pi * torch.arange(nx // 2 + 1, dtype=torch.float64) / nx
    waves = (2.0 / h * torch.sin(angle)) ** 2
    matrices = second / dz**2 - waves[:, None, None] * torch.eye(nz, dtype=torch.float64)
    # a constant is the gradient of nothing: the wave of length zero is solved in the least squares sense
    return torch.cat([torch.linalg.pinv(matrices[:1], hermitian=True), torch.linalg.inv(matrices[1:])])
