"""Calibration of several data sets at once.

    minimise  sum_k sum_i rho(w_ki^(1/2) (y_ki - f_ki(u)) / s_k) + 1/2 sum_j (u_j - c_j)^2 / d_j^2

over u (`physics.calibrate.layout`) by Levenberg-Marquardt, the batch dimension being the starts; priors are points
of their own. Where a noise has to be known before the fit (priors, several noises, a robust loss) fit and noise
(`physics.calibrate.scatter`) follow one another until both stand. The covariance is the inverse of
A = sum_k J_k^T W_k J_k / v_k + Lambda (Seber & Wild 1989, Nonlinear Regression, doi:10.1002/0471725315, section 2.1),
and the interval of u_j is u_j +- t(nu_j) A^-1_jj^(1/2), mapped back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import t as student
from torch import Tensor

from physics.calibrate.fit import Estimate, Fit
from physics.calibrate.forward import Forward
from physics.calibrate.identifiability import Identifiability, identify
from physics.calibrate.layout import Layout, arrange
from physics.calibrate.levenberg import Descent, FitStatus, descend
from physics.calibrate.problem import Problem
from physics.calibrate.robust import influence
from physics.calibrate.scatter import Group, Scatter, freedoms, gather, invert, judge, parts, rough, spent
from physics.calibrate.space import Space
from physics.errors import ParameterError

_ROUNDS = 40  # of fit and noise
_SETTLED = 1e-4  # of a standard deviation: fit and noise stand


@dataclass(frozen=True)
class Solved:
    """A calibration.

    Attributes:
        fit: values, intervals, covariance, status; its points are those of all sets, one after the other.
        layout: which column of u is what.
        freedom: degrees of freedom of each parameter, shape (P,); infinite where only known noise and priors count.
        deviation: standard deviation of the noise of each set where its weight is one, known or estimated.
        sse_by_set: weighted sum of squared residuals of each set.
        warnings: a sentence each.
    """

    problem: Problem
    fit: Fit
    layout: Layout
    freedom: Tensor
    deviation: dict[str, float]
    sse_by_set: dict[str, float]
    warnings: tuple[str, ...]
    groups: tuple[Group, ...]
    scatters: tuple[Scatter, ...]
    weights: Tensor
    forward: Forward

    @property
    def space(self) -> Space:
        """The space in which the fit was made."""
        return self.layout.space

    @property
    def u(self) -> Tensor:
        """The estimate in `space`, shape (P,)."""
        return self.fit.u

    @property
    def values(self) -> Tensor:
        """The measured values of all sets, shape (N,)."""
        return torch.cat([one.values for one in self.problem.sets])

    def linearise(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the curves of all sets, (batch, N), and their slope in u, (batch, N, P), for u (batch, P)."""
        return self.forward.linearise(u)

    def log_posterior(self, u: Tensor) -> Tensor:
        """Return the log density of u, (batch,), up to a constant, for u (batch, P).

        Known noise: -chi^2 / 2. Estimated: -(n/2) ln S, the likelihood averaged over the standard deviation with
        the prior 1/sigma, which is Student's distribution with n - P degrees of freedom where the model is linear.
        Robust: -(n/2) ln(1 + 2 kappa (R - R_fit) / (n - P)) with the loss's own misfit R = sum rho, and kappa such
        that its curvature is that of the covariance. Priors are added; outside the bounds it is -inf.
        """
        inside = ((u >= self.space.lower) & (u <= self.space.upper)).all(-1)
        residuals = (self.values - self.forward.curves(self.space.clamp(u))) * self.weights.sqrt()
        total = -0.5 * (self.layout.precision * (u - self.layout.centre) ** 2).sum(-1)
        for group, scatter in zip(self.groups, self.scatters, strict=True):
            total = total + _log_likelihood(self.problem, group, scatter, residuals[:, group.points])
        return torch.where(inside & torch.isfinite(total), total, -torch.inf)


def _log_likelihood(problem: Problem, group: Group, scatter: Scatter, residuals: Tensor) -> Tensor:
    if problem.loss == "squares":
        sse = (residuals**2).sum(-1)
        return -0.5 * sse if group.known else -0.5 * group.n * sse.clamp_min(1e-300).log()
    misfit = influence(problem.loss, residuals / scatter.scale).rho.sum(-1) - scatter.misfit
    if group.known:
        return -scatter.temper * misfit
    return -0.5 * group.n * torch.log1p((2 * scatter.temper * misfit / scatter.freedom).clamp_min(-0.99))


def solve(
    problem: Problem,
    *,
    level: float = 0.9,
    starts: int = 1,
    seed: int = 0,
    iterations: int = 60,
    tolerance: float = 1e-7,
) -> Solved:
    """Fit the data sets of a problem together.

    Args:
        problem: sets, free parameters, nuisances, loss and noise.
        level: of the intervals.
        starts: how many places the search begins at.
        seed: of those places.
        iterations, tolerance: see `physics.calibrate.levenberg.descend`.

    Raises:
        DataError, ParameterError: what is wrong with a data set, a start, a bound or a prior.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
    layout = arrange(problem)
    forward = Forward(problem, layout)
    search = _Search(problem, layout, forward, iterations, tolerance)
    return search.result(layout.start[None], level)


class _Search:
    """Fit and noise, one after the other."""

    def __init__(self, problem: Problem, layout: Layout, forward: Forward, iterations: int, tolerance: float) -> None:
        self.problem, self.layout, self.forward = problem, layout, forward
        self.iterations, self.tolerance = iterations, tolerance
        self.weights, self.groups = gather(problem, forward.spans)
        self.values = torch.cat([one.values for one in problem.sets])
        self.priors = torch.nonzero(layout.precision)[:, 0]

    def descend(self, start: Tensor, weights: Tensor) -> Descent:
        """Minimise from u of shape (batch, P) with the weights of the points, (batch, N), over their variance."""
        batch, priors = len(start), self.priors
        rows = torch.eye(start.shape[-1], dtype=start.dtype)[priors]

        def linearise(u: Tensor) -> tuple[Tensor, Tensor]:
            curve, slope = self.forward.linearise(u)
            if not len(priors):
                return curve, slope
            return torch.cat([curve, u[:, priors]], -1), torch.cat([slope, rows.expand(len(u), -1, -1)], 1)

        values = torch.cat([self.values, self.layout.centre[priors]]).expand(batch, -1)
        precision = self.layout.precision[priors].expand(batch, -1)
        return descend(
            linearise,
            values,
            torch.cat([weights, precision], -1),
            start,
            self.layout.space,
            iterations=self.iterations,
            tolerance=self.tolerance,
        )

    def result(self, start: Tensor, level: float) -> Solved:
        """Fit from u of shape (1, P)."""
        state, scatters, weights = self._settle(start)
        return self._solved(state, scatters, weights, level)

    def _settle(self, start: Tensor) -> tuple[Descent, list[Scatter], Tensor]:
        """Return where fit and noise stand, and the weights of the points in the last descent, (N,)."""
        once = self.problem.loss == "squares" and not len(self.priors) and len(self.groups) == 1
        scatters = None if once else self._first(start)
        iterations = 0
        for _ in range(_ROUNDS):
            weights = self._reweighted(start, scatters)
            state = self.descend(start, weights[None])
            iterations += state.iterations
            before, scatters = scatters, self._noise(state)
            if once or self._stands(start, state, before, scatters):
                break
            start = state.u
        state.iterations = iterations
        return state, scatters, weights

    def _first(self, start: Tensor) -> list[Scatter]:
        """Return a noise to begin with: what the values themselves scatter."""
        times = torch.cat([one.times for one in self.problem.sets])
        found = []
        for group in self.groups:
            weighted = self.values[group.points] * self.weights[group.points].sqrt()
            noise = 1.0 if group.known else rough(weighted, times[group.points])
            scale = math.inf  # of the loss: the first descent is one of squares
            found.append(Scatter(noise, noise**2, math.inf, 1.0, scale, 0.0))
        return found

    def _reweighted(self, u: Tensor, scatters: Sequence[Scatter] | None) -> Tensor:
        """Return the weights of the points over their variance and by their influence, (N,)."""
        if scatters is None:
            return self.weights
        weights = self.weights.clone()
        robust = self.problem.loss != "squares"
        residuals = (self.values - self.forward.curves(u)[0]) * self.weights.sqrt() if robust else self.values
        for group, scatter in zip(self.groups, scatters, strict=True):
            scale = max(scatter.scale if math.isfinite(scatter.scale) else scatter.deviation, 1e-30)
            factor = torch.ones_like(residuals)
            if robust and math.isfinite(scatter.scale):
                factor = influence(self.problem.loss, residuals / scale).weight
            weights[group.points] = (weights * factor / scale**2)[group.points]
        return weights

    def _noise(self, state: Descent) -> list[Scatter]:
        """Return the noise of each group at a fit; the parameters are paid for in proportion to what a group tells."""
        count = len(self.values)
        jacobian = state.jacobian[0, :count]
        residuals = (self.values - state.curve[0, :count]) * self.weights.sqrt()
        blocks = parts(jacobian, self.weights, self.groups)
        P = jacobian.shape[-1]
        paid = [P * group.n / max(sum(each.n for each in self.groups), 1) for group in self.groups]
        for _ in range(_ROUNDS):
            scatters = [
                judge(self.problem.loss, group, residuals[group.points], part)
                for group, part in zip(self.groups, paid, strict=True)
            ]
            if len(self.groups) == 1 and not len(self.priors):
                break
            variances = [min(scatter.variance, 1e30) for scatter in scatters]
            inverse = invert(self._information(blocks, variances))
            before, paid = paid, spent(inverse, blocks, variances)
            if max(abs(a - b) for a, b in zip(before, paid, strict=True)) < 1e-6:
                break
        return scatters

    def _information(self, blocks: Sequence[Tensor], variances: Sequence[float]) -> Tensor:
        total = torch.diag(self.layout.precision)
        for block, variance in zip(blocks, variances, strict=True):
            total = total + block / variance
        return total

    def _stands(
        self, start: Tensor, state: Descent, before: Sequence[Scatter] | None, after: Sequence[Scatter]
    ) -> bool:
        if before is None or any(not math.isfinite(scatter.scale) for scatter in before):
            return False
        same = all(abs(a.scale / b.scale - 1) < _SETTLED for a, b in zip(before, after, strict=True))
        blocks = parts(state.jacobian[0, : len(self.values)], self.weights, self.groups)
        width = invert(self._information(blocks, [scatter.variance for scatter in after])).diagonal().sqrt()
        moved = (state.u - start)[0].abs()
        return same and bool((moved <= _SETTLED * width + 1e-12).all())

    def _solved(self, state: Descent, scatters: Sequence[Scatter], weights: Tensor, level: float) -> Solved:
        count = len(self.values)
        space, u = self.layout.space, state.u[0]
        jacobian, curve = state.jacobian[0, :count], state.curve[0, :count]
        blocks = parts(jacobian, self.weights, self.groups)
        variances = [scatter.variance for scatter in scatters]
        enough = all(scatter.freedom > 1e-9 for scatter in scatters) and self._count() >= len(u)
        information = self._information(blocks, variances if enough else [1.0] * len(variances))
        verdict = identify(information, 1.0 if enough else 0.0, space.names)
        bound = (u <= space.lower) | (u >= space.upper)
        covariance = _covariance(information, verdict.open | bound, enough)
        inverse = torch.nan_to_num(covariance, posinf=0.0)
        freedom = freedoms(inverse, blocks, scatters)
        residuals = self.values - curve
        sse = {
            one.name: float((_told(one.weights, one.values) * residuals[span] ** 2).sum())
            for one, span in zip(self.problem.sets, self.forward.spans, strict=True)
        }
        status = _status(state, verdict, enough)
        warnings = (*_at_bounds(space, u), *((verdict.sentence,) if verdict.sentence else ()))
        slope, root = space.slope(u), covariance.diagonal().sqrt()
        total = sum(float(_told(one.weights, one.values).sum()) for one in self.problem.sets)
        fit = Fit(
            parameters=_estimates(space, u, covariance, bound, freedom, level),
            covariance=covariance * slope[:, None] * slope[None, :],
            correlation=covariance / (root[:, None] * root[None, :]),
            space=space,
            u=u,
            u_covariance=covariance,
            sse=sum(sse.values()),
            rmse=math.sqrt(sum(sse.values()) / total),
            n=sum(group.n for group in self.groups),
            residuals=residuals,
            predicted=curve,
            jacobian=jacobian / slope,
            status=status,
            message=f"{status.value} {verdict.sentence}".strip() if enough else status.value,
            identifiability=verdict,
            warnings=warnings,
            level=level,
            iterations=state.iterations,
        )
        noise = {
            self.problem.sets[k].name: _shown_noise(self.problem, k, scatter)
            for group, scatter in zip(self.groups, scatters, strict=True)
            for k in group.sets
        }
        return Solved(
            problem=self.problem,
            fit=fit,
            layout=self.layout,
            freedom=freedom,
            deviation={one.name: noise[one.name] for one in self.problem.sets},
            sse_by_set=sse,
            warnings=warnings,
            groups=self.groups,
            scatters=tuple(scatters),
            weights=self.weights,
            forward=self.forward,
        )

    def _count(self) -> int:
        """How many points and priors there are to determine the parameters."""
        return sum(group.n for group in self.groups) + len(self.priors)


def _told(weights: Tensor | None, values: Tensor) -> Tensor:
    return torch.ones_like(values) if weights is None else weights


def _shown_noise(problem: Problem, k: int, scatter: Scatter) -> float:
    known = problem.sets[k].deviation
    return scatter.deviation if known is None else float(torch.as_tensor(known, dtype=torch.float64).mean())


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
    factor = torch.as_tensor(student.ppf(0.5 + level / 2, freedom.numpy()), dtype=u.dtype)
    half = factor * width
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


def _status(state: Descent, verdict: Identifiability, enough: bool) -> FitStatus:
    if not enough:
        return FitStatus.TOO_FEW
    if not verdict.identifiable:
        return FitStatus.NOT_IDENTIFIABLE
    if bool(state.converged[0]):
        return FitStatus.CONVERGED
    return FitStatus.STALLED if bool(state.stalled[0]) else FitStatus.MAX_ITERATIONS
