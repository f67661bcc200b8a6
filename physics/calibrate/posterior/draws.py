"""Draws from a posterior that Laplace does not describe: weighted ones where that suffices, else walkers.

Points w_i from Student's distributions g_r, the first of them about the estimate and a little wider than Laplace, each
further one with the mean and the covariance of the weighted points so far, are taken with weights

    p(w_i) / sum_r g_r(w_i)

(adaptive multiple importance sampling; Cornuet, Marin, Mira & Robert 2012, Scandinavian Journal of Statistics 39, 798,
doi:10.1111/j.1467-9469.2011.00756.x). Their effective number 1 / sum (weight share)^2 says how well that did (Kong
1992; Owen 2013, Monte Carlo theory, methods and examples, section 9.3): a few batched calls of the model where enough
of them count. Otherwise they are where the walkers of `sampler.sample` begin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.posterior.judge import Judged
from physics.calibrate.posterior.laplace import normal
from physics.calibrate.posterior.sampler import sample, walkers_for
from physics.calibrate.posterior.target import Chart, Target

_TRIES = 1024
_EFFECTIVE = 0.25  # of one round's draws must count in all
_LEAST = 0.15  # of all that were drawn, below which their weights are not to be trusted
_ROUNDS = 8
_GOOD = 0.7  # of the first round, which then is all: a tail that was not met yet weighs nothing
_LEARNT = 3  # further rounds at least where it is not
_GROWN = 2.0  # times the covariance that was learnt
_FLAT = 50.0  # effective draws a parameter, below which weights are flattened before they are learnt from
_WIDER = 1.25
_TAIL = 6.0  # degrees of freedom of the proposal at most
_SINGULAR = 1e-12  # of a correlation matrix, the least eigenvalue
_SPAN = 12.0  # in ln theta, how far the walkers go where nothing stops them


@dataclass(frozen=True)
class Drawn:
    """Draws of u, shape (count, P); how they were made, "weighted" or "walkers"; a sentence for each doubt."""

    u: Tensor
    method: str
    warnings: tuple[str, ...]


def draw(
    log_posterior: Callable[[Tensor], Tensor], target: Target, judged: Judged, freedom: float, count: int, seed: int
) -> Drawn:
    """Draw u of the first problem of a target, (count, P), from a density that need not be normal."""
    chart, told = _proper(judged, target)
    zero = torch.zeros(1, dtype=torch.long)
    centre = chart.inward(target.u, zero)[0]

    def density(w: Tensor) -> Tensor:
        of = torch.zeros(len(w), dtype=torch.long)
        inside = ((w >= chart.lower[0]) & (w <= chart.upper[0])).all(-1)
        safe = torch.minimum(torch.maximum(w, chart.lower[0]), chart.upper[0])
        return torch.where(inside, log_posterior(chart.outward(safe, of)), -torch.inf)

    start, effective = _weighted(density, centre, _covariance(judged, chart, target), freedom, seed)
    rng = np.random.default_rng(seed)
    if effective >= _EFFECTIVE:
        chosen = _resample(*start, count, rng)
        return Drawn(chart.outward(chosen, torch.zeros(count, dtype=torch.long)), "weighted", told)
    chain = sample(density, _resample(*start, walkers_for(len(centre)), rng, jitter=True), seed=seed)
    chosen = chain.draws[torch.as_tensor(rng.integers(len(chain.draws), size=count))]
    return Drawn(chart.outward(chosen, torch.zeros(count, dtype=torch.long)), "walkers", (*told, *chain.warnings))


def _proper(judged: Judged, target: Target) -> tuple[Chart, tuple[str, ...]]:
    """Return coordinates in which the density can be normalised, and what was cut off for that."""
    chart, space = judged.chart, target.space
    endless = judged.open_upper & space.logarithmic & torch.isinf(space.upper)
    plain = chart.plain & ~endless
    lower = torch.where(plain, chart.lower, space.lower)
    upper = torch.where(plain, chart.upper, space.upper)
    log = space.logarithmic & ~plain & (target.precision == 0)
    lower = torch.where(log, torch.maximum(lower, target.u - _SPAN), lower)
    upper = torch.where(log, torch.minimum(upper, target.u + _SPAN), upper)
    cut = [space.names[j] for j in range(len(space.names)) if bool((endless & log)[0, j])]
    told = (
        (
            f"No upper end is known for {', '.join(cut)}: its draws go as far as it was looked for; "
            "give a bound or a prior.",
        )
        if cut
        else ()
    )
    return replace(chart, plain=plain, lower=lower, upper=upper), told


def _covariance(judged: Judged, chart: Chart, target: Target) -> Tensor:
    """Return the covariance of w to propose with, (P, P); of a range that is at most as wide as the box."""
    change = torch.where(judged.chart.plain & ~chart.plain, (-target.u).exp(), torch.ones_like(target.u))[0]
    found = judged.covariance[0] * change[:, None] * change[None, :]
    widest = torch.nan_to_num((chart.upper - chart.lower)[0] / 4, posinf=1e150)
    root = torch.nan_to_num(found.diagonal().clamp_min(0).sqrt(), posinf=1e150).clamp_min(1e-300)
    shrink = torch.minimum(torch.ones_like(root), widest / root)
    found = torch.where(torch.isfinite(found), found, torch.zeros_like(found)) * shrink[:, None] * shrink[None, :]
    lost = ~torch.isfinite(judged.covariance[0].diagonal())
    return found + torch.diag(torch.where(lost, widest**2, torch.zeros_like(widest)))


@dataclass(frozen=True)
class _Proposal:
    """Student's distribution in P dimensions: w = centre + wider * size * (vectors @ (root * spread))."""

    centre: Tensor
    size: Tensor
    vectors: Tensor
    root: Tensor
    freedom: float

    def points(self, spread: Tensor) -> Tensor:
        return self.centre + _WIDER * self.size * ((spread * self.root) @ self.vectors.T)

    def log(self, points: Tensor) -> Tensor:
        spread = ((points - self.centre) / (_WIDER * self.size)) @ self.vectors / self.root
        power = 0.5 * (self.freedom + len(self.centre))
        return -power * torch.log1p((spread**2).sum(-1) / self.freedom) - self.size.log().sum() - self.root.log().sum()


def _propose(centre: Tensor, covariance: Tensor, freedom: float) -> _Proposal:
    size = covariance.diagonal().clamp_min(0).sqrt()
    size = torch.where(size > 0, size, torch.ones_like(size))
    values, vectors = torch.linalg.eigh(covariance / (size[:, None] * size))
    return _Proposal(centre, size, vectors, values.clamp_min(_SINGULAR).sqrt(), freedom)


def _weighted(
    density: Callable[[Tensor], Tensor], centre: Tensor, covariance: Tensor, freedom: float, seed: int
) -> tuple[tuple[Tensor, Tensor], float]:
    """Return the points and their shares, and how many of them count, over the number of one round."""
    P = len(centre)
    nu = min(freedom, _TAIL)
    proposals = [_propose(centre, covariance, nu)]
    points, log = torch.empty(0, P, dtype=centre.dtype), torch.empty(0, dtype=centre.dtype)
    for turn in range(_ROUNDS):
        z = normal(P, _TRIES, seed + turn)
        chi = torch.as_tensor(np.random.default_rng(seed + turn).chisquare(nu, _TRIES))
        drawn = proposals[-1].points((nu / chi).sqrt()[:, None] * z)
        with torch.no_grad():
            points, log = torch.cat([points, drawn]), torch.cat([log, density(drawn).nan_to_num(nan=-torch.inf)])
        if not bool(torch.isfinite(log).any()):
            return (centre.expand(_TRIES, P), torch.full((_TRIES,), 1 / _TRIES, dtype=torch.float64)), 0.0
        share = torch.softmax(log - torch.logsumexp(torch.stack([each.log(points) for each in proposals]), 0), 0)
        effective = float(1 / (share**2).sum())
        if turn == 0 and effective >= _GOOD * _TRIES:
            break
        if effective >= max(_EFFECTIVE * _TRIES, _LEAST * len(share)) and turn >= _LEARNT:
            break
        learnt = share if effective > _FLAT * P else share.sqrt() / share.sqrt().sum()
        mean = (learnt[:, None] * points).sum(0)
        off = points - mean
        proposals.append(_propose(mean, _GROWN * (learnt[:, None] * off).T @ off, nu))
    return (points, share), effective / _TRIES if effective >= _LEAST * len(share) else 0.0


def _resample(points: Tensor, share: Tensor, count: int, rng: np.random.Generator, *, jitter: bool = False) -> Tensor:
    """Take `count` points in proportion to their shares, at even steps of the cumulative share."""
    place = (np.arange(count) + rng.random()) / count
    chosen = np.searchsorted(np.cumsum(share.numpy()), place).clip(max=len(points) - 1)
    taken = points[torch.as_tensor(rng.permutation(chosen))]
    if not jitter:
        return taken
    spread = points[share > 0].std(0).nan_to_num(0.0)
    scale = torch.maximum(1e-2 * taken.std(0), 1e-4 * spread) + 1e-8
    return taken + scale * torch.as_tensor(rng.standard_normal(tuple(taken.shape)))
