"""What training makes small: the error of fields over their variation, in space and in bands of waves.

    loss = VRMSE + w_s sum_bands sqrt( sum_k |u_k - v_k|^2 / (sum_k |u_k|^2 + e <|u - <u>|^2>) ) / bands

The second term weighs the short waves, which hold little of the variance, as much as the long ones; e keeps bands
that hold next to nothing from counting.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor

from physics.surrogate.metrics import EPSILON, wave_index
from physics.surrogate.regime import Regime

_EDGES = (1.0, 4.0, 10.0, 1e9)
_LEAST = 1e-3  # of the variance: e
_DEFECT = 1e-3  # relative: what counts as one unit of a broken invariant


def spatial(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return VRMSE of each run, shape (batch,), the mean over its channels."""
    space = tuple(range(-axes, 0))
    variance = true.var(space, correction=0) + EPSILON
    share = ((predicted - true) ** 2).mean(space) / variance
    return (share + 1e-10).sqrt().mean(-1)


def spectral(predicted: Tensor, true: Tensor, axes: int) -> Tensor:
    """Return the relative error of the bands of waves of each run, shape (batch,), the mean over channels and bands."""
    space = tuple(range(-axes, 0))
    wrong = torch.fft.rfftn(predicted - true, dim=space, norm="forward")
    right = torch.fft.rfftn(true, dim=space, norm="forward")
    index = wave_index(tuple(true.shape[k] for k in space))[..., : wrong.shape[-1]].to(true.device)
    floor = _LEAST * true.var(space, correction=0) + EPSILON
    found = []
    for low, high in itertools.pairwise(_EDGES):
        band = ((index >= low) & (index < high)).to(true)
        share = (_power(wrong) * band).sum(space) / ((_power(right) * band).sum(space) + floor)
        found.append((share + 1e-10).sqrt())
    return torch.stack(found, -1).mean((-1, -2))


def _power(coefficients: Tensor) -> Tensor:
    return torch.view_as_real(coefficients).square().sum(-1)


def defect(predicted: Tensor, start: Tensor, settings: Mapping[str, Tensor], regime: Regime) -> Tensor:
    """Return log(1 + d / d_0) summed over the invariants of each run, shape (batch,); d_0 = 1e-3."""
    total = predicted.new_zeros(len(predicted))
    for invariant in regime.invariants:
        found = invariant.defect(predicted[:, None], start[:, None], settings)[:, 0]
        total = total + torch.log1p(found / _DEFECT)
    return total
