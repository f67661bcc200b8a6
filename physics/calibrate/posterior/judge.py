"""Intervals of many problems at once: Laplace's, the profile's wherever that says something else.

Laplace: u_j +- q sd_j, with sd from the curvature of the posterior at its mode and q Student's quantile, mapped back.
Its distance from the profile is the largest difference of their ends in units of q sd_j; beyond `SAME` the profile's
ends are taken (a choice between two intervals that differ more would depend on the data and cost coverage), and beyond
`AGREE` Laplace is no description of the posterior any more. A solver whose error may reach e at every point moves an
estimate by up to

    b_j = e sum_i |(A^-1 J^T p)_ji|,

since nothing is known of how it changes from point to point; both ends are moved out by that much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.posterior.bounded import quantiles
from physics.calibrate.posterior.profile import profile
from physics.calibrate.posterior.target import Chart, Target, make_chart

SAME = 0.02  # of a Laplace half-width
AGREE = 0.1
CURVED = 0.5  # beyond this the misfit is so far from a parabola that not even the profile promises its level
NEAR = 2.0  # standard deviations from a bound
FEW = 3.0  # degrees of freedom below which the level is not promised
COARSE = 0.1  # of a standard deviation, by which the solver's error widens a 90 % interval to one of 92 %


@dataclass(frozen=True)
class Interval:
    """A confidence interval of one parameter.

    Attributes:
        lower, upper: its ends, SI; an end that the data leave open is the parameter's bound.
        level: how often such an interval holds the truth.
        method: how it was found, "laplace" or "profile".
    """

    lower: float
    upper: float
    level: float
    method: str


@dataclass(frozen=True)
class Judged:
    """The intervals of B problems with P parameters, and what may be wrong with them; shapes (B, P) if not said.

    Attributes:
        lower, upper: in theta.
        profiled: whether the ends are the profile's.
        agreement: distance of the profile from Laplace in Laplace half-widths; nan where it was not looked at.
        curvature: the same, open ends apart, in theta or in its logarithm, where it is less.
        near: standard deviations of the estimate from its nearer bound.
        open_lower, open_upper: the end is the parameter's bound, or none was found.
        bias: b over the standard deviation.
        better: how far a point seen on the way lies below the estimate, in Q, shape (B,).
        settled: every end was found, shape (B,).
        numerical_error: that was allowed for.
        chart, covariance: the coordinates w and the covariance of w at the estimate, (B, P, P).
    """

    lower: Tensor
    upper: Tensor
    profiled: Tensor
    agreement: Tensor
    curvature: Tensor
    near: Tensor
    open_lower: Tensor
    open_upper: Tensor
    bias: Tensor
    better: Tensor
    settled: Tensor
    numerical_error: float
    chart: Chart
    covariance: Tensor


def judge(
    target: Target, deviation: Tensor, level: float, *, check: bool = True, numerical_error: float = 0.0
) -> Judged:
    """Find the intervals of every problem.

    Args:
        target: the problems.
        deviation: Laplace's standard deviation of u, shape (B, P); not finite where the data leave a parameter open.
        level: of the intervals.
        check: follow the profile; without it Laplace stands as it is.
        numerical_error: of the curves that were fitted, an absolute bound.
    """
    chart, misfit, covariance = make_chart(target)
    q = quantiles(level, target.freedom)
    bias, spread = _bias(target, chart, covariance, numerical_error)
    near = _near(target, chart)
    half = q * deviation + bias * torch.nan_to_num(deviation, posinf=math.inf)
    lower, upper = (target.space.outward(_boxed(target.u + sign * half, target)) for sign in (-1.0, 1.0))
    unknown = ~torch.isfinite(half)
    lower = torch.where(unknown, target.space.outward(target.space.lower), lower)
    upper = torch.where(unknown, target.space.outward(target.space.upper), upper)
    nan, no = torch.full_like(half, math.nan), torch.zeros_like(unknown)
    if not check:
        still = torch.zeros(len(half), dtype=half.dtype)
        return Judged(
            lower, upper, no, nan, nan, near, unknown, unknown, bias, still, still == 0, numerical_error, chart,
            covariance,
        )  # fmt: skip
    ends = profile(target, chart, misfit, covariance, level)
    agreement = _agreement(target, ends.lower, ends.upper, q * deviation)
    curvature = _curvature(target, chart, ends.lower, ends.upper, ends.open_lower, ends.open_upper, q, spread)
    profiled = ~(agreement <= SAME)
    nowhere = profiled & ends.open_lower & ends.open_upper & unknown  # not near a bound: not determined at all
    near = torch.where(nowhere, torch.full_like(near, math.inf), near)
    moved = (_moved(target, chart, end, sign * bias * spread) for end, sign in ((ends.lower, -1.0), (ends.upper, 1.0)))
    low, high = moved
    return Judged(
        torch.where(profiled, torch.where(ends.open_lower, ends.lower, low), lower),
        torch.where(profiled, torch.where(ends.open_upper, ends.upper, high), upper),
        profiled,
        agreement,
        curvature,
        near,
        profiled & ends.open_lower,
        profiled & ends.open_upper,
        bias,
        (misfit - ends.misfit).clamp_min(0),
        ends.settled,
        numerical_error,
        chart,
        covariance,
    )


def _boxed(u: Tensor, target: Target) -> Tensor:
    """Keep an end in the box; a bound that is no number stays away from it."""
    return torch.minimum(torch.maximum(u, target.space.lower), target.space.upper)


def _bias(target: Target, chart: Chart, covariance: Tensor, error: float) -> tuple[Tensor, Tensor]:
    """Return b over the standard deviation and that deviation in w, shapes (B, P)."""
    spread = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
    every = torch.arange(len(target.u))
    slope = target.slope * chart.slope(target.u, every)[:, None, :]
    pull = covariance @ (slope * target.weights[..., None]).transpose(-1, -2)
    return torch.nan_to_num(error * pull.abs().sum(-1) / spread), spread


def _near(target: Target, chart: Chart) -> Tensor:
    batch, P = target.u.shape
    problem, parameter = torch.arange(batch).repeat_interleave(P), torch.arange(P).repeat(batch)
    return chart.distance(chart.inward(target.u[problem], problem), problem, parameter).reshape(batch, P)


def _agreement(target: Target, lower: Tensor, upper: Tensor, half: Tensor) -> Tensor:
    """Compare the ends in u; an end without a limit that Laplace sets one to is infinitely far off."""
    ends = [torch.where(target.space.logarithmic, end.log(), end / target.space.scale) for end in (lower, upper)]
    apart = torch.maximum((ends[0] - (target.u - half)).abs(), (ends[1] - (target.u + half)).abs())
    return torch.nan_to_num(apart / half, nan=torch.inf)


def _curvature(
    target: Target,
    chart: Chart,
    lower: Tensor,
    upper: Tensor,
    open_lower: Tensor,
    open_upper: Tensor,
    q: Tensor,
    spread: Tensor,
) -> Tensor:
    """Compare in theta and in its logarithm and take what is nearer: a parabola in either is one."""
    log, at = target.space.logarithmic, target.space.outward(target.u)
    half_u = q * torch.where(chart.plain, spread / at, spread)
    half_theta = q * torch.where(chart.plain, spread, spread * target.space.slope(target.u))
    worst = [torch.zeros_like(half_u), torch.zeros_like(half_u)]
    for end, shut, sign in ((lower, open_lower, -1.0), (upper, open_upper, 1.0)):
        u = torch.where(log, end.log(), end / target.space.scale)
        apart = [(u - target.u - sign * half_u).abs() / half_u, (end - at - sign * half_theta).abs() / half_theta]
        worst = [torch.maximum(w, torch.where(shut, torch.zeros_like(x), x)) for w, x in zip(worst, apart, strict=True)]
    found = torch.nan_to_num(torch.stack(worst), nan=torch.inf)
    return torch.where(log, found.amin(0), found[0])


def _moved(target: Target, chart: Chart, end: Tensor, by: Tensor) -> Tensor:
    """Move an end in theta by so much in w, within the box."""
    u = torch.where(target.space.logarithmic, end.clamp_min(1e-300).log(), end / target.space.scale)
    problem = torch.arange(len(u))
    w = torch.where(chart.plain, u.exp(), u) + by
    within = torch.minimum(torch.maximum(w, chart.lower), chart.upper)
    return target.space.outward(chart.outward(within, problem))
