"""What both methods compare the model with: observations, weights, and the correction by a finer model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from physics.assimilation.system import Best, Observations, System, march

_GUESSES = 256
_DRAWS = 64


def windows_of(system: System, growth: float) -> list[int]:
    """Return how many reads the windows of the stages take: one, then `growth` times as many as before, then all."""
    whole = len(system.reads)
    windows = [1] if growth > 1.0 else [whole]
    while windows[-1] < whole:
        windows.append(min(whole, max(windows[-1] + 1, round(growth * windows[-1]))))
    return windows


def guesses(system: System, innovation: Innovation, seed: int) -> Iterator[Tensor]:
    """Yield points to start from, without end: the system's entry, or the background, then the best of many each.

    The best is the one whose first quarter of the window fits best, by runs of the coarse model, among the system's
    `guesses` or draws of the prior.
    """
    early = system.until(max(1, math.ceil(len(system.reads) / 4)))
    yield torch.zeros(system.size, dtype=torch.float64) if system.entry is None else system.entry
    while True:
        if system.guesses is None:
            generator = torch.Generator().manual_seed(seed)
            tried = torch.randn(_DRAWS, system.size, generator=generator, dtype=torch.float64)
        else:
            tried = system.guesses(_GUESSES, seed)
        seen, _ = march(early, tried)
        yield tried[int((innovation.misfit(seen) + 0.5 * tried.square().sum(1)).argmin())]
        seed += 1


@dataclass(frozen=True)
class Innovation:
    """The observations, what the finer model adds to the coarse one at a point, and the weights of both.

    Attributes:
        values: (reads, sensors), zero where nothing was read, and `seen` says where something was.
        noise: the standard deviation of the sensors.
        added: the correction, (reads, sensors), zero without a finer model.
        model: root mean square of the error that stays in the corrected model; where a finer run draws the coarse one
            along, at each read, (reads, 1).
        best: the run of the finer model that the correction is of.
    """

    values: Tensor
    seen: Tensor
    noise: Tensor
    added: Tensor
    model: float | Tensor = 0.0
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

    def until(self, reads: int) -> Innovation:
        """Return the first reads only."""
        return replace(
            self, values=self.values[:reads], seen=self.seen[:reads], noise=self.noise[:reads], added=self.added[:reads]
        )

    def precision(self, reads: int) -> Tensor:
        """Return 1 / s^2 of the first reads, zero where nothing was read, (reads, sensors)."""
        model = self.model[:reads] if isinstance(self.model, Tensor) else self.model
        return self.seen[:reads] / (self.noise[:reads] ** 2 + model**2)

    @property
    def model_deviation(self) -> float:
        """The model's error, root mean square of all reads."""
        return float(self.model.square().mean().sqrt()) if isinstance(self.model, Tensor) else self.model

    def on(self, system: System) -> System:
        """Return the system as the finer run draws it along, itself where none does."""
        return system if self.best is None or self.best.drawn is None else replace(system, compiled=self.best.drawn)

    def remaining(self, system: System) -> Tensor | None:
        """Return the error that corrected predictions may still have, (reads * sensors,); None without a correction.

        It is alike from read to read, so it is no noise: it moves an analysis as one.
        """
        if self.best is None:
            return None
        off = system.remaining * self.added if self.best.off is None else self.best.off
        return torch.where(self.seen, off, 0.0).flatten()

    def left(self, predicted: Tensor) -> Tensor:
        """Return y - H - correction for predictions (..., reads, sensors) of the first reads."""
        reads = predicted.shape[-2]
        return torch.where(self.seen[:reads], self.values[:reads] - self.added[:reads] - predicted, 0.0)

    def misfit(self, predicted: Tensor) -> Tensor:
        """Return half the weighted sum of squares for predictions (batch, reads, sensors), (batch,)."""
        weight = self.precision(predicted.shape[-2])
        cost = 0.5 * (weight * self.left(predicted) ** 2).sum((-2, -1))
        return torch.where(torch.isfinite(cost), cost, math.inf)

    def corrected(self, system: System, z: Tensor) -> Innovation:
        """Return the same with the correction by a run of the finer model at z (size,), itself where that fails.

        Its reads are those of the system.
        """
        mine = self.until(len(system.reads))
        if system.finer is None:
            return mine
        best = system.finer(z, len(system.reads))
        added = best.seen - march(replace(mine, best=best).on(system), z[None])[0][0]
        if not bool(torch.isfinite(added).all()):
            return mine
        model: float | Tensor = system.remaining * float(added[mine.seen].square().mean().sqrt())
        if best.off is not None:
            off = torch.where(mine.seen, best.off, 0.0)
            model = (off.square().sum(1, keepdim=True) / mine.seen.sum(1, keepdim=True).clamp(min=1)).sqrt()
        return replace(mine, added=added, model=model, best=best)
