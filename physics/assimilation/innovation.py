"""What both methods compare the model with: observations, weights, and the correction by a finer model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.assimilation.system import Best, Observations, System, march

_GUESSES = 256


def windows_of(system: System, count: int) -> list[int]:
    """Return how many reads the windows of `count` stages take, each about twice as many as the one before."""
    return sorted({max(1, math.ceil(len(system.reads) / 2**k)) for k in range(count)})


def guess(system: System, innovation: Innovation, seed: int) -> Tensor:
    """Return the most lifelike of many states: the one whose first reads fit best, the background where none does.

    The first quarter of the window is looked at, by runs of the coarse model.
    """
    if system.guesses is None:
        return torch.zeros(system.size, dtype=torch.float64)
    tried = torch.cat([torch.zeros(1, system.size, dtype=torch.float64), system.guesses(_GUESSES, seed)])
    seen, _ = march(system.until(max(1, math.ceil(len(system.reads) / 4))), tried)
    return tried[int((innovation.misfit(seen) + 0.5 * tried.square().sum(1)).argmin())]


@dataclass
class Innovation:
    """The observations, what the finer model adds to the coarse one at the last point, and the weights of both.

    Attributes:
        values: (reads, sensors), zero where nothing was read, and `seen` says where something was.
        noise: the standard deviation of the sensors.
        added: the correction, (reads, sensors), zero without a finer model.
        model: root mean square of the error that stays in the corrected model.
        best: the last run of the finer model.
    """

    values: Tensor
    seen: Tensor
    noise: Tensor
    added: Tensor
    model: float = 0.0
    best: Best | None = None

    @classmethod
    def of(cls, system: System, observations: Observations) -> Innovation:
        """Check the observations and start without a correction."""
        values, noise = observations.checked(system)
        seen = torch.isfinite(values)
        return cls(torch.where(seen, values, 0.0), seen, noise, torch.zeros_like(values))

    @property
    def points(self) -> int:
        """How many observations there are."""
        return int(self.seen.sum())

    def precision(self, reads: int) -> Tensor:
        """Return 1 / s^2 of the first reads, zero where nothing was read, (reads, sensors)."""
        return (self.seen / (self.noise**2 + self.model**2))[:reads]

    def remaining(self, system: System) -> Tensor | None:
        """Return the error that corrected predictions may still have, (reads * sensors,); None without a correction.

        It is alike from read to read, so it is no noise: it moves an analysis as one.
        """
        return None if self.best is None else (system.remaining * torch.where(self.seen, self.added, 0.0)).flatten()

    def left(self, predicted: Tensor) -> Tensor:
        """Return y - H - correction for predictions (..., reads, sensors) of the first reads."""
        reads = predicted.shape[-2]
        return torch.where(self.seen[:reads], self.values[:reads] - self.added[:reads] - predicted, 0.0)

    def misfit(self, predicted: Tensor) -> Tensor:
        """Return half the weighted sum of squares for predictions (batch, reads, sensors), (batch,)."""
        weight = self.precision(predicted.shape[-2])
        cost = 0.5 * (weight * self.left(predicted) ** 2).sum((-2, -1))
        return torch.where(torch.isfinite(cost), cost, math.inf)

    def correct(self, system: System, z: Tensor) -> float:
        """Run the finer model at z (size,) and take its correction; return how much that moved it, in noise."""
        if system.finer is None:
            return 0.0
        best = system.finer(z)
        coarse, _ = march(system, z[None])
        added = best.seen - coarse[0]
        if not bool(torch.isfinite(added).all()):
            return 0.0
        moved = ((added - self.added) * self.precision(len(added)).sqrt())[self.seen]
        self.added, self.best = added, best
        self.model = system.remaining * float(added[self.seen].square().mean().sqrt())
        return float(moved.square().mean().sqrt())
