"""Profile likelihood: the ends of every interval at once.

The end of the interval of w_j is the extreme of w_j on the set that the data allow,

    extreme w_j  subject to  Q(w) = Q_min + q^2,

with q the quantile of Student's t (normal where the noise is known), so that the ends agree with w +- q sd for a linear
model (Venzon & Moolgavkar 1988, Applied Statistics 37, 87, doi:10.2307/2347496, who solve the same equations by
Newton's method; Seber & Wild 1989, doi:10.1002/0471725315, section 5.2). Where Q is replaced by the quadratic that
Gauss-Newton makes of it at w, with its minimum Q_0 at w + d_0 and V its inverse half-Hessian, the extreme is at

    w + d_0 +- ((Q_min + q^2 - Q_0) / V_jj)^(1/2) V e_j,

which is the next w: one batched call of the model a round for all problems, parameters and sides, from the Laplace
ends on. Bounds of the others hold them; near a bound of w_j itself q^2 follows `bounded.rise`; an end that meets a
bound, or that goes so far that the data no longer say anything, is left open there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.posterior.bounded import quantiles, rise
from physics.calibrate.posterior.target import Chart, Target

_ROUNDS = 50
_CLOSE = 5e-3  # of the rise of Q, what is left when the last step is trusted
_STRIDE = 1.0  # no round changes a positive parameter by more than a factor e
_LEAP = 3.0  # nor a plain one by more than so many of its deviations
_FAR = 9.0  # a factor exp(9) from the estimate, or so many deviations, is no end
_NARROW = 1e-3  # of a deviation, between what is allowed and what is not
_SLOWEST = 0.3  # share of a step that is taken at least
_RIDGE = 1e-8  # where the data leave a direction open; it moves no end, only the way to it
_OVERSHOOT = 4.0  # a round that makes Q rise to so many times what it should is halved


@dataclass(frozen=True)
class Ends:
    """Interval ends for B problems and P parameters.

    Attributes:
        lower, upper: in theta, shape (B, P).
        open_lower, open_upper: the end is the parameter's bound, or was not found, shape (B, P).
        misfit: the smallest Q seen, shape (B,); below the estimate's where that was no minimum.
        settled: whether every end of the problem was found, shape (B,).
    """

    lower: Tensor
    upper: Tensor
    open_lower: Tensor
    open_upper: Tensor
    misfit: Tensor
    settled: Tensor


@dataclass
class _Rows:
    """One row for each problem, parameter and side.

    Attributes:
        w, before: where the row stands and stood, shape (rows, P).
        inner, outer: of w_j, the farthest value that the data allow and the nearest that they do not, shape (rows,).
        left, pace: what was left to settle the round before, and the share of a step that is taken since.
        end, open, done: what was found.
    """

    problem: Tensor
    parameter: Tensor
    side: Tensor
    w: Tensor
    before: Tensor
    inner: Tensor
    outer: Tensor
    left: Tensor
    pace: Tensor
    end: Tensor
    open: Tensor
    done: Tensor


def profile(target: Target, chart: Chart, misfit: Tensor, covariance: Tensor, level: float) -> Ends:
    """Find both ends for every parameter of every problem.

    Args:
        target, chart: the problems and their coordinates.
        misfit, covariance: Q and the covariance of w at the estimates, shapes (B,) and (B, P, P).
        level: of the interval.
    """
    rows = _start(target, chart, covariance, level)
    lowest = misfit.clone()
    for _ in range(_ROUNDS):
        live = torch.nonzero(~rows.done)[:, 0]
        if not len(live):
            break
        _round(rows, live, target, chart, misfit, lowest, level)
    return _ends(rows, target, chart, lowest)


def _start(target: Target, chart: Chart, covariance: Tensor, level: float) -> _Rows:
    """Set out from the Laplace ends, or a stride away where those are farther."""
    batch, P = target.u.shape
    problem = torch.arange(batch).repeat_interleave(2 * P)
    parameter = torch.arange(P).repeat_interleave(2).repeat(batch)
    side = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(batch * P)
    here = chart.inward(target.u[problem], problem)
    column = covariance[problem, parameter]
    variance = column.gather(-1, parameter[:, None]).clamp_min(1e-300)
    reach = quantiles(level, target.freedom)[problem, parameter]
    step = side[:, None] * torch.nan_to_num(reach[:, None] * column / variance.sqrt(), posinf=1e6, neginf=-1e6)
    w = _within(here + _shorten(step, here, chart, problem), chart, problem)
    nothing = torch.zeros(len(problem), dtype=torch.bool)
    done = torch.isinf(reach)
    zero, one = torch.zeros_like(side), torch.ones_like(side)
    inner = here.gather(-1, parameter[:, None])[:, 0]
    return _Rows(
        problem, parameter, side, w, here, inner, side * torch.inf, one * torch.inf, one, zero, nothing | done, done
    )


def _round(
    rows: _Rows, live: Tensor, target: Target, chart: Chart, misfit: Tensor, lowest: Tensor, level: float
) -> None:
    problem, parameter = rows.problem[live], rows.parameter[live]
    w = rows.w[live]
    u = chart.outward(w, problem)
    found, gradient, normal = target.quadratic(u, problem)
    allowed = _allowed(target, chart, w, problem, parameter, level)
    risen = found - misfit[problem]
    wild = ~torch.isfinite(found) | (risen > _OVERSHOOT * (_OVERSHOOT + allowed))
    wild &= (w - rows.before[live]).abs().amax(-1) > 1e-12
    lowest.scatter_reduce_(0, problem, torch.nan_to_num(found, nan=torch.inf), "amin")
    change = chart.slope(u, problem)
    gradient, normal = gradient * change, normal * change[:, :, None] * change[:, None, :]
    step, rest, left, spare, stopped = _step(w, gradient, normal, risen, allowed, rows, live, chart)
    at = parameter[:, None]
    lead, here = step.gather(-1, at)[:, 0], w.gather(-1, at)[:, 0]
    _bracket(rows, live, here, risen - spare <= allowed, ~wild & (spare < allowed))
    narrow = (rows.outer[live] - rows.inner[live]).abs() < _NARROW * chart.deviation[problem, parameter]
    finished = ~wild & ((left < _CLOSE * allowed) | (narrow & (spare < _CLOSE * allowed)))
    far = _far(target, chart, here, problem, parameter) & (risen < allowed)
    rows.end[live] = torch.where(stopped | (narrow & (left >= _CLOSE * allowed)), here, here + lead)
    rows.open[live] = (finished & stopped) | far
    rows.done[live] = finished | far
    pace = rows.pace[live]
    pace = torch.where(left > rows.left[live], 0.5 * pace, 2 * pace)
    rows.pace[live] = pace.clamp(_SLOWEST, 1.0)
    rows.left[live] = torch.where(wild, rows.left[live], left)
    ahead = _ahead(rows, live, w, step, rest, chart)
    following = torch.where(wild[:, None], 0.5 * (w + rows.before[live]), ahead)
    rows.before[live] = torch.where(wild[:, None], rows.before[live], w)
    rows.w[live] = following


def _bracket(rows: _Rows, live: Tensor, here: Tensor, allowed: Tensor, sure: Tensor) -> None:
    """Keep the farthest value that the data allow and the nearest that they do not."""
    side = rows.side[live]
    rows.inner[live] = torch.where(sure & allowed & (side * here > side * rows.inner[live]), here, rows.inner[live])
    rows.outer[live] = torch.where(sure & ~allowed & (side * here < side * rows.outer[live]), here, rows.outer[live])


def _ahead(rows: _Rows, live: Tensor, w: Tensor, step: Tensor, rest: Tensor, chart: Chart) -> Tensor:
    """Go on, or to the middle of what is left between the bracket's ends where the step would leave it."""
    problem, at, side = rows.problem[live], rows.parameter[live][:, None], rows.side[live]
    pace = rows.pace[live][:, None]
    ahead = _within(w + pace * _shorten(step, w, chart, problem), chart, problem)
    inner, outer = rows.inner[live], rows.outer[live]
    own = side * ahead.gather(-1, at)[:, 0]
    crossed = side * outer <= side * inner
    leaves = torch.isfinite(outer) & ~crossed & ((own >= side * outer) | (own <= side * inner))
    middle = _within(w + pace * _shorten(rest, w, chart, problem), chart, problem)
    middle = middle.scatter(-1, at, 0.5 * (inner + outer)[:, None])
    return torch.where(leaves[:, None], middle, ahead)


def _far(target: Target, chart: Chart, here: Tensor, problem: Tensor, parameter: Tensor) -> Tensor:
    origin = chart.inward(target.u[problem], problem).gather(-1, parameter[:, None])[:, 0]
    deviation = torch.nan_to_num(chart.deviation[problem, parameter], posinf=1.0)
    reach = torch.where(chart.plain[problem, parameter], math.exp(_FAR) * (origin.abs() + deviation), _FAR)
    return (here - origin).abs() > reach


def _allowed(target: Target, chart: Chart, w: Tensor, problem: Tensor, parameter: Tensor, level: float) -> Tensor:
    """Return how far Q may rise at w, shape (rows,)."""
    distance = chart.distance(w, problem, parameter)
    found = torch.zeros_like(distance)
    own = target.freedom[problem, parameter]
    for freedom in torch.unique(own):
        of = own == freedom
        found[of] = rise(distance[of], level, float(freedom))
    return found


def _step(
    w: Tensor, gradient: Tensor, normal: Tensor, risen: Tensor, allowed: Tensor, rows: _Rows, live: Tensor, chart: Chart
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Say where to go from w.

    Returns:
        step, rest: the way to the extreme, and that of the others alone, shape (rows, P).
        left, spare: what Q is off by at the extreme, and what the others would gain, shape (rows,).
        stopped: whether a bound stops the parameter, shape (rows,).
    """
    problem, parameter, side = rows.problem[live], rows.parameter[live], rows.side[live]
    low, high = w <= chart.lower[problem], w >= chart.upper[problem]
    own = torch.nn.functional.one_hot(parameter, w.shape[-1]).bool()
    edge = torch.where(side < 0, (low & own).any(-1), (high & own).any(-1))
    held = torch.zeros_like(own)
    for _ in range(2):  # once free, once with what would leave its box held
        step, rest, left, spare, stopped = _extreme(gradient, normal, held, own, edge, side, risen, allowed)
        held = ~own & ((low & (step < 0)) | (high & (step > 0)))
    return step, rest, left, spare, stopped


def _extreme(
    gradient: Tensor,
    normal: Tensor,
    held: Tensor,
    own: Tensor,
    edge: Tensor,
    side: Tensor,
    risen: Tensor,
    allowed: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Solve the quadratic problem; where the parameter stands on its bound and Q allows it, only the others move."""
    rest, _, gain_rest = _solve(gradient, normal, held | own, own)
    stopped = edge & (risen - gain_rest <= allowed)
    centre, column, gain = _solve(gradient, normal, held, own)
    variance = (column * own).sum(-1).clamp_min(1e-300)
    room = (allowed - risen + gain).clamp_min(0.0)
    step = centre + (side * (room / variance).sqrt())[:, None] * column
    # At the extreme Q has risen by what is allowed and the others have nothing to gain.
    left = torch.maximum((risen - allowed).abs(), gain_rest)
    way = torch.where(stopped[:, None], rest, step)
    return way, rest, torch.where(stopped, gain_rest, left), gain_rest, stopped


def _solve(gradient: Tensor, normal: Tensor, held: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the Gauss-Newton step, V e_j and what Q gains by the step, with some parameters held."""
    free = ~held
    both = free[:, :, None] & free[:, None, :]
    diagonal = normal.diagonal(dim1=-2, dim2=-1).clamp_min(1e-300)
    root = torch.where(free, diagonal, torch.ones_like(diagonal)).sqrt()
    scaled = torch.where(both, normal, 0.0) / (root[:, :, None] * root[:, None, :])
    scaled = scaled + torch.diag_embed(torch.where(free, _RIDGE, 1.0).to(scaled))
    right = torch.stack([torch.where(free, gradient, 0.0), (own & free).to(gradient)], -1) / root[..., None]
    solved = torch.linalg.solve_ex(torch.nan_to_num(scaled), torch.nan_to_num(right)).result / root[..., None]
    step, column = torch.nan_to_num(solved).unbind(-1)
    return step, column, (step * torch.where(free, torch.nan_to_num(gradient), 0.0)).sum(-1).clamp_min(0)


def _shorten(step: Tensor, w: Tensor, chart: Chart, problem: Tensor) -> Tensor:
    """Keep the direction, but no coordinate beyond a stride."""
    positive = chart.space.logarithmic & ~chart.plain[problem]
    deviation = torch.nan_to_num(chart.deviation[problem], posinf=1.0)
    longest = torch.where(positive, _STRIDE, _LEAP * (deviation + w.abs()))
    excess = (step.abs() / longest.clamp_min(1e-300)).amax(-1, keepdim=True).clamp_min(1.0)
    return step / excess


def _within(w: Tensor, chart: Chart, problem: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(w, chart.lower[problem]), chart.upper[problem])


def _ends(rows: _Rows, target: Target, chart: Chart, lowest: Tensor) -> Ends:
    batch, P = target.u.shape
    at = rows.parameter[:, None]
    # What was not settled ends where the data surely say no, or at the parameter's bound.
    end = torch.where(~rows.done & torch.isfinite(rows.outer), rows.outer, rows.end)
    full = rows.w.scatter(-1, at, end[:, None])
    inside = _within(full, chart, rows.problem)
    u = chart.outward(inside, rows.problem)
    # An end that stands on a bound is the bound; one that was never found is as far as the parameter may go.
    bounds = torch.where(rows.side < 0, target.space.lower[rows.parameter], target.space.upper[rows.parameter])
    clipped = (full != inside).gather(-1, at)[:, 0]
    missing = rows.open | (~rows.done & torch.isinf(rows.outer)) | clipped
    theta = target.space.outward(torch.where(missing[:, None], bounds[:, None].expand_as(u), u))
    ends = theta.gather(-1, at)[:, 0].reshape(batch, P, 2)
    missing = missing.reshape(batch, P, 2)
    settled = rows.done.reshape(batch, -1).all(-1)
    return Ends(ends[..., 0], ends[..., 1], missing[..., 0], missing[..., 1], lowest, settled)
