"""Burgers' equation on a period: waves that steepen into fronts and merge.

Without dimension: the period is 1 and the velocity varies by about 1, so the viscosity is the reciprocal of a
Reynolds number. Solved by `physics.equations.burgers` on four times the points and read as the Fourier sum of the
waves that the regime's grid can tell, which keeps the mean exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from physics.equations.burgers import Burgers
from physics.surrogate.invariants import Mean
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.regimes.marching import fourier, march, require_finite, uniform, waves

_FINER = 4  # the reference's points for one of the regime's
_COURANT = 0.25
_MODES = 4


class BurgersRegime(Regime):
    """u_t + (u^2 / 2)_x = nu u_xx."""

    name = "burgers"
    title = "Burgers' equation, periodic"
    equation = "u_t + (u^2 / 2)_x = nu u_xx"
    axes = (Axis("x", 128, 1.0, "periodic"),)
    channels = (Channel("velocity"),)
    ranges = (Range("viscosity", 4e-3, 2e-2, (2.5e-3, 4e-2), log=True),)
    interval = 0.04
    invariants = (Mean((0,), "mean velocity"),)

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """A few waves of random phases about a random mean."""
        x = torch.arange(self.points[0], dtype=torch.float64) / self.points[0]
        strength, mean = uniform(0.3, 0.7, generator), uniform(-0.5, 0.5, generator)
        return (mean + strength * waves([x], _MODES, 1.0, generator))[None]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 1, 128)."""
        points, length = self.points[0], self.axes[0].length
        equation = Burgers(points * _FINER // coarse, left=0.0, length=length, periodic=True)
        parameters = (settings["viscosity"].to("cpu", torch.float64),)
        seen = march(
            equation,
            equation.start(fourier(start[:, 0].to("cpu", torch.float64), [equation.cells])),
            parameters,
            self.interval,
            frames or self.frames,
            lambda state: fourier(state[0], [points])[:, None],
            lambda state, given: _COURANT * equation.longest(state, given),
        )
        return require_finite(self.name, torch.cat([start[:, None].to(seen), seen], 1), settings)


REGIME = BurgersRegime()
