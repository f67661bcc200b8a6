"""The data sets of a joint fit, each by itself: what one value for all is compared with.

The slopes J_k of set k at the joint fit tell where it would go alone, to first order, and without another curve:

    du_k = (J_k^T W_k J_k / v + Lambda)^-1 (J_k^T W_k r_k / v + Lambda (c - u)),    r_k -> r_k - J_k du_k.

Where sets agree they move by about a standard deviation, and a fit is nearly linear over that; only where the
linearised sets come near a contradiction are they fitted.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from physics.calibrate import contradiction, misfit
from physics.calibrate.assemble import assemble
from physics.calibrate.fit import Fit
from physics.calibrate.forward import Forward
from physics.calibrate.layout import arrange
from physics.calibrate.scatter import invert, parts
from physics.calibrate.search import Search, State
from physics.calibrate.solved import Solved

CLEAR = 0.1
"""Linearised sets that differ less than p = `CLEAR` do not contradict each other at p = `contradiction.ALPHA`."""
_FAR = 1.0  # in u: a set that moves by more, a factor of e, is not where its slopes say


def against(solved: Solved, iterations: int, tolerance: float) -> contradiction.Contradiction | None:
    """Compare a joint fit with the sets apart; None where there is nothing to compare."""
    problem = solved.problem
    if len(problem.sets) < 2 or all(one.separate for one in problem.free):
        return None
    own = contradiction.apart(problem)
    layout = arrange(own)
    search = Search(own, layout, Forward(own, layout), iterations, tolerance)
    begin = layout.start.clone()
    for together, alone in zip(solved.layout.columns, layout.columns, strict=True):
        begin[list(alone)] = solved.u[list(together)]
    missed = not solved.fit.status.ok or any(
        misfit.poor(misfit.explained(one, solved.fit.residuals[part]))
        for one, part in zip(problem.sets, solved.forward.spans, strict=True)
    )
    near = None if missed else _linearised(solved, search, begin)
    if near is not None:
        told = contradiction.compare(problem, solved.fit, *near)
        if told is None or min(told.p, *(one.p for one in told.differences)) > CLEAR:
            return told
    starts = [layout.space.clamp(begin)]
    if missed:  # what the fit together ended at is far from some set
        starts.append(layout.space.clamp(layout.start))
    found = [assemble(search, *search.settle(each[None]), solved.fit.level) for each in starts]
    fit, freedom = min(found, key=lambda each: each[0].sse if math.isfinite(each[0].sse) else math.inf)
    return contradiction.compare(problem, solved.fit, fit, freedom)


def _linearised(solved: Solved, search: Search, begin: Tensor) -> tuple[Fit, Tensor] | None:
    """Return the sets apart to first order, or None where that does not tell."""
    if solved.problem.loss != "squares":
        return None
    layout, joint = search.layout, solved.fit.jacobian * solved.space.slope(solved.u)
    slope = joint.new_zeros(len(joint), len(begin))
    for part, together, alone in zip(solved.forward.spans, solved.layout.columns, layout.columns, strict=True):
        slope[part, list(alone)] = joint[part][:, list(together)]
    variances = [scatter.variance for scatter in solved.scatters]
    information = search.information(parts(slope, search.weights, search.groups), variances)
    pull = layout.precision * (layout.centre - begin)
    for group, variance in zip(search.groups, variances, strict=True):
        weighted = search.weights[group.points] * solved.fit.residuals[group.points]
        pull = pull + slope[group.points].T @ weighted / variance
    step = invert(information) @ pull
    u = begin + step
    curve = solved.fit.predicted + slope @ step
    inside = bool(((u > layout.space.lower) & (u < layout.space.upper)).all())
    if not inside or not bool((step.abs() < _FAR).all()) or not bool(torch.isfinite(curve).all()):
        return None
    yes = torch.ones(1, dtype=torch.bool)
    state = State(u[None], torch.zeros(1), curve[None], slope[None], yes, ~yes, 0)
    return assemble(search, state, search.noise(curve, slope), solved.fit.level)
