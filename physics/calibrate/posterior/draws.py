"""Draws from a posterior that Laplace does not describe: weighted ones where that suffices, else walkers.

Points w_i from Student's distribution about the estimate, a little wider than Laplace, are taken with weights
p(w_i) / g(w_i). Their effective number 1 / sum (weight share)^2 says how well that did (Kong 1992; Owen 2013, Monte
Carlo theory, methods and examples, section 9.3): one batched call of the model where most of them count. Otherwise
they are where the walkers of `sampler.sample` begin.
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
_EFFECTIVE = 0.25  # share of the weighted draws that must count
_WIDER = 1.25
_TAIL = 6.0  # degrees of freedom of the proposal at most
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


def _weighted(
    density: Callable[[Tensor], Tensor], centre: Tensor, covariance: Tensor, freedom: float, seed: int
) -> tuple[tuple[Tensor, Tensor], float]:
    """Return the points and their shares, and which share of them counts."""
    P = len(centre)
    nu = min(freedom, _TAIL)
    z = normal(P, _TRIES, seed)
    chi = torch.as_tensor(np.random.default_rng(seed).chisquare(nu, _TRIES))
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(0).sqrt()
    spread = (nu / chi).sqrt()[:, None] * z
    points = centre + _WIDER * spread @ root.T
    with torch.no_grad():
        log = density(points) + 0.5 * (nu + P) * torch.log1p((spread**2).sum(-1) / nu)
    if not bool(torch.isfinite(log).any()):
        return (centre.expand(_TRIES, P), torch.full((_TRIES,), 1 / _TRIES, dtype=torch.float64)), 0.0
    share = (log - log.max()).exp()
    share = share / share.sum()
    return (points, share), float(1 / (share**2).sum()) / _TRIES


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
