"""The Gray-Scott reactor on a periodic square: spots, worms, mazes and holes that grow from a few places.

The units of `physics.equations.gray_scott`: concentrations over that of A in the feed, the unit of time of its
reaction, lengths over the side. Rates are those under which a pattern stands; near their ends B dies out or fills the
square, and that is part of what is learned.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from physics.equations.gray_scott.march import march, stretches
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.start import start_fields
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.regimes.marching import fourier, require_finite, uniform

DIFFUSION_A, DIFFUSION_B = 2e-5, 1e-5
SIDE = 0.75
_STEP = 4.0  # near the longest that the reaction bears; half of it changes the frames by 1e-5
_SPOTS = (3, 9)
_GROWN = (60.0, 360.0)


class GrayScottRegime(Regime):
    """A_t = D_a lap A - A B^2 + F (1 - A), B_t = D_b lap B + A B^2 - (F + k) B."""

    name = "gray_scott"
    title = "Gray-Scott reactor, periodic square"
    equation = "A_t = D_a lap A - A B^2 + F (1 - A);  B_t = D_b lap B + A B^2 - (F + k) B"
    axes = (Axis("x", 64, SIDE, "periodic"), Axis("y", 64, SIDE, "periodic"))
    channels = (Channel("a", bounds=(-1e-3, 1.0 + 1e-3)), Channel("b", bounds=(-1e-3, 1.0 + 1e-3)))
    ranges = (Range("feed", 0.03, 0.042, (0.027, 0.045)), Range("kill", 0.0595, 0.0625, (0.059, 0.063)))
    interval = 80.0

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Spots of B at random places that have grown for a random while."""
        seed = int(torch.randint(1 << 31, (), generator=generator))
        count = int(torch.randint(_SPOTS[0], _SPOTS[1] + 1, (), generator=generator))
        spots = start_fields(self.points[0], SIDE, uniform(0.035, 0.06, generator), count, seed, False)
        grown = torch.tensor([uniform(*_GROWN, generator)], dtype=torch.float64)
        rates = self._rates({name: value[None] for name, value in settings.items()})
        return march(rates, spots[None], stretches(grown, _STEP), torch.tensor([True])).fields[0, 0]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 2, 64, 64)."""
        cells = self.points[0] // coarse
        times = self.interval * torch.arange(1, frames or self.frames, dtype=torch.float64)
        plan = stretches(times, _STEP)
        first = fourier(start.to("cpu", torch.float64), (cells, cells)).contiguous()
        every = torch.ones(len(times), dtype=torch.bool)
        seen = fourier(march(self._rates(settings), first, plan, every).fields, self.points)
        return require_finite(self.name, torch.cat([start[:, None].to(seen), seen], 1), settings)

    @staticmethod
    def _rates(settings: Mapping[str, Tensor]) -> Rates:
        feed, kill = (settings[name].to("cpu", torch.float64) for name in ("feed", "kill"))
        return Rates(feed, kill, *(torch.full_like(feed, value) for value in (DIFFUSION_A, DIFFUSION_B, SIDE)))


REGIME = GrayScottRegime()
