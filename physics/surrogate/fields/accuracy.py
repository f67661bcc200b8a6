"""Errors of a model of fields on runs that it has not seen: one step, and rolled out to the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from physics.surrogate import metrics
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

_AT_ONCE = 64  # runs


class Errors(NamedTuple):
    """VRMSE, the mean over channels, each of shape (runs, frames after the history).

    Attributes:
        step: of each frame predicted from the true ones before it.
        rollout: of each frame predicted from the model's own, the true history at the beginning alone.
    """

    step: Tensor
    rollout: Tensor


@torch.no_grad()
def errors(
    model: nn.Module, regime: Regime, frames: Frames, history: int, channels: Sequence[int] | None = None
) -> Errors:
    """Return the errors of every run, computed where the model is; what is not finite counts as 1e3.

    Args:
        channels: those that the mean is taken over; all of them if left out.
    """
    model.eval()
    chosen = list(range(len(regime.channels)) if channels is None else channels)
    parts = [
        _errors(model, regime, frames, slice(k, k + _AT_ONCE), history, chosen) for k in range(0, len(frames), _AT_ONCE)
    ]
    return Errors(torch.cat([part.step for part in parts]), torch.cat([part.rollout for part in parts]))


def _errors(model: nn.Module, regime: Regime, frames: Frames, runs: slice, history: int, channels: list[int]) -> Errors:
    place = next((part.device for part in model.parameters()), frames.values.device)
    values = frames.values[runs].to(place)
    settings = {name: value[runs].to(place) for name, value in frames.settings.items()}
    start, seen, step, rollout = values[:, 0], values[:, :history], [], []
    for t in range(history, values.shape[1]):
        following = _next(model, values[:, t - history : t], settings, regime, start)
        step.append(mean_vrmse(following, values[:, t], regime, channels))
        made = _next(model, seen, settings, regime, start)
        rollout.append(mean_vrmse(made, values[:, t], regime, channels))
        seen = torch.cat([seen[:, 1:], made[:, None]], 1)
    return Errors(torch.stack(step, 1).cpu(), torch.stack(rollout, 1).cpu())


def _next(model: nn.Module, history: Tensor, settings: Mapping[str, Tensor], regime: Regime, start: Tensor) -> Tensor:
    made: Tensor = model(history, settings, regime.name, start)
    return made


def mean_vrmse(predicted: Tensor, true: Tensor, regime: Regime, channels: list[int] | None = None) -> Tensor:
    """Return VRMSE, the mean over channels (those named), of the leading shape; what is not finite counts as 1e3."""
    found = metrics.vrmse(predicted, true, len(regime.axes))
    chosen = found if channels is None else found[..., channels]
    return torch.nan_to_num(chosen.mean(-1), nan=1e3, posinf=1e3).clamp(max=1e3)
