"""What runs keep: means and weighted sums, zero divergence on periodic and on staggered grids.

Every `project` is the orthogonal projection of a frame onto what is kept, so it is linear, differentiable and
idempotent. Shapes as in `physics.surrogate.regime`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
