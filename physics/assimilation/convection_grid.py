"""A convecting layer on one grid of an assimilation: the climatology's modes, the sensors' weights, and the march."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.assimilation.climatology import Climatology, combined
from physics.assimilation.sensors import across, along
from physics.assimilation.system import Fields, State
from physics.equations.boussinesq.layer import Layer
from physics.integrate.projection import march_arrays
from physics.integrate.projection_kernels import courant

_STABLE = 1.6
_DOUBLINGS = 4

Numbers = tuple[np.ndarray, np.ndarray]
"""Rayleigh and Prandtl numbers, (batch,) each."""

Pulls = Sequence[Sequence[np.ndarray]]
"""What is added to u, w, T before each read, (rows, columns) each; none where empty."""


class Grid:
    """Fields of a layer on one grid.

    `shown` is the grid whose centres fields are told at; `numbers` gives Ra and Pr for z, whose first `unknown`
    elements they take.
    """

    def __init__(
        self,
        climate: Climatology,
        shown: Layer,
        sensors: np.ndarray,
        numbers: Callable[[np.ndarray], Numbers],
        unknown: int,
    ) -> None:
        self.climate, self.layer, self.numbers, self.unknown = climate, climate.layer, numbers, unknown
        layer = self.layer
        x, z = sensors.T
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

    def march(
        self, z: np.ndarray, plan: Sequence[tuple[int, float]], pulls: Pulls = ()
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """March z (batch, size), real or complex, through (steps, length) before each read.

        A member too fast for the steps takes twice as many, four times, ...; all members of a complex batch, which
        are one state and its derivatives, take the same. `pulls` are added to u, w, T before each read.
        """
        seen, after = self.march_states(combined(self.climate, z[:, self.unknown :]), self.numbers(z), plan, pulls)
        return seen, self.describe(after)

    def march_states(
        self, state: Sequence[np.ndarray], numbers: Numbers, plan: Sequence[tuple[int, float]], pulls: Pulls = ()
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
            reads, fastest = self._stretches(part, rayleigh[pending], prandtl[pending], plan, factors[pending], pulls)
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
        pulls: Pulls,
    ) -> tuple[np.ndarray, np.ndarray]:
        """March in place; return the sensors (batch, reads, sensors) and the largest Courant numbers (batch,)."""
        push = np.stack([0.0 * rayleigh, rayleigh * prandtl], 1)
        fastest, reads = np.zeros(len(rayleigh)), []
        for (count, dt), pull in zip(plan, pulls or [()] * len(plan), strict=True):
            if count:
                _, swept = march_arrays(self.layer.operators, fields, prandtl, push, dt / factors, count * factors)
                np.maximum(fastest, np.nan_to_num(swept * dt / factors, nan=np.inf), out=fastest)
            for part, added in zip(fields, pull, strict=False):
                part += added
            reads.append(fields[2].reshape(len(rayleigh), -1) @ self.weights.T + self.offset)
        return np.stack(reads, 1), fastest
