"""All data sets' curves and their Jacobian at once, as functions of the columns of the search space.

Data sets that share a model and its times are one batch with the candidates; the others follow one another. The
points of all sets stand one after the other, N in all.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from physics.calibrate.layout import Layout
from physics.calibrate.nuisance import Shift, instrument
from physics.calibrate.problem import NEUTRAL, DataSet, Problem
from physics.calibrate.sensitivity import sensitivities


class Forward:
    """u of shape (batch, P) -> the curves of all sets, (batch, N), with or without d curve / d u (batch, N, P)."""

    def __init__(self, problem: Problem, layout: Layout) -> None:
        """Sort the data sets into batches."""
        self._problem, self._layout = problem, layout
        self._groups = _groups(problem.sets)
        ends = torch.tensor([0, *(len(one.times) for one in problem.sets)]).cumsum(0).tolist()
        self.spans = tuple(slice(a, b) for a, b in itertools.pairwise(ends))
        self._shifts = {k: Shift.of(problem.sets[k].times) for k, own in enumerate(layout.nuisance) if "delay" in own}

    @cached_property
    def coarse(self) -> Forward | None:
        """The same of the models' coarse ones, where any has one."""
        found = [getattr(one.model, "coarse", None) for one in self._problem.sets]
        if all(model is None for model in found):
            return None
        sets = tuple(
            replace(one, model=one.model if model is None else model)
            for one, model in zip(self._problem.sets, found, strict=True)
        )
        return Forward(replace(self._problem, sets=sets), self._layout)

    def curves(self, u: Tensor) -> Tensor:
        """Return the curves alone."""
        return self._run(u, slopes=False)[0]

    def linearise(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the curves and their Jacobian in u."""
        curve, slope = self._run(u, slopes=True)
        assert slope is not None  # noqa: S101
        return curve, slope * self._layout.space.slope(u)[:, None, :]

    def shift_errors(self, u: Tensor) -> dict[int, float]:
        """Return for each set with a delay how far the interpolated curve is from the model's own, at u (P,)."""
        found = {}
        theta = self._layout.space.outward(u)
        for k, shift in self._shifts.items():
            one = self._problem.sets[k]
            delay = theta[self._layout.nuisance[k]["delay"]].reshape(1)
            parameters = _together(self._problem, self._layout, [k], theta[None])
            with torch.no_grad():
                smooth = shift.at(one.model(parameters, shift.grid), delay)[0][0]
                wanted = (one.times - delay).clamp_min(0.0)
                order = torch.argsort(wanted)
                true = torch.empty_like(smooth)
                true[order] = one.model(parameters, wanted[order])[0]
            found[k] = float((smooth - true).abs().max())
        return found

    def _run(self, u: Tensor, *, slopes: bool) -> tuple[Tensor, Tensor | None]:
        theta = self._layout.space.outward(u)
        points = self.spans[-1].stop
        curve = theta.new_empty(len(u), points)
        slope = theta.new_zeros(len(u), points, theta.shape[-1]) if slopes else None
        for group in self._groups:
            for k, found, found_slope in self._members(group, theta, slopes):
                self._place(k, theta, found, found_slope, curve, slope)
        return curve, slope

    def _members(self, group: Sequence[int], theta: Tensor, slopes: bool) -> list[tuple[int, Tensor, Tensor | None]]:
        """Run the model of a group: for each set its curves (batch, n) and dy/dtheta (batch, n, free)."""
        batch, names = len(theta), tuple(self._layout.free)
        parameters = _together(self._problem, self._layout, group, theta)
        model = self._problem.sets[group[0]].model
        at = self._shifts[group[0]].grid if group[0] in self._shifts else self._problem.sets[group[0]].times
        if not slopes:
            with torch.no_grad():
                curves = model(parameters, at)
            return [(k, curves[i * batch : (i + 1) * batch], None) for i, k in enumerate(group)]
        curves, slope = sensitivities(model, parameters, names, at)
        parts = [slice(i * batch, (i + 1) * batch) for i in range(len(group))]
        return [(k, curves[part], slope[part]) for k, part in zip(group, parts, strict=True)]

    def _place(
        self, k: int, theta: Tensor, found: Tensor, found_slope: Tensor | None, curve: Tensor, slope: Tensor | None
    ) -> None:
        """Pass a set's curve through its instrument and write it, and its columns, where they belong."""
        own = self._layout.nuisance[k]
        given = {kind: theta[:, own[kind]] if kind in own else theta.new_tensor(NEUTRAL[kind]) for kind in NEUTRAL}
        read = instrument(self._problem.sets[k].times, given, found, found_slope, self._shifts.get(k))
        span = self.spans[k]
        curve[:, span] = read.curve
        if slope is None or read.slope is None:
            return
        for j, columns in enumerate(self._layout.free.values()):
            slope[:, span, columns[k]] += read.slope[..., j]
        for kind, column in own.items():
            slope[:, span, column] += read.along(kind)


def _together(problem: Problem, layout: Layout, group: Sequence[int], theta: Tensor) -> dict[str, Tensor]:
    """Stack the parameters of a group's sets, (sets * batch,), the set running slowest."""
    batch = len(theta)
    parameters = {}
    for name in problem.sets[group[0]].fixed:
        values = torch.tensor([float(problem.sets[k].fixed[name]) for k in group], dtype=theta.dtype)
        parameters[name] = values.to(theta.device).repeat_interleave(batch)
    for name, columns in layout.free.items():
        parameters[name] = torch.cat([theta[:, columns[k]] for k in group])
    return parameters


def _groups(sets: Sequence[DataSet]) -> tuple[tuple[int, ...], ...]:
    """Put sets of the same model, times and kinds of fixed parameters together."""
    groups: list[list[int]] = []
    for k, one in enumerate(sets):
        home = next((group for group in groups if _alike(sets[group[0]], one)), None)
        if home is None:
            groups.append([k])
        else:
            home.append(k)
    return tuple(tuple(group) for group in groups)


def _alike(a: DataSet, b: DataSet) -> bool:
    return a.model is b.model and _keys(a.fixed) == _keys(b.fixed) and torch.equal(a.times, b.times)


def _keys(fixed: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(fixed))
