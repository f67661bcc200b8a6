"""Windows of runs, drawn at random: what one step of training sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime


class Window(NamedTuple):
    """Consecutive frames of some runs.

    Attributes:
        frames: shape (batch, length, channels, *points), float32.
        settings: shape (batch,) each.
        scaled: `Regime.scaled` of them, (batch, settings), float32.
    """

    frames: Tensor
    settings: Mapping[str, Tensor]
    scaled: Tensor


class Windows:
    """Draws windows of one regime's runs."""

    def __init__(self, regime: Regime, frames: Frames, points: int) -> None:
        self.regime, self.frames = regime, frames
        self.scaled = regime.scaled(frames.settings).float()
        axes = len(regime.axes)
        self.deviation = frames.values.std((0, 1, *range(-axes, 0)), correction=0).reshape(-1, *(1,) * axes)
        self.batch = max(4, min(16, points // frames.values[0, 0, 0].numel()))

    def draw(self, length: int, generator: torch.Generator) -> Window:
        """Return windows of `length` frames, each from a run and a time of its own."""
        runs = torch.randint(len(self.frames), (self.batch,), generator=generator)
        latest = self.frames.values.shape[1] - length
        first = torch.randint(latest + 1, (self.batch,), generator=generator)
        index = first[:, None] + torch.arange(length)
        settings = {name: value[runs] for name, value in self.frames.settings.items()}
        return Window(self.frames.values[runs[:, None], index], settings, self.scaled[runs])

    def disturbed(self, history: Tensor, most: float, generator: torch.Generator) -> Tensor:
        """Return frames (batch, history, channels, *points) with noise of up to `most` deviations of each channel."""
        shape = (len(history), *(1,) * (history.dim() - 1))
        size = most * torch.rand(shape, generator=generator) * self.deviation
        return history + size * torch.randn(history.shape, generator=generator)
