"""Windows of runs, drawn at random: what one step of training sees.

Random numbers come from a generator of the processor whatever the device is, so that a seed draws the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime
from physics.surrogate.well_regime import WellRegime
from physics.surrogate.well_runs import WellRuns


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

    def __init__(self, regime: Regime, frames: Frames, points: int, device: torch.device) -> None:
        self.regime, self.frames, self.device = regime, frames, device
        self.scaled = regime.scaled(frames.settings).float()
        axes = len(regime.axes)
        spread = frames.values.std((0, 1, *range(-axes, 0)), correction=0)
        self.deviation = spread.reshape(-1, *(1,) * axes).to(device)
        self.batch = max(4, min(16, points // frames.values[0, 0, 0].numel()))

    def draw(self, length: int, generator: torch.Generator) -> Window:
        """Return windows of `length` frames, each from a run and a time of its own."""
        runs = torch.randint(len(self.frames), (self.batch,), generator=generator)
        latest = self.frames.values.shape[1] - length
        first = torch.randint(latest + 1, (self.batch,), generator=generator)
        index = first[:, None] + torch.arange(length)
        settings = {name: value[runs] for name, value in self.frames.settings.items()}
        return placed(Window(self.frames.values[runs[:, None], index], settings, self.scaled[runs]), self.device)

    def disturbed(self, history: Tensor, most: float, generator: torch.Generator) -> Tensor:
        """Return frames (batch, history, channels, *points) with noise of up to `most` deviations of each channel."""
        shape = (len(history), *(1,) * (history.dim() - 1))
        size = most * torch.rand(shape, generator=generator).to(history) * self.deviation
        return history + size * torch.randn(history.shape, generator=generator).to(history)


class FileWindows(Windows):
    """Draws windows of runs that stay in their files."""

    def __init__(self, regime: WellRegime, runs: WellRuns, points: int, device: torch.device) -> None:
        super().__init__(regime, runs.sampled, points, device)
        self.runs, self.scaled = runs, regime.scaled(runs.settings).float()
        self.deviation[list(regime.steady)] = 0.0  # no noise on what the model does not predict

    def draw(self, length: int, generator: torch.Generator) -> Window:
        """Return windows of `length` frames, each from a run and a time of its own."""
        runs = torch.randint(len(self.runs), (self.batch,), generator=generator)
        share = torch.rand(self.batch, generator=generator, dtype=torch.float64)
        first = (share * (self.runs.frames[runs] - length + 1)).long()
        read = [self.runs.window(run, at, length) for run, at in zip(runs.tolist(), first.tolist(), strict=True)]
        settings = {name: value[runs] for name, value in self.runs.settings.items()}
        return placed(Window(torch.stack(read), settings, self.scaled[runs]), self.device)


def windows_of(regime: Regime, runs: Frames | WellRuns, points: int, device: torch.device) -> Windows:
    """Return the windows of runs in memory or in files."""
    if isinstance(runs, Frames):
        return Windows(regime, runs, points, device)
    return FileWindows(runs.regime, runs, points, device)


def placed(window: Window, device: torch.device) -> Window:
    """Return a window on a device."""
    settings = {name: value.to(device) for name, value in window.settings.items()}
    return Window(window.frames.to(device), settings, window.scaled.to(device))
