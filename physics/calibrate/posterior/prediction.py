"""A further data set, before it is measured: its curve with an interval.

Draws of the parameters run through the model of the further set; the interval at each time is that of their curves,

    median -+ ((half-width of the curves)^2 + (z s)^2)^(1/2) -+ e,

with s the noise of a reading and e the solver's error. Where several sets were fitted the draws are those of a set that
may differ from them as they differ from each other (`between`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from physics.calibrate.posterior.hierarchy import Between, between
from physics.calibrate.posterior.report import Posterior
from physics.calibrate.sensitivity import Model
from physics.design.predict_interval import Band, predict_interval
from physics.errors import ParameterError

DRAWS = 512


def predict(
    posterior: Posterior,
    model: Model,
    fixed: Mapping[str, float],
    times: Tensor,
    *,
    noise: float | None = None,
    numerical_error: float = 0.0,
    level: float = 0.9,
    seed: int = 0,
    scatter: Mapping[str, float] | None = None,
    draws: int = DRAWS,
) -> Band:
    """Predict the curve of a further data set, without what an instrument adds.

    Args:
        posterior: what is known.
        model, fixed, times: of the further set, times of shape (n,).
        noise: standard deviation of a reading; that of the fitted sets if left out, zero for the true curve.
        numerical_error: an absolute bound of the solver's error.
        level: of the interval, at each time by itself.
        seed, draws: of the parameters.
        scatter: see `between`.

    Raises:
        ParameterError: the data leave a parameter open, or an argument cannot be used.
    """
    if not 0 <= numerical_error < math.inf:
        raise ParameterError(f"numerical_error = {numerical_error:g} must be finite and not negative")
    spread = noise_of(posterior) if noise is None else noise
    if not 0 <= spread < math.inf:
        raise ParameterError(f"noise = {spread:g} must be finite and not negative")
    free = further(posterior, draws, seed=seed, scatter=scatter)
    constant = {name: torch.full((draws,), float(value), dtype=torch.float64) for name, value in fixed.items()}
    band = predict_interval(model, {**constant, **free}, times, level=level, noise=spread)
    return replace(band, lower=band.lower - numerical_error, upper=band.upper + numerical_error)


def further(
    posterior: Posterior, count: int, *, seed: int = 0, scatter: Mapping[str, float] | None = None
) -> dict[str, Tensor]:
    """Draw the free parameters of a further set, each of shape (count,), SI, named without brackets.

    Raises:
        ParameterError: the data leave a parameter open.
    """
    problem = posterior.solved.problem
    if len(problem.sets) > 1:
        return _between(posterior, scatter).draws(count, seed)
    drawn = posterior.draws(count, seed)
    return {one.name: drawn[one.name] for one in problem.free}


def noise_of(posterior: Posterior) -> float:
    """Return the root mean square of the noise of the fitted sets, each alone where they were several."""
    solved = posterior.solved
    if len(solved.problem.sets) > 1 and all(one.deviation is None for one in solved.problem.sets):
        return _between(posterior, None).noise
    found = list(solved.deviation.values())
    return math.sqrt(sum(x**2 for x in found) / len(found))


def _between(posterior: Posterior, scatter: Mapping[str, float] | None) -> Between:
    """Fit the sets apart, once for a posterior."""
    if scatter is not None:
        return between(posterior.solved, scatter=scatter, seed=posterior.seed)
    if posterior.apart is None:
        posterior.apart = between(posterior.solved, seed=posterior.seed)
    return posterior.apart
