"""What a calibration of several data sets returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.contradiction import Contradiction
from physics.calibrate.fit import Fit
from physics.calibrate.forward import Forward
from physics.calibrate.layout import Layout
from physics.calibrate.multistart import Basin
from physics.calibrate.problem import Problem
from physics.calibrate.robust import influence
from physics.calibrate.scatter import Group, Scatter
from physics.calibrate.space import Space


@dataclass(frozen=True)
class Solved:
    """A calibration.

    Attributes:
        fit: values, intervals, covariance, status; its points are those of all sets, one after the other.
        layout: which column of u is what.
        freedom: degrees of freedom of each parameter, shape (P,); infinite where only known noise and priors count.
        deviation: standard deviation of the noise of each set where its weight is one, known or estimated.
        sse_by_set: weighted sum of squared residuals of each set.
        basins: the distinct minima that the starts led to, the best one first.
        outliers: the points of each set that lie apart, counted from zero.
        contradiction: the sets together against the sets apart; None where there is nothing to compare.
        warnings: a sentence each.
        groups, scatters: the points of one noise, and that noise.
        weights: of all points, over the variance where it is known, shape (N,).
    """

    problem: Problem
    fit: Fit
    layout: Layout
    freedom: Tensor
    deviation: dict[str, float]
    sse_by_set: dict[str, float]
    basins: tuple[Basin, ...]
    outliers: dict[str, tuple[int, ...]]
    contradiction: Contradiction | None
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

    @property
    def precision(self) -> Tensor:
        """The weights over v, shape (N,): J^T diag(precision) J and the priors are the inverse of the covariance."""
        found = torch.zeros_like(self.weights)
        for group, scatter in zip(self.groups, self.scatters, strict=True):
            found[group.points] = self.weights[group.points] / scatter.variance
        return found

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
