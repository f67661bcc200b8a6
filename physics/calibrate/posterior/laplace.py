"""Laplace's approximation: the posterior as a normal distribution of u, or Student's where the noise is estimated.

    u ~ u_hat + (nu / chi^2_nu)^(1/2) C^(1/2) z,    z ~ N(0, I),

which has the marginals u_j +- t(nu) sd_j of the intervals (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed.,
section 14.2, for the linear model). Draws are scrambled Sobol points, so that a few hundred settle a quantile.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import chi2, norm, qmc
from torch import Tensor

from physics.calibrate.space import Space
from physics.errors import ParameterError


def draw_laplace(u: Tensor, covariance: Tensor, space: Space, freedom: float, count: int, seed: int) -> Tensor:
    """Draw u, shape (count, P), within the box.

    Raises:
        ParameterError: the covariance is not finite, since the data leave a parameter open.
    """
    if not bool(torch.isfinite(covariance).all()) or freedom <= 0:
        open_ = [name for j, name in enumerate(space.names) if not bool(torch.isfinite(covariance[j, j]))]
        what = ", ".join(open_) or "a parameter"
        raise ParameterError(f"the data leave {what} open; fix it, give a prior, or measure more before predicting")
    z = normal(len(u) + 1, count, seed)
    stretch = torch.ones(count, dtype=torch.float64)
    if math.isfinite(freedom):
        stretch = (freedom / torch.as_tensor(chi2.ppf(norm.cdf(z[:, -1].numpy()), freedom))).sqrt()
    values, vectors = torch.linalg.eigh(covariance)
    return space.clamp(u + stretch[:, None] * (z[:, :-1] @ (vectors * values.clamp_min(0).sqrt()).T))


def normal(dimensions: int, count: int, seed: int) -> Tensor:
    """Return scrambled Sobol points through the normal inverse, shape (count, dimensions)."""
    size = 1 << max(count - 1, 0).bit_length()  # the points balance in powers of two
    points = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(size)[:count]
    return torch.as_tensor(norm.ppf(np.clip(points, 1e-12, 1 - 1e-12)))
