"""Calibration of several data sets at once.

    minimise  2 sum_k sum_i rho(w_ki^(1/2) (y_ki - f_ki(u)) / s_k) + sum_j (u_j - c_j)^2 / d_j^2

over u (`physics.calibrate.layout`) by Levenberg-Marquardt, the batch dimension being the starts. Where a noise has to
be known before the fit (priors, several noises, a robust loss) fit and noise (`physics.calibrate.scatter`) follow one
another until both stand. The covariance is the inverse of A = sum_k J_k^T W_k J_k / v_k + Lambda (Seber & Wild 1989,
Nonlinear Regression, doi:10.1002/0471725315, section 2.1), and the interval of u_j is u_j +- t(nu_j) A^-1_jj^(1/2),
mapped back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from scipy.stats import f as fisher
from torch import Tensor

from physics.calibrate import audit
from physics.calibrate.apart import against
from physics.calibrate.assemble import assemble, noise_of, sse_of
from physics.calibrate.forward import Forward
from physics.calibrate.layout import arrange
from physics.calibrate.linear_start import linear_start
from physics.calibrate.multistart import Basin, distinct, spread
from physics.calibrate.outliers import find_outliers, tell
from physics.calibrate.problem import Problem
from physics.calibrate.scatter import Scatter, parts
from physics.calibrate.search import Search, State
from physics.calibrate.solved import Solved
from physics.errors import ParameterError

__all__ = ["Basin", "Solved", "examine", "solve"]

_BETTER = 1e-3  # by so much another basin must lie lower to be taken


def solve(
    problem: Problem,
    *,
    level: float = 0.9,
    starts: int = 1,
    seed: int = 0,
    iterations: int = 60,
    tolerance: float = 1e-7,
    checks: bool = True,
) -> Solved:
    """Fit the data sets of a problem together.

    Args:
        problem: sets, free parameters, nuisances, loss and noise.
        level: of the intervals.
        starts: how many places the search begins at.
        seed: of those places.
        iterations, tolerance: see `physics.calibrate.levenberg.descend`.
        checks: whether the result is examined: sets that contradict each other, misfit that is systematic, outliers,
            intervals that are the prior's. Sets that may contradict each other are fitted apart for it.

    Raises:
        DataError, ParameterError: what is wrong with a data set, a start, a bound or a prior.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
    layout = arrange(problem)
    forward = Forward(problem, layout)
    search = Search(problem, layout, forward, iterations, tolerance)
    nuisances = [column for own in layout.nuisance for column in own.values()]
    begin = linear_start(problem, layout, forward, spread(layout, nuisances, starts, seed))
    state, scatters, basins = _search(search, begin)
    solved = _solved(search, state, scatters, basins, level)
    return examine(solved, iterations=iterations, tolerance=tolerance) if checks else solved


def _search(search: Search, starts: Tensor) -> tuple[State, list[Scatter], tuple[Basin, ...]]:
    """Return the best minimum, its noise and all distinct minima."""
    if len(starts) == 1:
        state, scatters = search.settle(starts)
        return state, scatters, _basins(search, state, scatters)[1]
    coarse = search.descend(starts, search.first(), loss="squares", tolerance=1e-4)
    best = coarse.u[torch.nan_to_num(coarse.misfit, nan=torch.inf).argmin()][None]
    for _ in range(2):
        state, scatters = search.settle(best)
        every = torch.cat([state.u, coarse.u])
        refined = search.descend(every, scatters, loss=search.problem.loss, tolerance=search.tolerance)
        members, basins = _basins(search, refined, scatters)
        if not members or float(refined.misfit[members[0]]) > float(refined.misfit[0]) - _BETTER:
            break
        best = refined.u[members[0]][None]
    return state, scatters, basins


def _basins(search: Search, state: State, scatters: Sequence[Scatter]) -> tuple[list[int], tuple[Basin, ...]]:
    """Return the distinct minima among the descents, and a member of the batch for each."""
    variances = [scatter.variance for scatter in scatters]
    information = torch.stack(
        [search.information(parts(jacobian, search.weights, search.groups), variances) for jacobian in state.jacobian]
    )
    told = torch.cat([torch.ones_like(o.values) if o.weights is None else o.weights for o in search.problem.sets])
    curves = state.curve if search.problem.loss == "squares" else search.forward.curves(state.u)
    sse = (told * (search.values - curves) ** 2).sum(-1)
    found = distinct(state.u, state.misfit, sse, information, state.converged)
    return [member for member, _ in found], tuple(basin for _, basin in found)


def _solved(search: Search, state: State, scatters: list[Scatter], basins: tuple[Basin, ...], level: float) -> Solved:
    fit, freedom = assemble(search, state, scatters, level)
    warnings = [*fit.warnings, *_rivals(search.problem, fit.space.names, basins, scatters, level, search)]
    return Solved(
        problem=search.problem,
        fit=replace(fit, warnings=tuple(warnings)),
        layout=search.layout,
        freedom=freedom,
        deviation=noise_of(search, scatters),
        sse_by_set=sse_of(search, fit.residuals),
        basins=basins,
        outliers={},
        contradiction=None,
        warnings=tuple(warnings),
        groups=search.groups,
        scatters=tuple(scatters),
        weights=search.weights,
        forward=search.forward,
    )


def _rivals(
    problem: Problem,
    names: Sequence[str],
    basins: Sequence[Basin],
    scatters: Sequence[Scatter],
    level: float,
    search: Search,
) -> list[str]:
    """Tell of minima that fit nearly as well as the best one, within the region of confidence of that level."""
    freedom = min(scatter.freedom for scatter in scatters)
    if len(basins) < 2 or freedom <= 0:
        return []
    within = len(names) * float(fisher.ppf(level, len(names), min(freedom, 1e9)))
    sentences = []
    for basin in basins[1:]:
        if basin.rise < within:
            theta = search.layout.space.outward(basin.u)
            where = ", ".join(f"{n} = {problem.told(n, float(x))}" for n, x in zip(names, theta, strict=True))
            sentences.append(
                f"A second minimum fits nearly as well (sum of squares {basin.sse:.4g} against {basins[0].sse:.4g}): "
                f"{where}. Narrow the bounds or give a prior, or measure where the two curves differ."
            )
    return sentences


def examine(solved: Solved, *, iterations: int = 60, tolerance: float = 1e-7) -> Solved:
    """Add what an examination of a fit finds; see `checks` of `solve`."""
    problem, fit = solved.problem, solved.fit
    weighted = fit.residuals * solved.weights.sqrt()
    found = find_outliers(problem, weighted, solved.forward.spans, len(fit.u))
    outliers = {one.name: found[one.name] for k, one in enumerate(problem.sets) if _stray(solved, k, found)}
    other = against(solved, iterations, tolerance)
    told = [other.sentence] if other is not None and other.contradicts else []
    if told and not fit.status.ok:  # sets that contradict each other are why
        fit = replace(fit, message=f"{fit.message} {told[0]}")
    warnings = (
        *solved.warnings,
        *told,
        *audit.examine(replace(solved, contradiction=other)),
        *tell(problem, outliers, fit.residuals, solved.forward.spans),
    )
    return replace(
        solved,
        fit=replace(fit, warnings=warnings),
        outliers=outliers,
        contradiction=other,
        warnings=warnings,
    )


def _stray(solved: Solved, k: int, found: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the points that lie far from a set's curve are few in a fit that is sound without them."""
    return solved.problem.sets[k].name in found and audit.followed(solved, k)
