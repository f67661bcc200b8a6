"""Frames that a surrogate makes from a history, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from physics.surrogate.regime import Regime


@torch.no_grad()
def rollout(
    model: nn.Module, regime: Regime, history: Tensor, settings: Mapping[str, Tensor], frames: int, start: Tensor
) -> Tensor:
    """Return `frames` further frames, (runs, frames, channels, *points), in double precision.

    What the regime keeps is projected once more in double precision, so that it holds to rounding in all that is
    shown; values are held within the channels' bounds first.

    Args:
        model: of single precision.
        history: the frames before them, as many as the model sees, (runs, history, channels, *points).
        settings: shape (runs,) each.
        start: the run's first frame, (runs, channels, *points).
    """
    seen, first, found = history.float(), start.float(), []
    for _ in range(frames):
        following = model(seen, settings, regime.name, first)
        seen = torch.cat([seen[:, 1:], following[:, None]], 1)
        found.append(following)
    return held(regime, torch.stack(found, 1).double(), settings, start.double())


def held(regime: Regime, values: Tensor, settings: Mapping[str, Tensor], start: Tensor) -> Tensor:
    """Return frames (runs, frames, channels, *points) within their bounds and with their invariants."""
    for index, channel in enumerate(regime.channels):
        if channel.bounds is not None:
            values = values.clone()
            values[:, :, index] = values[:, :, index].clamp(*channel.bounds)
    return regime.kept(values, start[:, None], settings)
