"""What is known of a channel without learning: moments, how it changes over time, and the shares of its waves.

All are free of scale, of order one, and the same for every number of axes (zero along an axis that there is not).
`simple` makes a vector of them alone: what the trained encoder has to beat.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OCTAVES = 6
QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)
LEVELS = (0.03, 0.1, 0.25, 0.75, 0.9, 0.97)  # of a curve's way from its first value to the farthest
PER_CHANNEL = 4 + 9 + 4 + len(LEVELS) + 1 + 3 * OCTAVES


def features(values: Tensor, z: Tensor, axes: int, fronts: Tensor) -> Tensor:
    """Return the features (channels, PER_CHANNEL) of values and of what `standard` makes of them, each
    (channels, frames, nx, ny); `fronts` (channels,) tells those that show the front of a series."""  # fmt: skip
    kind = torch.zeros(len(z), 4)
    kind[:, axes] = 1.0
    kind[:, 3] = fronts
    return torch.cat(
        [kind, _moments(values, z), _course(z), _arrivals(z, axes), *(_waves(z, axes, k) for k in range(3))], -1
    )


def simple(per_channel: Tensor, owner: Tensor, count: int) -> Tensor:
    """Return the mean and the deviation of features (channels, f) over the channels of each run, shape (count, 2 f)."""
    return pooled(per_channel, owner, count)


def pooled(rows: Tensor, owner: Tensor, count: int) -> Tensor:
    """Return mean and deviation of rows (channels, f) that belong to one of `count` owners, shape (count, 2 f)."""
    held = torch.bincount(owner, minlength=count).clamp_min(1)[:, None].to(rows)
    mean = rows.new_zeros(count, rows.shape[1]).index_add(0, owner, rows) / held
    spread = rows.new_zeros(count, rows.shape[1]).index_add(0, owner, (rows - mean[owner]).square()) / held
    return torch.cat([mean, (spread + 1e-6).sqrt() - 1e-3], -1)


def _moments(values: Tensor, z: Tensor) -> Tensor:
    flat, own = z.flatten(1), values.flatten(1)
    deviation = own.std(1, correction=0)
    offset = own.mean(1) / (deviation + 1e-3 * own.abs().amax(1) + 1e-30)
    frames = z.flatten(2)
    parts = [
        torch.tanh(offset / 4.0),
        torch.tanh((flat**3).mean(1) / 2.0),
        torch.log1p((flat**4).mean(1)) - 1.4,
        *(torch.quantile(flat[:, :: max(1, flat.shape[1] // 1024)], share, 1) for share in QUANTILES),
        frames.mean(2).std(1, correction=0),
    ]  # fmt: skip
    return torch.stack(parts, -1).clamp(-4.0, 4.0)


def _course(z: Tensor) -> Tensor:
    """Return how the run goes: mean at both ends, and the deviation there over that of all."""
    frames = z.flatten(2)
    parts = [frames[:, 0].mean(1), frames[:, -1].mean(1), frames[:, 0].std(1, correction=0),
             frames[:, -1].std(1, correction=0)]  # fmt: skip
    return torch.stack(parts, -1).clamp(-4.0, 4.0)


def _arrivals(z: Tensor, axes: int) -> Tensor:
    """Return when a series comes to the levels, as logarithms over the time of the half, and that time's share."""
    if axes:
        return z.new_zeros(len(z), len(LEVELS) + 1)
    curve = functional.avg_pool1d(z.flatten(1)[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    way = (curve - curve[:, :2].mean(1, keepdim=True)).abs()
    share = way / way.amax(1, keepdim=True).clamp_min(1e-12)
    half = _first(share, 0.5)
    ratios = [torch.log(_first(share, level) / half) for level in LEVELS]
    return torch.stack([*ratios, 2.0 * half / z[0].numel() - 1.0], -1).clamp(-3.0, 3.0)


def _first(share: Tensor, level: float) -> Tensor:
    """Return the place, from one on, at which each row comes to a level, between its points."""
    reached = (share >= level).double().argmax(1)
    before = (reached - 1).clamp_min(0)
    low, high = (share.gather(1, at[:, None])[:, 0] for at in (before, reached))
    part = ((level - low) / (high - low).clamp_min(1e-9)).clamp(0.0, 1.0)
    return before + torch.where(reached > 0, part, torch.zeros_like(part)) + 0.5


def _waves(z: Tensor, axes: int, along: int) -> Tensor:
    """Return the logarithms of the shares of octaves along time (0), the first axis (1) or the second (2)."""
    picked: Tensor | None
    if axes == 0:
        picked = z.flatten(1)[:, None] if along == 0 else None
    elif along == 0:
        picked = z.flatten(2).transpose(1, 2) if z.shape[1] > 1 else None
    elif along == 1:
        picked = z.transpose(2, 3).flatten(1, 2)
    else:
        picked = z.flatten(1, 2) if axes == 2 else None
    if picked is None:
        return z.new_zeros(len(z), OCTAVES)
    # The even continuation has no jump at the ends.
    power = torch.fft.rfft(torch.cat([picked, picked.flip(-1)], -1)).abs().square().mean(1)[:, 1:]
    share = power / power.sum(-1, keepdim=True).clamp_min(1e-20)
    edges = [2**k - 1 for k in range(OCTAVES)]
    octaves = [share[:, low : (2 * low + 1 if k < OCTAVES - 1 else None)].sum(-1) for k, low in enumerate(edges)]
    return functional.softplus(torch.log10(torch.stack(octaves, -1) + 1e-6) + 6.0) / 3.0 - 1.0
