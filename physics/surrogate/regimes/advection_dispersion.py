"""A dissolved substance in a packed column: patches that are carried, spread and decay, and a feed that enters.

Without dimension: lengths over the column's, times in pore volumes, concentrations over a reference that neither the
feed nor the column exceeds. The inlet is of the third type and the outlet closed, as in
`physics.equations.advection_dispersion.equation`, whose operator is marched by Crank-Nicolson on four times as many
cells; a frame holds the means of four cells each. A run starts from a random profile instead of an empty column, so
that a frame says all that the next one depends on; the feed is held.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from physics import device
from physics.equations.advection_dispersion.equation import operator, uniform_grid
from physics.integrate.crank_nicolson import CRANK_NICOLSON, HALF_STEP, march
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.regimes.marching import require_finite, spline, uniform

_FINER = 4  # the reference's cells for one of the regime's
_STEPS = 24  # of the reference between two frames, in which the flow crosses less than one of its cells
_HALVES = 4
_PATCHES = (1, 4)


class AdvectionDispersionRegime(Regime):
    """R c_t = c_xx / Pe - c_x - Da c."""

    name = "advection_dispersion"
    title = "solute in a packed column"
    equation = "R c_t = c_xx / Pe - c_x - Da c;  c - c_x / Pe = c_feed at x = 0,  c_x = 0 at x = 1"
    axes = (Axis("x", 128, 1.0, "open"),)
    channels = (Channel("concentration", bounds=(-1e-3, 1.0 + 1e-3)),)
    ranges = (
        Range("peclet", 20.0, 400.0, (10.0, 600.0), log=True),
        Range("damkohler", 0.0, 1.0, (0.0, 2.0)),
        Range("retardation", 1.0, 2.5, (1.0, 4.0)),
        Range("feed", 0.0, 1.0, (0.0, 1.0)),
    )
    interval = 0.03

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """The feed as far as it has come, and smooth patches of random place, width and height."""
        x = (torch.arange(self.points[0], dtype=torch.float64) + 0.5) / self.points[0]
        front, width = uniform(-0.2, 0.4, generator), uniform(0.04, 0.12, generator)
        field = settings["feed"] * 0.5 * (1.0 - torch.tanh((x - front) / width))
        for _ in range(int(torch.randint(_PATCHES[0], _PATCHES[1] + 1, (), generator=generator))):
            place, width = uniform(0.0, 1.0, generator), uniform(0.03, 0.12, generator)
            level = uniform(0.0, 1.0, generator)
            field = field + (level - field) * torch.exp(-(((x - place) / width) ** 2))
        return field[None]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 1, 128)."""
        cells, steps = self.points[0] * _FINER // coarse, max(1, _STEPS // coarse)
        given = {name: value.to("cpu", torch.float64) for name, value in settings.items()}
        dt = self.interval / steps / given["retardation"]
        state = _on(start[:, 0].to("cpu", torch.float64), cells).T.contiguous()
        a = operator(uniform_grid(cells, dt), given["peclet"], given["damkohler"], False)
        lower, diag, upper = 0.5 * dt * a.lower, 1.0 + 0.5 * dt * a.diag, 0.5 * dt * a.upper
        source = 0.5 * dt * a.source * given["feed"]
        nothing = state.new_zeros(0, state.shape[1])
        window = torch.zeros(state.shape[1], dtype=torch.long)
        # a feed that is not what stands at the inlet is a jump, which half steps damp
        weights = torch.tensor([HALF_STEP] * _HALVES + [CRANK_NICOLSON] * (steps - _HALVES // 2), dtype=torch.float64)
        seen = []
        with torch.no_grad(), device.one_thread():
            for _ in range((frames or self.frames) - 1):
                if steps <= _HALVES // 2:
                    weights = torch.full((2 * steps,), HALF_STEP, dtype=torch.float64)
                state = march(lower, diag, upper, source, state, weights, window, 1, nothing, 0).final
                weights = torch.full((steps,), CRANK_NICOLSON, dtype=torch.float64)
                seen.append(_on(state.T, self.points[0])[:, None])
        values = torch.cat([start[:, None].to("cpu", torch.float64), torch.stack(seen, 1)], 1)
        return require_finite(self.name, values, settings)


def _on(means: Tensor, cells: int) -> Tensor:
    """Read the means of cells (runs, cells) as those of more or fewer, from a spline through what stands before each.

    What the column holds is kept.
    """
    before = means.shape[-1]
    if before == cells:
        return means
    held = torch.nn.functional.pad(means.cumsum(-1), (1, 0)) / before
    places = (np.linspace(0.0, 1.0, count + 1) for count in (before, cells))
    return spline(next(places), held, next(places)).diff(dim=-1) * cells


REGIME = AdvectionDispersionRegime()
