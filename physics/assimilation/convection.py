"""A convecting layer that is seen by thermometers at a few points: the system that an assimilation works on.

    z = (ln Ra, ln Pr if not known, amplitudes of the climatology's modes, the strongest first), over their deviations
    sensors: T at points (x, z), over the difference of the plates, by the splines of `sensors`

The equations stand in `physics.equations.boussinesq.layer`; times are in diffusion times, lengths in depths, velocities
in kappa / d. The layer is periodic and heated from below. The coarse grid's boundary layers are a few rows thick, and
its rolls too weak by a few per cent, which would be blamed on the Rayleigh number: so a run on a grid `finer` times
finer corrects what the sensors see and gives the fields that are reported; where that does not lead through the
window, it draws the coarse run along from read to read. Of what it adds, the finer grid itself still lacks
1 / (finer^2 - 1), for a scheme of second order.

It fails where the window is longer than the flow can be foretold, and where no sensor sees a roll.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.assimilation.climatology import Carry, Climatology, climatology, combined
from physics.assimilation.convection_grid import Grid
from physics.assimilation.derivatives import differences
from physics.assimilation.prior import LogNormal, median_of
from physics.assimilation.system import Best, Fields, State, System, Tangent, check_reads
from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.levels import LADDER, STRETCH, first_rung
from physics.errors import ParameterError
from physics.integrate.projection import Stepper

_TOGETHER = 32  # runs on the fine grid
_COURANT = 1.3  # of a fast state of the climatology; the scheme bears 1.7


@dataclass(frozen=True, eq=False)
class Cell:
    """The layer, what is known of it, and where and when it is seen.

    Attributes:
        sensors: (x, z) of each, in depths, shape (sensors, 2).
        times: of the reads, in diffusion times after the start of the window, shape (reads,).
        prandtl: a number where it is known.
        rows, finer: of the coarse grid, and how many times finer the correcting grid is.
        members, share, most: of the climatology, and `climate` where it is known already.
        entry: z at which a search begins, (size,), where something is known of it.
    """

    sensors: np.ndarray
    times: np.ndarray
    rayleigh: LogNormal
    prandtl: LogNormal | float = 1.0
    aspect: float = 2.0
    rigid: tuple[bool, bool] = (True, True)
    rows: int = 16
    finer: int = 3
    members: int = 32
    share: float = 0.9995
    most: int = 140
    seed: int = 0
    climate: Climatology | None = None
    entry: Tensor | None = None

    def layer(self, rows: int) -> Layer:
        """Return the grid of this many rows."""
        columns = 4 * max(1, round(2 * self.aspect)) * rows // 8
        return Layer(columns, rows, self.aspect, self.rigid, stretch=STRETCH)

    @cached_property
    def coarse(self) -> Grid:
        """The grid that is assimilated on."""
        climate = self.climate or climatology(
            self.layer(self.rows), self.rayleigh.median, self.rayleigh.deviation, median_of(self.prandtl),
            members=self.members, share=self.share, most=self.most, seed=self.seed,
        )  # fmt: skip
        return self._grid(climate)

    @cached_property
    def fine(self) -> Grid:
        """The grid that corrects it."""
        return self._grid(self.coarse.climate.on(self.layer(self.rows * self.finer)))

    def _grid(self, climate: Climatology) -> Grid:
        shown = self.layer(self.rows * self.finer)
        return Grid(climate, shown, self.sensors, self.numbers, len(self.unknown))

    @cached_property
    def longest(self) -> float:
        """The longest step on the coarse grid: for the fastest flow, and for the swing that buoyancy drives."""
        rayleigh = self.rayleigh.median * math.exp(2.0 * self.rayleigh.deviation)
        swing = max(0.5 / math.sqrt(rayleigh * median_of(self.prandtl)), 10.0 / rayleigh)
        return min(_COURANT / self.coarse.fastest, swing, 0.01)

    @cached_property
    def lengths(self) -> tuple[tuple[int, float], ...]:
        """For the stretch before each read, the steps on the coarse grid and their length."""
        longest = self.longest
        spans = np.diff(np.concatenate([[0.0], self.times]))
        counts = [max(1, math.ceil(span / longest * (1.0 - 1e-9))) if span > 0 else 0 for span in spans]
        return tuple((count, float(span / count) if count else 0.0) for count, span in zip(counts, spans, strict=True))

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of the parameters that are not known, the first elements of z."""
        return ("rayleigh", "prandtl") if isinstance(self.prandtl, LogNormal) else ("rayleigh",)

    def numbers(self, z: Any) -> tuple[Any, Any]:
        """Return Ra and Pr for z (batch, size), tensors or arrays, real or complex."""
        exp = torch.exp if isinstance(z, Tensor) else np.exp
        rayleigh = self.rayleigh.median * exp(self.rayleigh.deviation * z[:, 0])
        if isinstance(self.prandtl, LogNormal):
            return rayleigh, self.prandtl.median * exp(self.prandtl.deviation * z[:, 1])
        return rayleigh, float(self.prandtl) + 0.0 * rayleigh

    def run(self, z: np.ndarray, times: np.ndarray | None = None, *, fine: bool = True) -> tuple[np.ndarray, Fields]:
        """Return the sensors (reads, sensors) at `times` and the fields at the last one, for z (size,).

        Times beyond the window are a forecast.
        """
        grid = self.fine if fine else self.coarse
        at = self.times if times is None else np.asarray(times, dtype=np.float64)
        longest = self.longest / (self.finer if fine else 1)
        spans = np.diff(np.concatenate([[0.0], at]))
        plan = [(max(1, math.ceil(s / longest * (1.0 - 1e-9))), s) if s > 0 else (0, 0.0) for s in spans]
        seen, end = grid.march(z[None], [(n, s / n if n else 0.0) for n, s in plan])
        return seen[0], {name: torch.from_numpy(part[0]) for name, part in end.items()}

    @cached_property
    def axes(self) -> dict[str, np.ndarray]:
        """Where the reported fields stand, (rows, columns) each: `z` and `x` in depths."""
        layer = self.layer(self.rows * self.finer)
        return {"z": layer.z_centres, "x": layer.x_centres}


def cell(
    sensors: Any,
    times: Any,
    rayleigh: LogNormal,
    *,
    prandtl: LogNormal | float = 1.0,
    aspect: float = 2.0,
    plates: str = "rigid-rigid",
    **grid: Any,
) -> Cell:
    """Check and return a cell; `grid` as the attributes of `Cell`.

    Raises:
        ParameterError: a sensor outside the layer, times that do not rise, or a prior that cannot be.
    """
    at = np.asarray(sensors, dtype=np.float64)
    if at.ndim != 2 or at.shape[1] != 2 or not len(at):
        raise ParameterError(f"sensors have the shape {at.shape}; give one or more rows of x and z in depths")
    for number, (x, z) in enumerate(at, 1):
        if not (math.isfinite(x) and 0.0 <= z <= 1.0):
            raise ParameterError(f"sensor {number} at x = {x:g}, z = {z:g} is not in the layer; z goes from 0 to 1")
    rayleigh.checked("rayleigh")
    if isinstance(prandtl, LogNormal):
        prandtl.checked("prandtl")
    bottom, top = (name == "rigid" for name in plates.split("-"))
    rows = LADDER[first_rung(rayleigh.median, False)]
    return Cell(at, check_reads(times).numpy(), rayleigh, prandtl, aspect, (bottom, top), **{"rows": rows, **grid})


def system_of(cell: Cell) -> System:
    """Return the system of a cell; making it marches the climatology, a few seconds."""
    grid, unknown = cell.coarse, cell.unknown
    first = len(unknown)
    priors = [part for part in (cell.rayleigh, cell.prandtl) if isinstance(part, LogNormal)]
    dts = [dt for count, dt in cell.lengths for _ in range(count)]
    stepper = Stepper(grid.layer.operators)

    def initial(z: Tensor) -> tuple[State, State]:
        return grid.initial(z[:, first:]), cell.numbers(z)

    def step(state: State, parameters: State, index: int) -> State:
        rayleigh, prandtl = parameters
        u, w, t, p = state
        push = grid.layer.push(rayleigh, prandtl)
        fields, _ = stepper.step((u, w, t, p), prandtl, push, torch.full_like(prandtl, dts[index]))
        return fields

    def compiled(z: np.ndarray, reads: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return grid.march(z, cell.lengths[:reads])

    def guesses(count: int, seed: int) -> Tensor:
        random = np.random.default_rng(seed)
        climate = grid.climate
        chosen = random.integers(len(climate.examples), size=count)
        states = climate.shifted(climate.examples[chosen], random.random(count))
        numbers = random.standard_normal((count, first))
        numbers[:, 0] = np.log(climate.rayleigh[chosen] / cell.rayleigh.median) / cell.rayleigh.deviation
        return torch.from_numpy(np.concatenate([numbers, states], 1))

    def fine(z: Tensor, reads: int) -> tuple[Tensor, Fields]:
        plan = [(cell.finer * count, dt / cell.finer) for count, dt in cell.lengths[:reads]]
        seen, end = cell.fine.march(z.numpy(), plan)
        return torch.from_numpy(seen), {name: torch.from_numpy(part) for name, part in end.items()}

    def finer(z: Tensor, reads: int) -> Best:
        seen, end = fine(z[None], reads)
        start = cell.fine.describe(combined(cell.fine.climate, z.numpy()[None, first:])[:3])
        return Best(
            seen[0],
            {name: torch.from_numpy(part[0]) for name, part in start.items()},
            {name: part[0] for name, part in end.items()},
        )

    def drawing(z: Tensor, reads: int) -> Best:
        return _drawing(cell, z.numpy()[None], cell.lengths[:reads])

    def finer_tangent(z: Tensor, reads: int) -> Tangent:
        return differences(lambda tried: fine(tried, reads), z, _TOGETHER)

    return System(
        size=first + len(grid.climate.labels),
        initial=initial,
        step=step,
        observe=lambda state, parameters: grid.seen_t(state[2]),
        describe=lambda state, parameters: grid.describe_t(state),
        steps=len(dts),
        reads=tuple(np.cumsum([count for count, _ in cell.lengths]).tolist()),
        parameters=("rayleigh", "prandtl"),
        unknown=unknown,
        prior_deviation=tuple(part.deviation for part in priors),
        labels=(*(f"ln {name}" for name in unknown), *grid.climate.labels),
        compiled=compiled,
        analytic=True,
        guesses=guesses,
        entry=cell.entry,
        finer=finer if cell.finer > 1 else None,
        drawing=drawing if cell.finer > 1 else None,
        finer_seen=(lambda z, reads: fine(z, reads)[0]) if cell.finer > 1 else None,
        finer_tangent=finer_tangent if cell.finer > 1 else None,
        remaining=1.0 / (cell.finer**2 - 1.0) if cell.finer > 1 else 0.0,
    )


def _drawing(cell: Cell, z: np.ndarray, lengths: Sequence[tuple[int, float]]) -> Best:
    """Return the run on the fine grid from z (1, size), and the march that it draws along."""
    coarse, fine, numbers, first = cell.coarse, cell.fine, cell.numbers(z), len(cell.unknown)
    carry = Carry(fine.layer, coarse.layer)
    high, low = list(combined(fine.climate, z[:, first:])), list(combined(coarse.climate, z[:, first:]))
    start, reads, pulls = fine.describe(high), [], []
    for count, dt in lengths:
        seen, high = fine.march_states(high, numbers, [(cell.finer * count, dt / cell.finer)])
        _, low = coarse.march_states(low, numbers, [(count, dt)])
        there = carry.fields((high[0], high[1], high[2]), 1.0)
        pulls.append([(new - old)[0] for new, old in zip(there, low, strict=False)])
        low = [*there, low[3]]
        reads.append(seen[0, 0])
    more = 1.0 + 1.0 / (cell.finer**2 - 1.0)
    further = [[more * part for part in pull] for pull in pulls]
    off = coarse.march(z, lengths, further)[0] - coarse.march(z, lengths, pulls)[0]
    return Best(
        torch.from_numpy(np.stack(reads)),
        {name: torch.from_numpy(part[0]) for name, part in start.items()},
        {name: torch.from_numpy(part[0]) for name, part in fine.describe(high).items()},
        lambda z, reads: coarse.march(z, lengths[:reads], pulls[:reads]),
        torch.from_numpy(off[0]),
    )
