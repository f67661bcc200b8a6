"""Shear layers with a tracer, doubly periodic: they roll up, pair and mix.

Without dimension: the velocity jumps by 1 across a layer and the period across the layers is 1, so that the viscosity
is 1 / Re and the diffusivity of the tracer 1 / (Re Sc). Solved by `physics.equations.shear_flow` on half as many points
again each way, whose products without aliases hold just the waves that the regime's grid can tell; so a frame is all
that the solver knows, and both means and the zero divergence are kept. A mean velocity carries all along and changes
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from physics.equations.shear_flow import ShearFlow
from physics.equations.shear_flow_start import layers
from physics.linalg.spectral import Grid
from physics.surrogate.invariants import Mean, SpectralDivergence
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.regimes.marching import fourier, march, require_finite, uniform, waves

_COURANT = 1.3
_SOLENOIDAL = SpectralDivergence((0, 1), (2.0, 1.0))


class ShearFlowRegime(Regime):
    """w_t + u . grad w = lap w / Re,  s_t + u . grad s = lap s / (Re Sc)."""

    name = "shear_flow"
    title = "shear layers with a tracer, doubly periodic"
    equation = "u_t + u . grad u = -grad p + lap u / Re, div u = 0;  s_t + u . grad s = lap s / (Re Sc)"
    axes = (Axis("x", 64, 2.0, "periodic"), Axis("y", 32, 1.0, "periodic"))
    channels = (Channel("velocity_x"), Channel("velocity_y"), Channel("tracer"))
    ranges = (
        Range("reynolds", 200.0, 1200.0, (120.0, 2000.0), log=True),
        Range("schmidt", 0.3, 2.0, (0.2, 3.0), log=True),
    )
    interval = 0.2
    invariants = (Mean((0, 1, 2), "mean velocity and tracer"), _SOLENOIDAL)

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Two layers of random width and place, disturbed, and a tracer of layers and random waves."""
        nx, ny = (4 * points for points in self.points)
        grid = self._grid(nx, ny)
        blobs = 2 * int(torch.randint(1, 4, (), generator=generator))
        u, v, tracer = (each[0] for each in layers(grid, 2, blobs, uniform(1.0, 3.0, generator)))
        shares = [grid.x / grid.lx, grid.y / grid.ly]
        disturbed = [uniform(0.02, 0.12, generator) * waves(shares, 3, 1.0, generator) for _ in range(2)]
        u, v = u - u.mean() + disturbed[0], uniform(0.5, 1.5, generator) * v + disturbed[1]
        tracer = uniform(-1.0, 1.0, generator) * (tracer - tracer.mean())
        tracer = tracer + uniform(0.1, 0.4, generator) * waves(shares, 3, 1.0, generator)
        places = [int(torch.randint(0, count, (), generator=generator)) for count in (nx, ny)]
        fields = fourier(torch.stack([u, v, tracer]).roll(places, (1, 2)), self.points)[None, None]
        fields = _SOLENOIDAL.project(fields, fields, settings)[0, 0]
        drift = torch.tensor([uniform(-0.2, 0.2, generator), uniform(-0.1, 0.1, generator), 0.0])
        return fields + drift.to(fields)[:, None, None]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 3, 64, 32)."""
        nx, ny = (points * 3 // 2 // coarse for points in self.points)
        equation = ShearFlow(self._grid(nx, ny))
        drift = start[:, :2].to("cpu", torch.float64).mean((-2, -1))
        first = fourier(start.to("cpu", torch.float64), (nx, ny))
        viscosity = 1.0 / settings["reynolds"].to("cpu", torch.float64)

        def read(state: tuple[Tensor, ...]) -> Tensor:
            fields = [*equation.velocity(state[0][:, 0]), equation.grid.backward(state[0][:, 1])]
            return fourier(torch.stack(fields, 1), self.points)

        seen = march(
            equation,
            equation.start(*first.unbind(1)),
            (viscosity, viscosity / settings["schmidt"].to("cpu", torch.float64)),
            self.interval,
            frames or self.frames,
            read,
            lambda state, given: equation.longest(state, given, _COURANT),
        )
        seen = self._carried(seen, drift)
        return require_finite(self.name, torch.cat([start[:, None].to(seen), seen], 1), settings)

    def _grid(self, nx: int, ny: int) -> Grid:
        return Grid(nx, ny, self.axes[0].length, self.axes[1].length)

    def _carried(self, seen: Tensor, drift: Tensor) -> Tensor:
        """Move the frames after the first along with the mean velocity (runs, 2), and add it."""
        times = self.interval * torch.arange(1, seen.shape[1] + 1, dtype=seen.dtype)
        spectrum = torch.fft.rfft2(seen)
        for axis, (count, each) in enumerate(zip(self.points, self.axes, strict=True)):
            index = torch.fft.rfftfreq(count, 1.0 / count) if axis == 1 else torch.fft.fftfreq(count, 1.0 / count)
            angle = (2.0 * math.pi / each.length) * index.to(seen) * (drift[:, axis, None] * times)[:, :, None]
            turn = torch.polar(torch.ones_like(angle), -angle)
            spectrum = spectrum * (turn[:, :, None, None, :] if axis == 1 else turn[:, :, None, :, None])
        seen = torch.fft.irfft2(spectrum, s=self.points)
        mean = torch.cat([drift, torch.zeros_like(drift[:, :1])], 1)
        return seen + mean[:, None, :, None, None]


REGIME = ShearFlowRegime()
