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
        self.batch = max(8, min(64, points // frames.values[0, 0, 0].numel()))

    def draw(self, length: int, generator: torch.Generator) -> Window:
        """Return windows of `length` frames, each from a run and a time of its own."""
        runs = torch.randint(len(self.frames), (self.batch,), generator=generator)
        latest = self.frames.values.shape[1] - length
        first = torch.randint(latest + 1, (self.batch,), generator=generator)
        index = first[:, None] + torch.arange(length)
        settings = {name: value[runs] for name, value in self.frames.settings.items()}
        return Window(self.frames.values[runs[:, None], index], settings, self.scaled[runs])
