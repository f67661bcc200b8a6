"""A predicted curve with its interval, before the run or after a fit.

Draw theta_k from the prior or the posterior, run all draws through the model as one batch, and read the
quantiles of f(t; theta_k) at every time. Draws are scrambled Sobol points through the normal inverse, so that
a few hundred settle the quantiles. `linearised` is the first-order form, sd f = (J C J^T)^(1/2), for small
spreads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.design.candidate import Unknown
from physics.errors import ParameterError


@dataclass(frozen=True)
class Band:
    """Median and central interval of a curve at `level`; each of shape (n,)."""

    times: Tensor
    median: Tensor
    lower: Tensor
    upper: Tensor
    level: float


def predict_interval(
    model: Model,
    draws: Mapping[str, Tensor],
    times: Tensor,
    *,
    level: float = 0.9,
    noise: float = 0.0,
    chunk: int = 256,
) -> Band:
    """Push draws of the parameters, each of shape (draws,), through the model at `times`, shape (n,).

    `noise` is the standard deviation of a reading: above zero the interval is that of a measurement, to first
    order sqrt(half-width^2 + (z noise)^2), else that of the true curve.
    """
    _check_level(level)
    count = next(iter(draws.values())).shape[0]
    pieces = []
    with torch.no_grad():
        for start in range(0, count, chunk):
            pieces.append(model({name: x[start : start + chunk] for name, x in draws.items()}, times))
    curves = torch.cat(pieces)
    tail = (1 - level) / 2
    lower, median, upper = torch.quantile(curves, torch.tensor([tail, 0.5, 1 - tail], dtype=torch.float64), dim=0)
    extra = float(norm.ppf(1 - tail)) * noise
    return Band(
        times,
        median,
        median - ((median - lower) ** 2 + extra**2).sqrt(),
        median + ((upper - median) ** 2 + extra**2).sqrt(),
        level,
    )


def linearised(times: Tensor, curve: Tensor, slope: Tensor, covariance: Tensor, level: float = 0.9) -> Band:
    """First-order interval from d f/d u, shape (n, P), and the covariance of u, shape (P, P)."""
    _check_level(level)
    half = float(norm.ppf(0.5 + level / 2)) * ((slope @ covariance) * slope).sum(-1).clamp_min(0).sqrt()
    return Band(times, curve, curve - half, curve + half, level)


def draw_prior(unknown: Mapping[str, Unknown], count: int = 256, seed: int = 0) -> dict[str, Tensor]:
    """Draw from independent log-normal priors; shape (count,) each."""
    z = _normal(len(unknown), count, seed)
    return {
        name: prior.median * (prior.log_deviation * z[:, j]).exp() for j, (name, prior) in enumerate(unknown.items())
    }


def draw_posterior(
    names: Sequence[str], u: Tensor, covariance: Tensor, logarithmic: Tensor, count: int = 256, seed: int = 0
) -> dict[str, Tensor]:
    """Draw from the normal posterior of u, ln theta where `logarithmic`, as a `Fit` gives it.

    Raises:
        ParameterError: the covariance is not finite, since the data leave a parameter open.
    """
    if not bool(torch.isfinite(covariance).all()):
        raise ParameterError("the data leave a parameter open; fix it before predicting from the fit")
    values, vectors = torch.linalg.eigh(covariance)
    z = _normal(len(names), count, seed) @ (vectors * values.clamp_min(0).sqrt()).T
    drawn = u + z
    theta = torch.where(logarithmic, drawn.exp(), drawn)
    return {name: theta[:, j].clone() for j, name in enumerate(names)}


def _normal(dimensions: int, count: int, seed: int) -> Tensor:
    points = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(count)
    return torch.as_tensor(norm.ppf(np.clip(points, 1e-12, 1 - 1e-12)))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
