"""Measures of a predicted field against the true one, per channel; shapes (..., channels, *points) -> (..., channels).

    VRMSE = sqrt( <(u - v)^2> / <(u - <u>)^2> ),       nRMSE = sqrt( <(u - v)^2> / <u^2> )
    cRMSE = |<u> - <v>|,       bRMSE: the RMSE over the ends of the axes
    fRMSE(band) = sqrt( sum over the waves of the band |u_k - v_k|^2 )

u: true, v: predicted, < >: mean over space. VRMSE of 1 is what the mean of the true field reaches. All are of one
frame of one run: PDEBench takes the mean over runs and frames, the root mean square over runs for cRMSE, and the
largest over runs for the maximum. Its fRMSE is the mean over the shells of a band; here bands add up to the RMSE.

Sources: R. Ohana et al., The Well, arXiv:2412.00568, section 4 (VRMSE); M. Takamoto et al., PDEBench: an extensive
benchmark for scientific machine learning, NeurIPS 2022, arXiv:2210.07182, appendix B (the others).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

EPSILON = 1e-7  # of the variance, as The Well adds it
BANDS = ((0, 4), (4, 12), (12, 1_000_000))  # wave indices: low, middle, high


def vrmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the root mean square error over the deviation of the true field."""
    space = _space(axes)
    variance = true.var(space, correction=0)
    return (((predicted - true) ** 2).mean(space) / (variance + EPSILON)).sqrt()


def nrmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the root mean square error over the root mean square of the true field."""
    space = _space(axes)
    return (((predicted - true) ** 2).mean(space) / (true**2).mean(space).clamp_min(EPSILON)).sqrt()


def rmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the root mean square error, in the channel's unit."""
    return ((predicted - true) ** 2).mean(_space(axes)).sqrt()


def conserved_rmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the error of the sum over space, per point, in the channel's unit."""
    return (predicted - true).mean(_space(axes)).abs()


def largest(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the largest error of a point."""
    return (predicted - true).abs().amax(_space(axes))


def boundary_rmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the root mean square error over the points at the ends of the axes."""
    squared = (predicted - true) ** 2
    total, count = torch.zeros_like(squared.sum(_space(axes))), 0
    for axis in _space(axes):
        ends = torch.cat([squared.narrow(axis, 0, 1), squared.narrow(axis, squared.shape[axis] - 1, 1)], axis)
        total, count = total + ends.sum(_space(axes)), count + math.prod(ends.shape[k] for k in _space(axes))
    return (total / count).sqrt()


def band_rmse(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the error of each of `BANDS` of waves, shape (..., channels, bands)."""
    space = _space(axes)
    power = torch.fft.fftn(predicted - true, dim=space, norm="forward").abs() ** 2
    index = wave_index(tuple(true.shape[k] for k in space)).to(power.device)
    return torch.stack([(power * ((index >= low) & (index < high))).sum(space).sqrt() for low, high in BANDS], -1)


def spectrum(fields: Tensor, axes: int) -> Tensor:
    """Return the power in each shell of waves, shape (..., channels, shells)."""
    space = _space(axes)
    power = (torch.fft.fftn(fields, dim=space, norm="forward").abs() ** 2).flatten(-axes)
    index = wave_index(tuple(fields.shape[k] for k in space)).flatten().round().long().to(power.device)
    shells = min(fields.shape[k] for k in space) // 2 + 1
    kept = index < shells
    found = power.new_zeros(*power.shape[:-1], shells)
    return found.index_add(-1, index[kept], power[..., kept])


def wave_index(points: tuple[int, ...]) -> Tensor:
    """Return the length of the wave vector of each coefficient, in periods, shape (*points)."""
    parts = [torch.fft.fftfreq(n, 1.0 / n) ** 2 for n in points]
    square = parts[0] if len(parts) == 1 else parts[0][:, None] + parts[1]
    return square.sqrt()


def _space(axes: int) -> tuple[int, ...]:
    return tuple(range(-axes, 0))
