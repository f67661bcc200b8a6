"""How large an error is to be expected where, and how far the nearest known run is.

    log s(x) = m + k(x, X) (K + I)^-1 (log e - m)

e are residuals of runs that the surrogate was not trained on, largest over the curve; k is the Matern kernel of
length one, where inputs go from -1 to 1. It only has to tell hard places from easy ones: what it lacks is made good by
calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from physics.surrogate.curves.gaussian import distance, matern, matern_

NOISE = 0.5  # variance of log e that is chance, over that which is not
POINTS = 256
FLOOR = 0.05  # of the median residual: below, chance alone made it small


@dataclass(frozen=True)
class Local:
    """Known runs (points, inputs) with the weights and the mean of their log residuals, shapes (points,) and ()."""

    points: Tensor
    weights: Tensor
    mean: Tensor

    def look(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the expected residual and the distance to the nearest run, (batch,) each, at (batch, inputs)."""
        apart = distance(inputs, self.points)
        least = apart.amin(1)
        return torch.exp(self.mean + matern_(apart) @ self.weights), least

    def tensors(self) -> dict[str, Tensor]:
        """Return what has to be kept."""
        return {"local_points": self.points, "local_weights": self.weights, "local_mean": self.mean}


def learn(inputs: Tensor, residuals: Tensor) -> Local:
    """Return what residuals (runs,) of runs (runs, inputs) teach, from an even choice of at most `POINTS` of them."""
    logs = residuals.clamp_min(FLOOR * residuals.median().clamp_min(1e-300)).log()
    mean = logs.mean()
    kernel = matern(distance(inputs, inputs))
    smooth = torch.linalg.solve(kernel + NOISE * torch.eye(len(inputs), dtype=inputs.dtype), logs - mean)
    if len(inputs) <= POINTS:
        return Local(inputs, smooth, mean)
    kept = torch.linspace(0, len(inputs) - 1, POINTS).long()
    few = matern(distance(inputs[kept], inputs[kept]))
    weights = torch.linalg.solve(few + 1e-3 * torch.eye(POINTS, dtype=inputs.dtype), kernel[kept] @ smooth)
    return Local(inputs[kept], weights, mean)
