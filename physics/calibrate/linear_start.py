"""Where baseline, gain and drift begin: at their least squares for the curves that the starts give.

    minimise  sum_i w_i (y_i - b - g f_i - m t_i)^2   over those of b, g and m that are to be found

A gain that begins at one, for a signal in other units, would drag the other parameters along first.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from physics.calibrate.forward import Forward
from physics.calibrate.layout import Layout
from physics.calibrate.problem import DataSet, Kind, Problem

_LINEAR: tuple[Kind, ...] = ("baseline", "gain", "drift")


def linear_start(problem: Problem, layout: Layout, forward: Forward, starts: Tensor) -> Tensor:
    """Return the starts, shape (batch, P), with what the instrument adds linearly moved to its least squares.

    What sets share, or what a prior speaks of, stays; so does everything where the gain came out negative.
    """
    free = [_free(layout, k) for k in range(len(problem.sets))]
    if not any(free):
        return starts
    curves = forward.curves(starts)
    theta = layout.space.outward(starts).clone()
    for one, span, columns in zip(problem.sets, forward.spans, free, strict=True):
        if columns:
            _regress(one, curves[:, span], theta, columns)
    return layout.space.inward(theta)


def _free(layout: Layout, k: int) -> dict[Kind, int]:
    """Return the columns of set k that are its own, linear, and without a prior."""
    others = {column for j, own in enumerate(layout.nuisance) if j != k for column in own.values()}
    return {
        kind: column
        for kind, column in layout.nuisance[k].items()
        if kind in _LINEAR and column not in others and not float(layout.precision[column]) > 0
    }


def _regress(one: DataSet, curves: Tensor, theta: Tensor, columns: Mapping[Kind, int]) -> None:
    """Write into theta, (batch, P), what fits best beside the curves, (batch, n)."""
    if not bool(torch.isfinite(curves).all()):
        return
    root = torch.ones_like(one.values) if one.weights is None else one.weights.sqrt()
    rest = one.values.expand_as(curves) - (0.0 if "gain" in columns else curves)
    shapes = {"baseline": torch.ones_like(curves), "gain": curves, "drift": one.times.expand_as(curves)}
    design = torch.stack([shapes[kind] for kind in columns], -1) * root[:, None]
    size = design.norm(dim=1, keepdim=True).clamp_min(1e-300)
    found = torch.linalg.lstsq(design / size, (rest * root)[..., None]).solution[..., 0] / size[:, 0]
    kinds = list(columns)
    sound = torch.isfinite(found).all(-1)
    if "gain" in kinds:
        sound &= found[:, kinds.index("gain")] > 0
    for i, kind in enumerate(kinds):
        theta[:, columns[kind]] = torch.where(sound, found[:, i], theta[:, columns[kind]])
