"""Velocities and tracers to start `shear_flow` from, on a `physics.linalg.spectral.Grid`.

Taylor-Green:   u = sin(k x) cos(k y),  v = -cos(k x) sin(k y)
    The nonlinear term is a gradient, so that both decay as exp(-2 nu k^2 t) and the energy as exp(-4 nu k^2 t),
    also when a mean velocity carries the pattern along.

Layers, as in the shear_flow set of The Well:
    u = 1/2 sum_k s_k tanh(5 d_k / w),   v = 1/10 sum_k sin(s_k n pi x / lx) exp(-25 (d_k / w)^2)
    s_k = -1, 1, -1, ...,  d_k = m (y - y_k) 2 / ly,  the m layers at y_k = ly (2 k + 1) / (2 m)
    and the tracer starts as u. The mean of u is -1/2: `ShearFlow.start` drops it, that is, the run moves with it.
    The sums are continued over neighbouring periods, so that u is smooth where the period closes; an odd number n
    of blobs leaves v with a kink at x = 0, as it does in that set. Its card divides 5 (y - y_k) by m w; here the
    width is w over the number of layers, which alone keeps them apart at its widths.

Source: The Well, doi:10.48550/arXiv.2412.00568, data card of shear_flow (Reynolds 1e4 to 5e5, Schmidt 0.1 to 10,
2 or 4 layers, 2 to 5 blobs, widths 0.25 to 4, lx = 1, ly = 2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.linalg.spectral import Grid

_PERIODS = 4  # on each side; tanh is 1 to rounding well within


def taylor_green(grid: Grid, waves: int = 1, amplitude: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return u and v, (1, nx, ny), with `waves` periods in each direction of a square."""
    kx, ky = 2.0 * math.pi * waves / grid.lx, 2.0 * math.pi * waves / grid.ly
    if not math.isclose(kx, ky):
        raise ParameterError("taylor_green: lx and ly differ; the decay is that of a square")
    x, y = grid.x[:, None] * kx, grid.y * ky
    return amplitude * (torch.sin(x) * torch.cos(y))[None], -amplitude * (torch.cos(x) * torch.sin(y))[None]


def layers(grid: Grid, count: int = 2, blobs: int = 2, width: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return u, v and the tracer, (1, nx, ny), of `count` shear layers, an even number.

    Raises:
        ParameterError: what cannot be periodic, or a width that is not above zero.
    """
    if count < 2 or count % 2 or blobs < 1 or not width > 0.0:
        raise ParameterError(
            f"layers: count = {count}, blobs = {blobs}, width = {width:g}; give an even count and width > 0"
        )
    u = torch.zeros(grid.nx, grid.ny, dtype=torch.float64, device=grid.device)
    v = torch.zeros_like(u)
    for k in range(-_PERIODS * count, (_PERIODS + 1) * count):
        sign = 2.0 * (k % 2) - 1.0
        place = grid.ly * (2 * k + 1) / (2 * count)
        apart = count * (grid.y - place) * 2.0 / grid.ly / width
        u += 0.5 * sign * torch.tanh(5.0 * apart)
        v += 0.1 * torch.sin(sign * blobs * math.pi * grid.x / grid.lx)[:, None] * torch.exp(-25.0 * apart**2)
    return u[None], v[None], u[None].clone()
