"""Which column of the search space is what to which data set.

A shared parameter has one column, a separate one a column for each set, and so have the nuisances. Columns that may
be negative are measured in units of what they do to the data: a baseline in the range of the values, a drift in that
range over the time measured, a delay in that time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from physics.calibrate.nuisance import REACH
from physics.calibrate.problem import NEUTRAL, DataSet, Free, Kind, Prior, Problem
from physics.calibrate.space import Space, make_space


@dataclass(frozen=True)
class Layout:
    """Columns of u, P in all.

    Attributes:
        space: names, logarithms, box and scale.
        start: where the search begins, in u, shape (P,).
        free: the column of each free parameter for each set, by name, a tuple over sets.
        nuisance: the column of each nuisance of each set, a mapping a set.
        centre, precision: the priors in u, shapes (P,); a precision of zero where there is none.
    """

    space: Space
    start: Tensor
    free: Mapping[str, tuple[int, ...]]
    nuisance: tuple[Mapping[Kind, int], ...]
    centre: Tensor
    precision: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        return self.space.names

    @property
    def columns(self) -> tuple[tuple[int, ...], ...]:
        """The columns that each set depends on: its free parameters, then its nuisances."""
        return tuple(
            (*(columns[k] for columns in self.free.values()), *own.values()) for k, own in enumerate(self.nuisance)
        )


def arrange(problem: Problem) -> Layout:
    """Give every unknown of the problem its column.

    Raises:
        DataError, ParameterError: see `Problem.check`.
    """
    problem.check()
    names: list[str] = []
    bounds: dict[str, tuple[float, float]] = {}
    starts: list[float] = []
    scales: list[float] = []
    priors: list[Prior | None] = []

    def column(name: str, start: float, box: tuple[float, float], scale: float, prior: Prior | None) -> int:
        if name not in bounds:
            names.append(name)
            bounds[name] = box
            starts.append(start)
            scales.append(scale)
            priors.append(prior)
        return names.index(name)

    sets = range(len(problem.sets))
    free = {}
    for one in problem.free:
        size = 1.0 if one.lower >= 0 else abs(one.start) or 1.0
        free[one.name] = tuple(
            column(
                problem.label(one.name, k, separate=one.separate),
                _begin(problem, one, k),
                (one.lower, one.upper),
                size,
                one.prior,
            )
            for k in sets
        )
    nuisance: list[dict[Kind, int]] = [{} for _ in sets]
    for item in problem.nuisance:
        for k in sets:
            box, scale = _reach(item.kind, problem.sets[k])
            label = problem.label(item.kind, k, separate=not item.shared)
            nuisance[k][item.kind] = column(label, NEUTRAL[item.kind], box, scale, item.prior)
    space = replace(make_space(names, bounds), scale=torch.tensor(scales, dtype=torch.float64))
    # make_space knows no scale: the box of what may be negative is in theta still.
    ends = [torch.where(space.logarithmic, end, end / space.scale) for end in (space.lower, space.upper)]
    space = replace(space, lower=ends[0], upper=ends[1])
    centre, precision = _priors(space, priors)
    return Layout(
        space, space.inward(torch.tensor(starts, dtype=torch.float64)), free, tuple(nuisance), centre, precision
    )


def _begin(problem: Problem, free: Free, of: int) -> float:
    """Return where the search for a parameter of one set begins."""
    own = problem.sets[of].start.get(free.name) if free.separate else None
    return free.start if own is None or not free.lower < own < free.upper else own


def _reach(kind: Kind, of: DataSet) -> tuple[tuple[float, float], float]:
    """Return the bounds of a nuisance and the scale of its column."""
    span = float(of.times.max() - of.times.min()) or 1.0
    size = float(of.values.max() - of.values.min()) or 1.0
    if kind == "gain":
        return (0.0, math.inf), 1.0
    if kind == "delay":
        return (-REACH * span, REACH * span), span
    return (-math.inf, math.inf), size / span if kind == "drift" else size


def _priors(space: Space, priors: list[Prior | None]) -> tuple[Tensor, Tensor]:
    scale = torch.as_tensor(space.scale)
    centre, precision = torch.zeros(len(priors), dtype=torch.float64), torch.zeros(len(priors), dtype=torch.float64)
    for j, prior in enumerate(priors):
        if prior is None:
            continue
        logarithmic = bool(space.logarithmic[j])
        centre[j] = math.log(prior.centre) if logarithmic else prior.centre / float(scale[j])
        precision[j] = (prior.deviation / (1.0 if logarithmic else float(scale[j]))) ** -2
    return centre, precision
