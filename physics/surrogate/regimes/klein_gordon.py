"""The sine-Gordon equation on a period: waves that bend each other and keep their energy.

Without dimension: lengths and times as in `physics.equations.klein_gordon`, whose lattice is the regime's own grid, so
that the energy of a frame is that of the lattice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.equations.klein_gordon import SECOND, KleinGordon
from physics.surrogate.invariants import spread
from physics.surrogate.regime import Axis, Channel, Invariant, Range, Regime
from physics.surrogate.regimes.marching import fourier, march, require_finite, uniform, waves

LENGTH = 20.0
_MODES = 4
_STEPS = 6  # of Newton's method
_LEAST = 1e-12


@dataclass(frozen=True)
class Energy(Invariant):
    """The energy H of the lattice, relative to that of the start.

    The projection follows the gradient of H in a metric half way between the plain one, in which to raise the energy
    is to raise ripples, and that of the waves' own energy, in which to lower it scales all waves and leaves ripples:
    m (m^2 - c^2 D)^(1/2) for the field and 1 for its rate. The length is found by Newton's method.
    """

    length: float = LENGTH
    name: str = "energy"
    tolerance: float = 1e-5

    def energy(self, values: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return H, shape (runs, frames)."""
        runs, frames, _, points = values.shape
        lattice = KleinGordon("sine-gordon", points, 0.0, self.length)
        given = tuple(settings[name].to(values)[:, None].expand(runs, frames).reshape(-1) for name in ("speed", "mass"))
        phi, pi = values.reshape(-1, 2, points).unbind(1)
        return lattice.energy((phi, pi, phi), given).reshape(runs, frames)

    def defect(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Return |H - H(start)| / H(start)."""
        kept = self.energy(start, settings)
        return (self.energy(values, settings) - kept).abs() / kept.clamp(min=_LEAST)

    def project(self, values: Tensor, start: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
        """Take Newton steps along the gradient until H is that of the start."""
        kept = self.energy(start, settings)
        mass, speed = (spread(settings[name], values[:, :, 0]) for name in ("mass", "speed"))
        points = values.shape[-1]
        spacing = self.length / points
        angle = 2.0 * math.pi * torch.arange(points // 2 + 1, dtype=values.dtype, device=values.device) / points
        symbol = sum(2.0 * w * (1.0 - torch.cos(j * angle)) for j, w in enumerate(SECOND, start=1))
        stiff = (speed / spacing) ** 2 * symbol + mass**2
        for _ in range(_STEPS):
            phi, pi = values.unbind(2)
            pull = torch.fft.irfft(torch.fft.rfft(phi) * stiff, n=points) + mass**2 * (torch.sin(phi) - phi)
            along = torch.fft.irfft(torch.fft.rfft(pull) / (mass * stiff.sqrt()), n=points)
            rate = spacing * (pull * along + pi**2).sum(-1)
            missing = self.energy(values, settings) - kept
            step = (missing / rate.clamp(min=_LEAST))[:, :, None, None]
            values = values - step * torch.stack([along, pi], 2)
        return values


class KleinGordonRegime(Regime):
    """phi_tt = c^2 phi_xx - m^2 sin phi."""

    name = "klein_gordon"
    title = "sine-Gordon waves, periodic"
    equation = "phi_tt = c^2 phi_xx - m^2 sin phi"
    axes = (Axis("x", 128, LENGTH, "periodic"),)
    channels = (Channel("field"), Channel("rate"))
    ranges = (Range("speed", 0.5, 1.5, (0.35, 2.0), log=True), Range("mass", 0.5, 1.5, (0.35, 2.0), log=True))
    interval = 0.25
    invariants = (Energy(),)

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """A few waves of random phases that stand or run."""
        x = torch.arange(self.points[0], dtype=torch.float64) / self.points[0]
        phi = uniform(0.4, 1.2, generator) * waves([x], _MODES, 0.5, generator)
        return torch.stack([phi, uniform(0.2, 1.0, generator) * waves([x], _MODES, 0.5, generator)])

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 2, 128)."""
        points = self.points[0]
        equation = KleinGordon("sine-gordon", points // coarse, 0.0, LENGTH)
        first = fourier(start.to("cpu", torch.float64), [equation.points])
        seen = march(
            equation,
            equation.start(first[:, 0].contiguous(), first[:, 1].contiguous()),
            tuple(settings[name].to("cpu", torch.float64) for name in equation.parameters),
            self.interval,
            frames or self.frames,
            lambda state: fourier(torch.stack(state[:2], 1), [points]),
            equation.longest,
        )
        return require_finite(self.name, torch.cat([start[:, None].to(seen), seen], 1), settings)


REGIME = KleinGordonRegime()
