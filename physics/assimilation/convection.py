"""A convecting layer that is seen by thermometers at a few points: the system that an assimilation works on.

    z = (ln Ra, ln Pr if not known, amplitudes of the climatology's modes, the strongest first), over their deviations
    sensors: T at points (x, z), over the difference of the plates, by the splines of `sensors`

The equations stand in `physics.equations.boussinesq.layer`; times are in diffusion times, lengths in depths, velocities
in kappa / d. The layer is periodic and heated from below. The coarse grid's boundary layers are a few rows thick, and
its rolls too weak by a few per cent, which would be blamed on the Rayleigh number: so a run on a grid `finer` times
finer corrects what the sensors see and gives the fields that are reported.

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

from physics.assimilation.climatology import Climatology, climatology, combined
from physics.assimilation.prior import LogNormal, median_of
from physics.assimilation.sensors import across, along
from physics.assimilation.system import Best, Fields, State, System, check_reads
from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.levels import LADDER, STRETCH, first_rung
from physics.errors import ParameterError
from physics.integrate.projection import Stepper, march_arrays
from physics.integrate.projection_kernels import courant

_COURANT = 1.3  # of a fast state of the climatology; the scheme bears 1.7
_STABLE = 1.6
_DOUBLINGS = 4


@dataclass(frozen=True, eq=False)
class Cell:
    """The layer, what is known of it, and where and when it is seen.

    Attributes:
        sensors: (x, z) of each, in depths, shape (sensors, 2).
        times: of the reads, in diffusion times after the start of the window, shape (reads,).
        prandtl: a number where it is known.
        rows, finer: of the coarse grid, and how many times finer the correcting grid is.
        members, share, most: of the climatology.
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

    def layer(self, rows: int) -> Layer:
        """Return the grid of this many rows."""
        columns = 4 * max(1, round(2 * self.aspect)) * rows // 8
        return Layer(columns, rows, self.aspect, self.rigid, stretch=STRETCH)

    @cached_property
    def coarse(self) -> _Grid:
        """The grid that is assimilated on."""
        climate = climatology(
            self.layer(self.rows), self.rayleigh.median, self.rayleigh.deviation, median_of(self.prandtl),
            members=self.members, share=self.share, most=self.most, seed=self.seed,
        )  # fmt: skip
        return _Grid(self, climate, self.layer(self.rows * self.finer))

    @cached_property
    def fine(self) -> _Grid:
        """The grid that corrects it."""
        layer = self.layer(self.rows * self.finer)
        return _Grid(self, self.coarse.climate.on(layer), layer)

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

    def finer(z: Tensor) -> Best:
        plan = [(cell.finer * count, dt / cell.finer) for count, dt in cell.lengths]
        seen, end = cell.fine.march(z.numpy()[None], plan)
        start = cell.fine.describe(combined(cell.fine.climate, z.numpy()[None, first:])[:3])
        here, there = ({name: torch.from_numpy(part[0]) for name, part in each.items()} for each in (start, end))
        return Best(torch.from_numpy(seen[0]), here, there)

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
        guesses=guesses,
        finer=finer if cell.finer > 1 else None,
        remaining=1.0 / (cell.finer**2 - 1.0) if cell.finer > 1 else 0.0,
    )


class _Grid:
    """A cell on one grid: the climatology's modes, the sensors' weights, and the march."""

    def __init__(self, cell: Cell, climate: Climatology, shown: Layer) -> None:
        self.cell, self.climate, self.layer = cell, climate, climate.layer
        layer = self.layer
        x, z = cell.sensors.T
        up, lower, _ = across(layer.z_centres, z)
        weights = up[:, :, None] * along(layer.x_centres, layer.aspect, x, True)[:, None, :]
        self.weights, self.offset = weights.reshape(len(x), -1), lower
        self.up, self.below, _ = across(layer.z_centres, shown.z_centres)
        self.w_up = across(layer.z_faces[1:-1], shown.z_centres)[0]
        self.u_up = across(layer.z_centres, shown.z_centres)[0]
        faces = np.arange(layer.nx) * layer.h
        self.side = along(layer.x_centres, layer.aspect, shown.x_centres, True)
        self.face_side = along(faces, layer.aspect, shown.x_centres, True)
        self.tensors: dict[str, Tensor] = {}

    @cached_property
    def fastest(self) -> float:
        """The |u|/h + |w|/dz that one in twenty of the climatology's states exceeds."""
        tried = combined(self.climate, np.random.default_rng(0).standard_normal((200, len(self.climate.labels))))
        swept = [courant(u, w, self.layer.dz, self.layer.h) for u, w in zip(*tried[:2], strict=True)]
        return float(np.quantile(swept, 0.95))

    def initial(self, z: Tensor) -> State:
        """Return the state for amplitudes (batch, modes)."""
        u, w, t = (
            self._put(f"mean{k}", mean) + torch.tensordot(z, self._put(f"mode{k}", modes), 1)
            for k, (mean, modes) in enumerate(zip(self.climate.mean, self.climate.modes, strict=True))
        )
        return u, w, t, torch.zeros_like(t)

    def _put(self, name: str, array: np.ndarray) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = torch.from_numpy(np.ascontiguousarray(array))
        return self.tensors[name]

    def seen_t(self, t: Tensor) -> Tensor:
        """Return the sensors (batch, sensors) of T (batch, rows, columns)."""
        return t.flatten(1) @ self._put("weights", self.weights).T + self._put("offset", self.offset)

    def describe(self, state: Any) -> dict[str, np.ndarray]:
        """Return T, u and w at the centres of the grid that is shown, (batch, rows, columns), from arrays."""
        u, w, t = state[:3]
        shown_t = self.up @ t @ self.side.T + self.below[:, None]
        shown_u = self.u_up @ u @ self.face_side.T
        return {"temperature": shown_t, "along": shown_u, "across": self.w_up @ w[:, 1:-1] @ self.side.T}

    def describe_t(self, state: State) -> Fields:
        """The same from tensors."""
        u, w, t = state[:3]
        side, face_side = self._put("side", self.side).T, self._put("face_side", self.face_side).T
        return {
            "temperature": self._put("up", self.up) @ t @ side + self._put("below", self.below)[:, None],
            "along": self._put("u_up", self.u_up) @ u @ face_side,
            "across": self._put("w_up", self.w_up) @ w[:, 1:-1] @ side,
        }

    def march(self, z: np.ndarray, plan: Sequence[tuple[int, float]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """March z (batch, size), real or complex, through (steps, length) before each read.

        A member too fast for the steps takes twice as many, four times, ...; all members of a complex batch, which
        are one state and its derivatives, take the same.
        """
        seen, after = self.march_states(
            combined(self.climate, z[:, len(self.cell.unknown) :]), self.cell.numbers(z), plan
        )
        return seen, self.describe(after)

    def march_states(
        self, state: Sequence[np.ndarray], numbers: tuple[np.ndarray, np.ndarray], plan: Sequence[tuple[int, float]]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """The same from states with Ra and Pr (batch,); returns the states of the end."""
        rayleigh, prandtl = numbers
        fields = [np.ascontiguousarray(part) for part in state]
        count, kind = len(fields[2]), fields[2].dtype
        factors = np.ones(count, dtype=np.int64)
        pending = np.arange(count)
        seen = np.full((count, len(plan), len(self.offset)), np.nan, dtype=kind)
        after = [np.full_like(part, np.nan) for part in fields]
        for _ in range(_DOUBLINGS):
            part = [field[pending].copy() for field in fields]
            reads, fastest = self._stretches(part, rayleigh[pending], prandtl[pending], plan, factors[pending])
            finite = np.isfinite(reads).all(axis=(1, 2)) & (fastest <= _STABLE)
            if np.issubdtype(kind, np.complexfloating):
                finite[:] = finite.all()
            seen[pending[finite]] = reads[finite]
            for whole, new in zip(after, part, strict=True):
                whole[pending[finite]] = new[finite]
            pending = pending[~finite]
            factors[pending] *= 2
            if not len(pending):
                break
        return seen, after

    def _stretches(
        self,
        fields: list[np.ndarray],
        rayleigh: np.ndarray,
        prandtl: np.ndarray,
        plan: Sequence[tuple[int, float]],
        factors: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """March in place; return the sensors (batch, reads, sensors) and the largest Courant numbers (batch,)."""
        push = np.stack([0.0 * rayleigh, rayleigh * prandtl], 1)
        fastest, reads = np.zeros(len(rayleigh)), []
        for count, dt in plan:
            if count:
                _, swept = march_arrays(self.layer.operators, fields, prandtl, push, dt / factors, count * factors)
                np.maximum(fastest, np.nan_to_num(swept * dt / factors, nan=np.inf), out=fastest)
            reads.append(fields[2].reshape(len(rayleigh), -1) @ self.weights.T + self.offset)
        return np.stack(reads, 1), fastest
