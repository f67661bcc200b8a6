"""Curves and sensitivities of all candidates in one dual pass, each in its own unit of time.

If t = T tau with tau the candidate's own time, a parameter whose unit holds time to the power q enters as
theta tau^(-q): velocity times tau, a pulse's duration over tau. Candidates that differ only in their clock,
as the same column at two flows with D proportional to v, then coincide and are computed once; and one grid of
T serves slow and fast runs alike. d f/d ln theta is the same in both units, since tau is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.sensitivity import Model, sensitivities
from physics.design.candidate import Candidate, scenarios
from physics.errors import ParameterError


@dataclass(frozen=True)
class Curves:
    """`curve` (candidates, scenarios, n) and `slope`, d f/d ln theta (..., n, P), at own times `grid`."""

    grid: Tensor
    curve: Tensor
    slope: Tensor


def evaluate(
    models: Mapping[str, Model],
    candidates: Sequence[Candidate],
    time_powers: Mapping[str, int],
    grid: Tensor,
    level: float = 0.8,
    alike: float = 1e-10,
) -> Curves:
    """Evaluate every candidate under every scenario at the times `grid` x own time.

    Rows whose parameters differ by less than about `alike` (relative) may share one evaluation.

    Raises:
        ParameterError: candidates with different unknowns or scenarios, or with a model that was not given.
    """
    names = tuple(candidates[0].unknown)
    rows = [[{**c.known, **s} for s in scenarios(c.unknown, level)] for c in candidates]
    if any(tuple(c.unknown) != names for c in candidates) or len({len(r) for r in rows}) != 1:
        raise ParameterError("all candidates must share the same unknown parameters")
    shape = (len(candidates), len(rows[0]), len(grid))
    curve = torch.zeros(shape, dtype=torch.float64)
    slope = torch.zeros((*shape, len(names)), dtype=torch.float64)
    for kind in dict.fromkeys(c.model for c in candidates):
        if kind not in models:
            raise ParameterError(f"no model {kind!r}; there are {', '.join(models)}")
        index = [b for b, c in enumerate(candidates) if c.model == kind]
        flat = [_own(row, candidates[b].own_time, time_powers) for b in index for row in rows[b]]
        curves, slopes = _unique(models[kind], flat, names, grid, alike)
        curve[index] = curves.reshape(len(index), *shape[1:])
        slope[index] = slopes.reshape(len(index), *shape[1:], len(names))
    return Curves(grid, curve, slope)


def _own(row: Mapping[str, float], own_time: float, time_powers: Mapping[str, int]) -> dict[str, float]:
    return {name: value * own_time ** -time_powers.get(name, 0) for name, value in row.items()}


def _unique(
    model: Model, rows: Sequence[Mapping[str, float]], names: Sequence[str], grid: Tensor, alike: float
) -> tuple[Tensor, Tensor]:
    """Compute each distinct row once; return curves (rows, n) and d f/d ln theta (rows, n, P)."""
    table = np.array([list(row.values()) for row in rows])
    steps = np.round(np.log(np.abs(table) + 1e-300) / alike)
    key = np.where(table == 0, 0.0, np.sign(table) * (steps + 1e15))
    _, first, back = np.unique(key, axis=0, return_index=True, return_inverse=True)
    distinct = torch.as_tensor(table[first])
    parameters = {name: distinct[:, j].clone() for j, name in enumerate(rows[0])}
    curve, slope = sensitivities(model, parameters, names, grid)
    theta = torch.stack([parameters[name] for name in names], -1)
    inverse = torch.as_tensor(back.reshape(-1))
    return curve[inverse], (slope * theta[:, None, :])[inverse]


def interpolate(curves: Curves, times: Tensor) -> tuple[Tensor, Tensor]:
    """Curves and slopes at own times (candidates, slots), linear between the points of the grid."""
    step = curves.grid[1] - curves.grid[0]
    place = ((times - curves.grid[0]) / step).clamp(0, len(curves.grid) - 1.000001)
    low = place.floor().long()
    share = (place - low)[:, None, :]
    low = low[:, None, :].expand(-1, curves.curve.shape[1], -1)
    curve = curves.curve.gather(2, low) * (1 - share) + curves.curve.gather(2, low + 1) * share
    wide = low[..., None].expand(*low.shape, curves.slope.shape[-1])
    slope = curves.slope.gather(2, wide) * (1 - share[..., None]) + curves.slope.gather(2, wide + 1) * share[..., None]
    return curve, slope
