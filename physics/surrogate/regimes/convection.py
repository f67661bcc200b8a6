"""A layer of fluid heated from below, between rigid plates, periodic along them: plumes that become rolls.

Without dimension: lengths over the distance of the plates, temperatures over their difference, velocities over that of
free fall sqrt(g alpha dT d), so that a roll turns in some units of time whatever the Rayleigh number. Solved by
`physics.equations.boussinesq` on the regime's own staggered grid: the temperature stands in the middles of the cells,
velocity_x at their left faces, velocity_z at their lower ones; the upper faces of the last row are the plate, where
it is zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from physics import device
from physics.equations.boussinesq.layer import Layer, State, conduction
from physics.equations.boussinesq.run import Flow, Marcher
from physics.surrogate.invariants import StaggeredDivergence
from physics.surrogate.regime import Axis, Channel, Range, Regime
from physics.surrogate.regimes.marching import fourier, require_finite, spline, uniform, waves

ASPECT = 2.0
_WAVES = 5
_GROWN = (0.5, 3.0)
_SOLENOIDAL = StaggeredDivergence((1, 2), (ASPECT, 1.0))


class ConvectionRegime(Regime):
    """The Boussinesq equations between a warm and a cold plate."""

    name = "convection"
    title = "Rayleigh-Benard convection, rigid plates, periodic"
    equation = (
        "u_t + u . grad u = -grad p + sqrt(Pr / Ra) lap u + T e_z, div u = 0;  T_t + u . grad T = lap T / sqrt(Ra Pr)"
    )
    axes = (Axis("x", 64, ASPECT, "periodic"), Axis("z", 32, 1.0, "wall"))
    channels = (Channel("temperature", bounds=(-0.05, 1.05)), Channel("velocity_x"), Channel("velocity_z"))
    ranges = (
        Range("rayleigh", 2e3, 1e5, (1.7e3, 2e5), log=True),
        Range("prandtl", 0.5, 5.0, (0.3, 10.0), log=True),
    )
    interval = 1.25
    invariants = (_SOLENOIDAL,)

    def start(self, settings: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        """Conduction, warmed, cooled and stirred by random waves, after a random while."""
        layer = self._layer(1)
        x, z = torch.from_numpy(layer.x_centres) / ASPECT, torch.from_numpy(layer.z_centres)[:, None]
        state = conduction(layer, 1)
        warmed = state.T[0]
        for order in (1, 2, 3):
            strength = uniform(0.05, 0.3, generator) / order
            warmed = warmed + strength * torch.sin(order * torch.pi * z) * waves([x], _WAVES, 0.5, generator)
        # a stream function on the corners of the cells, whose differences have no divergence
        faces, corners = torch.from_numpy(layer.z_faces)[:, None], x - x[0]
        stream = torch.zeros(layer.nz + 1, layer.nx, dtype=torch.float64)
        for order in (1, 2):
            shape = torch.sin(order * torch.pi * faces) * torch.sin(torch.pi * faces)
            stream = stream + uniform(0.0, 0.04, generator) / order * shape * waves([corners], _WAVES, 1.0, generator)
        given = {name: value[None] for name, value in settings.items()}
        speed = self._speed(given)[0]
        u, w = speed * stream.diff(dim=0) * layer.nz, speed * (stream - stream.roll(-1, 1)) / layer.h
        state = state._replace(T=warmed.clamp(0.0, 1.0)[None], u=u[None], w=w[None])
        marcher = self._marcher(layer, state, given)
        marcher.advance(uniform(*_GROWN, generator), np.arange(1))
        return self._read(marcher.state, given)[0]

    def solve(self, start: Tensor, settings: Mapping[str, Tensor], *, coarse: int = 1, frames: int = 0) -> Tensor:
        """Return the frames (runs, frames, 3, 64, 32)."""
        layer = self._layer(coarse)
        marcher = self._marcher(layer, self._state(self._on(start.to("cpu", torch.float64), layer), settings), settings)
        seen = []
        with device.one_thread():
            for _ in range((frames or self.frames) - 1):
                marcher.advance(self.interval, np.flatnonzero(marcher.sound))
                seen.append(self._on(self._read(marcher.state, settings), self._layer(1)))
                seen[-1][torch.from_numpy(~marcher.sound)] = torch.nan
        values = torch.cat([start[:, None].to("cpu", torch.float64), torch.stack(seen, 1)], 1)
        return require_finite(self.name, values, settings)

    @staticmethod
    def _on(fields: Tensor, layer: Layer) -> Tensor:
        """Read fields (runs, 3, x, z) on the grid of `layer`: Fourier sums along x, splines between the plates."""
        nx, nz = fields.shape[-2:]
        if (nx, nz) == (layer.nx, layer.nz):
            return fields
        middles = 0.5 * (1.0 / layer.nx - 1.0 / nx)  # how far the first middle of a cell moves, over the period
        temperature, u, w = fields.unbind(1)
        temperature = _between_plates(temperature, 0.5, (1.0, 0.0), layer.nz)
        u, w = _between_plates(u, 0.5, (0.0, 0.0), layer.nz), _between_plates(w, 0.0, (0.0, 0.0), layer.nz)
        along = [
            fourier(each.transpose(-1, -2), [layer.nx], shift).transpose(-1, -2)
            for each, shift in ((temperature, middles), (u, 0.0), (w, middles))
        ]
        found = torch.stack(along, 1)[:, None]
        return _SOLENOIDAL.project(found, found, {})[:, 0]

    def _layer(self, coarse: int) -> Layer:
        nx, nz = (points // coarse for points in self.points)
        return Layer(nx, nz, ASPECT)

    def _marcher(self, layer: Layer, state: State, settings: Mapping[str, Tensor]) -> Marcher:
        rayleigh, prandtl = (settings[name].to("cpu", torch.float64) for name in ("rayleigh", "prandtl"))
        flow = Flow(rayleigh, prandtl, torch.zeros_like(rayleigh), 1, (rayleigh * prandtl).sqrt())
        return Marcher(layer, flow, state, torch.device("cpu"))

    def _speed(self, settings: Mapping[str, Tensor]) -> Tensor:
        """Return the speed of free fall in the solver's unit, that of diffusion, (runs, 1, 1)."""
        return (settings["rayleigh"] * settings["prandtl"]).to("cpu", torch.float64).sqrt()[:, None, None]

    def _state(self, start: Tensor, settings: Mapping[str, Tensor]) -> State:
        temperature, u, w = start.transpose(-1, -2).unbind(1)
        speed = self._speed(settings)
        w = torch.cat([w, torch.zeros_like(w[:, :1])], 1)
        return State(*(x.contiguous() for x in (speed * u, speed * w, temperature, torch.zeros_like(u))))

    def _read(self, state: State, settings: Mapping[str, Tensor]) -> Tensor:
        speed = self._speed(settings)
        return torch.stack([state.T, state.u / speed, state.w[:, :-1] / speed], 1).transpose(-1, -2)


def _between_plates(values: Tensor, first: float, plates: tuple[float, float], rows: int) -> Tensor:
    """Read values (..., z), the first of them `first` of a row above the plate, on other rows by a cubic spline."""
    count = values.shape[-1]
    places = (np.arange(count) + first) / count
    inner, places = (values, places) if first else (values[..., 1:], places[1:])
    ends = [torch.full_like(values[..., :1], plate) for plate in plates]
    known = np.concatenate([[0.0], places, [1.0]])
    return spline(known, torch.cat([ends[0], inner, ends[1]], -1), (np.arange(rows) + first) / rows)


REGIME = ConvectionRegime()
