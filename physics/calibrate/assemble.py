"""From where a search stands to a `Fit`: covariance, intervals, identifiability, status."""

from __future__ import annotations

import math

import torch
from scipy.stats import t as student
from torch import Tensor

from physics.calibrate.fit import Estimate, Fit
from physics.calibrate.identifiability import Identifiability, identify
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.scatter import Scatter, freedoms, invert, parts
from physics.calibrate.search import Search, State
from physics.calibrate.space import Space


def assemble(search: Search, state: State, scatters: list[Scatter], level: float) -> tuple[Fit, Tensor]:
    """Return the fit of all sets and the degrees of freedom of each parameter, shape (P,)."""
    space, u = search.layout.space, state.u[0]
    jacobian, curve = state.jacobian[0], state.curve[0]
    blocks = parts(jacobian, search.weights, search.groups)
    points = sum(group.n for group in search.groups)
    enough = all(scatter.freedom > 1e-9 for scatter in scatters) and points + len(search.priors) >= len(u)
    variances = [scatter.variance if enough else 1.0 for scatter in scatters]
    information = search.information(blocks, variances)
    # What may be negative is measured in units of the data, so that one is as large as a factor e is elsewhere.
    verdict = identify(information, 1.0 if enough else 0.0, space.names)
    bound = (u <= space.lower) | (u >= space.upper)
    covariance = _covariance(information, verdict.open | bound, enough)
    freedom = freedoms(torch.nan_to_num(covariance, posinf=0.0), blocks, scatters)
    told = torch.cat([_told(one.weights, one.values) for one in search.problem.sets])
    residuals = search.values - curve
    sse = float((told * residuals**2).sum())
    status = _status(state, verdict, enough)
    message = f"{status.value} {verdict.sentence}".strip() if enough else _too_few(points, len(u), status)
    told_of = verdict.sentence if enough else message
    warnings = [*_at_bounds(space, u), *([told_of] if told_of else [])]
    slope, root = space.slope(u), covariance.diagonal().sqrt()
    fit = Fit(
        parameters=_estimates(space, u, covariance, bound, freedom, level),
        covariance=covariance * slope[:, None] * slope[None, :],
        correlation=covariance / (root[:, None] * root[None, :]),
        space=space,
        u=u,
        u_covariance=covariance,
        sse=sse,
        rmse=math.sqrt(sse / float(told.sum())),
        n=points,
        residuals=residuals,
        predicted=curve,
        jacobian=jacobian / slope,
        status=status,
        message=message,
        identifiability=verdict,
        warnings=tuple(warnings),
        level=level,
        iterations=state.iterations,
    )
    return fit, freedom


def sse_of(search: Search, residuals: Tensor) -> dict[str, float]:
    """Return the weighted sum of squared residuals, (N,), of each set."""
    return {
        one.name: float((_told(one.weights, one.values) * residuals[span] ** 2).sum())
        for one, span in zip(search.problem.sets, search.forward.spans, strict=True)
    }


def noise_of(search: Search, scatters: list[Scatter]) -> dict[str, float]:
    """Return the standard deviation of the noise of each set, known or estimated."""
    found = {}
    for group, scatter in zip(search.groups, scatters, strict=True):
        for k in group.sets:
            one = search.problem.sets[k]
            known = one.deviation
            found[one.name] = scatter.deviation if known is None else float(torch.as_tensor(known).double().mean())
    return {one.name: found[one.name] for one in search.problem.sets}


def _told(weights: Tensor | None, values: Tensor) -> Tensor:
    return torch.ones_like(values) if weights is None else weights


def _too_few(points: int, parameters: int, status: FitStatus) -> str:
    return f"{status.value} There are {points} points and {parameters} parameters."


def _at_bounds(space: Space, u: Tensor) -> list[str]:
    return [
        f"{name} stands at its {'lower' if float(u[j]) <= float(space.lower[j]) else 'upper'} bound."
        for j, name in enumerate(space.names)
        if bool((u[j] <= space.lower[j]) | (u[j] >= space.upper[j]))
    ]


def _covariance(information: Tensor, undetermined: Tensor, enough: bool) -> Tensor:
    """Return A^-1 over what is determined; nan in the rows and columns of the rest, infinity without freedom."""
    full = torch.full_like(information, math.nan)
    keep = torch.nonzero(~undetermined)[:, 0]
    if len(keep):
        part = invert(information[keep][:, keep])
        full[keep[:, None], keep[None, :]] = part if enough else torch.full_like(part, math.inf)
    return full


def _estimates(
    space: Space, u: Tensor, covariance: Tensor, bound: Tensor, freedom: Tensor, level: float
) -> dict[str, Estimate]:
    width = covariance.diagonal().clamp_min(0).sqrt()
    half = torch.as_tensor(student.ppf(0.5 + level / 2, freedom.numpy()), dtype=u.dtype) * width
    theta, slope = space.outward(u), space.slope(u)
    lower, upper = space.outward(u - half), space.outward(u + half)
    found = {}
    for j, name in enumerate(space.names):
        known = bool(torch.isfinite(half[j]))
        floor = 0.0 if bool(space.logarithmic[j]) else -math.inf
        found[name] = Estimate(
            name,
            float(theta[j]),
            float(slope[j] * width[j]) if known else math.inf,
            float(lower[j]) if known else floor,
            float(upper[j]) if known else math.inf,
            bool(bound[j]),
        )
    return found


def _status(state: State, verdict: Identifiability, enough: bool) -> FitStatus:
    if not enough:
        return FitStatus.TOO_FEW
    if not verdict.identifiable:
        return FitStatus.NOT_IDENTIFIABLE
    if bool(state.converged[0]):
        return FitStatus.CONVERGED
    return FitStatus.STALLED if bool(state.stalled[0]) else FitStatus.MAX_ITERATIONS
