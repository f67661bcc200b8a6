"""Kobayashi's crystal in an undercooled melt, between insulated walls: seeds that grow, branch and meet.

The units of `physics.equations.dendrite`: temperatures over the undercooling, lengths and times those of its source,
with the width of the interface four fifths of the spacing. Solved on the regime's own nodes, so that the enthalpy of a
frame is that of the solver. Space is resolved to two per cent or so (the interface is five cells wide), time to 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from physics.equations.dendrite import TYPICAL, Dendrite
from physics.integrate.lanes import each_member
from physics.surrogate.invariants import spread
from physics.surrogate.regime import Axis, Channel, Invariant, Range, Regime
from physics.surrogate.regimes.marching import march, require_finite, spline, uniform

SPACING = 0.0125
_CELLS = 63
_GROWN = (1.0, 3.0)  # intervals
_MOST_SEEDS = 3
_WAVES = 4


@dataclass(frozen=True)
class Enthalpy(Invariant):
    """The sum of T - K p over the area, with the run's own latent heat K; half cells at the walls.

    The defect is relative to the sum of |T| + K |p| of the start; the projection shifts the temperature.
    """

    name: str = "enthalpy"
    tolerance: float = 1e-6

    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return how far the enthalpy is from that of the start."""
        phase, temperature = start.abs().unbind(2)
        scale = self._mean(temperature + spread(settings["latent"], phase) * phase)
        return (self._enthalpy(values, settings) - self._enthalpy(start, settings)).abs() / scale

    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Shift the temperature by a constant."""
        missing = self._enthalpy(start, settings) - self._enthalpy(values, settings)
        phase, temperature = values.unbind(2)
        return torch.stack([phase, temperature + missing[:, :, None, None]], 2)

    def _enthalpy(self, values: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        phase, temperature = values.unbind(2)
        return self._mean(temperature - spread(settings["latent"], phase) * phase)

    @staticmethod
    def _mean(field: Tensor) -> Tensor:
        for _ in range(2):
            inner = field[..., 1:-1].sum(-1) + 0.5 * (field[..., 0] + field[..., -1])
            field = inner / (field.shape[-1] - 1)
        return field


@dataclass(frozen=True)
class _Turned:
    """The equation with an orientation for each run, the last of the parameters."""

    cells: int
    spacing: float

    def one(self, orientation: float) -> Dendrite:
        return Dendrite((self.cells, self.cells), self.spacing, orientation=orientation)

    def longest(self, state: tuple[Tensor, ...], parameters: tuple[Tensor, ...]) -> Tensor:
        return self.one(0.0).longest(state, parameters[:-1])

    def advance(
        self, state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], dt: float, steps: int
    ) -> tuple[Tensor, ...]:
        after = tuple(torch.empty_like(part) for part in state)

        def member(k: int) -> None:
            equation = self.one(float(parameters[-1][k]))
            own = tuple(part[k : k + 1] for part in state)
            given = tuple(part[k : k + 1] for part in parameters[:-1])
            for whole, part in zip(after, equation.advance(own, given, dt, steps), strict=True):
                whole[k] = part[0]

        each_member(len(state[0]), member)
        return after


class DendriteRegime(Regime):
    """tau p_t = div J + p (1 - p) (p - 1/2 + m(T)),  T_t = lap T + K p_t."""

    name = "dendrite"
    title = "growth of a dendrite between insulated walls"
    equation = "tau p_t = div J(grad p) + p (1 - p) (p - 1/2 + alpha / pi atan(-gamma T));  T_t = lap T + K p_t"
    axes = (Axis("x", _CELLS + 1, _CELLS * SPACING, "wall"), Axis("y", _CELLS + 1, _CELLS * SPACING, "wall"))
    channels = (Channel("phase", bounds=(-0.02, 1.02)), Channel("temperature"))
    ranges = (
        Range("latent", 1.1, 1.8, (0.9, 2.0)),
        Range("anisotropy", 0.01, 0.05, (0.0, 0.06)),
        Range("orientation", 0.0, 0.25 * math.pi, (0.0, 0.25 * math.pi), "rad"),
    )
    interval = 0.0005
    invariants = (Enthalpy(),)

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The nodes, both walls included."""
        return {axis.name: SPACING * torch.arange(axis.points, dtype=torch.float64) for axis in self.axes}

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """One seed or a few of random size, outline and place, after a random while."""
        count = int(torch.randint(1, _MOST_SEEDS + 1, (), generator=generator))
        width, side = TYPICAL["width"], _CELLS * SPACING
        x = self.coordinates["x"]
        depth = torch.full((_CELLS + 1, _CELLS + 1), -math.inf, dtype=torch.float64)
        for _ in range(count):
            place = [side * uniform(0.2, 0.8, generator) for _ in range(2)]
            dx, dy = (x - place[0])[:, None], x - place[1]
            angle, radius = torch.atan2(dy, dx), width * uniform(4.0, 7.0, generator)
            outline = torch.ones_like(depth)
            for wave in range(2, _WAVES + 1):
                turned = wave * (angle - uniform(-math.pi, math.pi, generator))
                outline = outline + uniform(0.0, 0.3, generator) / wave * torch.cos(turned)
            depth = torch.maximum(depth, radius * outline - torch.hypot(dx, dy))
        phase = 0.5 * (1.0 + torch.tanh(depth / (2.0 * math.sqrt(2.0) * width)))
        fields = torch.stack([phase, torch.full_like(phase, -1.0)])[None]
        given = {name: value[None] for name, value in settings.items()}
        return self._march(fields, given, 1, self.interval * uniform(*_GROWN, generator), 2)[0, 0]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 2, 64, 64)."""
        seen = self._march(start.to("cpu", torch.float64), settings, coarse, self.interval, frames or self.frames)
        return require_finite(self.name, torch.cat([start[:, None].to(seen), seen], 1), settings)

    def _march(
        self, start: Tensor, settings: Mapping[str, Tensor], coarse: int, interval: float, frames: int
    ) -> Tensor:
        cells = round(_CELLS / coarse)
        equation = _Turned(cells, _CELLS * SPACING / cells)
        given = {name: value.to("cpu", torch.float64) for name, value in settings.items()}
        typical = {name: torch.full_like(given["latent"], value) for name, value in TYPICAL.items()} | given
        first = _on(start, cells)
        return march(
            equation,
            (first[:, 0], first[:, 1], first.new_zeros(len(first), 1)),
            (*(typical[name] for name in TYPICAL), given["orientation"]),
            interval,
            frames,
            lambda state: _on(torch.stack(state[:2], 1), _CELLS),
            equation.longest,
        )


def _on(fields: Tensor, cells: int) -> Tensor:
    """Read fields (..., nodes, nodes) on the nodes of another number of cells by cubic splines."""
    before = fields.shape[-1] - 1
    if before == cells:
        return fields
    known, wanted = np.linspace(0.0, 1.0, before + 1), np.linspace(0.0, 1.0, cells + 1)
    found = spline(known, fields, wanted)
    return spline(known, found.transpose(-1, -2).contiguous(), wanted).transpose(-1, -2).contiguous()


REGIME = DendriteRegime()
