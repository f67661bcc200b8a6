"""The divergence of a velocity in two dimensions, for the grids that solvers here use.

    div u = du/dx + dw/dz

`faces`: each component stands on the faces of cells and the sum of differences over a cell is exact for a
projection on a staggered grid. `spectral`: all components stand at the same points of a periodic box and
derivatives are those of the trigonometric interpolant.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from physics.validate.bounds import Bound, resolve
from physics.validate.law import Kind, Law, Sample, worst


def faces(u: Tensor, w: Tensor, dx: Tensor | float, dz: Tensor | float) -> Tensor:
    """Divergence on cells (..., nx, nz) from u (..., nx + 1, nz) and w (..., nx, nz + 1).

    `dx` and `dz` are the widths of cells, a number or shapes (nx, 1) and (nz,). A periodic direction gives its
    first face again at the end.
    """
    return u.diff(dim=-2) / dx + w.diff(dim=-1) / dz


def spectral(u: Tensor, w: Tensor, lengths: tuple[float, float]) -> Tensor:
    """Divergence at the points (..., nx, nz) of a doubly periodic box of the given lengths."""
    nx, nz = u.shape[-2:]
    kx = 2 * torch.pi * torch.fft.fftfreq(nx, d=lengths[0] / nx, dtype=u.dtype, device=u.device)
    kz = 2 * torch.pi * torch.fft.rfftfreq(nz, d=lengths[1] / nz, dtype=u.dtype, device=u.device)
    kx, kz = _without_nyquist(kx, nx), _without_nyquist(kz, nz)
    total = 1j * (kx[:, None] * torch.fft.rfft2(u) + kz * torch.fft.rfft2(w))
    return torch.fft.irfft2(total, s=(nx, nz))


def relative(divergence: Tensor, speed: Tensor, width: float | Tensor) -> Tensor:
    """Return the largest |div u| times the width of a cell over the largest speed, shape (batch,)."""
    return worst(divergence.abs()) * width / worst(speed.abs()).clamp_min(1e-300)


def solenoidal(
    output: str,
    divergence: Callable[[Sample], tuple[Tensor, float | Tensor]],
    *,
    limit: Bound = 1e-9,
    needs: tuple[str, ...] = (),
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """The velocity has no divergence; `divergence(sample)` returns it and the width of a cell."""

    def departure(sample: Sample) -> Tensor | None:
        if where is not None and not where(sample):
            return None
        value, width = divergence(sample)
        return relative(value, sample.values(output), width)

    def bound(sample: Sample) -> float | Tensor:
        found = resolve(limit, sample)
        return 1e-9 if found is None else found

    return Law(
        f"{output} has no divergence",
        Kind.CONSTRAINT,
        "",
        "the largest divergence times the width of a cell, over the largest speed",
        departure,
        bound,
        (output, *needs),
    )


def _without_nyquist(k: Tensor, points: int) -> Tensor:
    """Leave out the wave whose derivative the points cannot tell."""
    if points % 2:
        return k
    kept = k.clone()
    kept[points // 2] = 0.0
    return kept
