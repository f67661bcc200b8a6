"""What a further data set may differ by: parameters that scatter from set to set.

With u_k the estimate of set k alone and C_k its covariance,

    u_k ~ N(mu, C_k + T),    T = diag(tau_j^2),    a further set: u ~ N(mu, T),

mu flat, and tau_j half-normal with the scale s_j (Gelman 2006, Bayesian Analysis 1, 515, doi:10.1214/06-BA117A: with a
few groups the scale of the prior matters, and has to say what is possible). With the prior probability of one half the
sets do not scatter at all, tau = 0; sets that agree within their errors raise it, sets that contradict each other
leave nothing of it. Given tau everything is normal; tau is integrated over by weighted draws from its prior.

The scales, of the logarithm, are what repeated packings and repeated specimens are known to differ by:

- velocity and what moves with it, 2 %: it is q / porosity, with a porosity near 0.4 that varies by some 0.005 along a
  packed bed, between sensors whose depth is known to a millimetre or two in ten centimetres; likewise a diffusivity
  between specimens of one material;
- dispersion, exchange and loss coefficients, 30 %: they follow the packing, the wetting or the surface, which no one
  sets; a dispersivity moreover depends on the distance over which it is measured;
- anything else, 10 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.contradiction import apart
from physics.calibrate.posterior.laplace import normal
from physics.calibrate.solve import solve
from physics.calibrate.solved import Solved

SCATTER = {
    "velocity": 0.02, "flow": 0.02, "porosity": 0.02, "retardation": 0.02, "diffusivity": 0.02,
    "dispersion": 0.3, "exchange": 0.3, "decay": 0.3, "biot": 0.3,
}  # fmt: skip
"""Scale of the deviation between sets, of the logarithm of a parameter, by its name."""
OTHER = 0.1
_AGREE = 0.5  # prior probability that sets do not scatter
_TRIES = 4096
_EFFECTIVE = 200.0  # draws of tau that must count
_UNKNOWN = 1e3  # deviation of u where a set alone says nothing


@dataclass(frozen=True)
class Between:
    """The sets of a calibration, each on its own.

    Attributes:
        names: the free parameters, P of them.
        u, covariance: of each set alone, shapes (K, P) and (K, P, P).
        tau, share: draws of tau, shape (draws, P), and their posterior weights, (draws,); the first is tau = 0.
        logarithmic, scale: of u, shape (P,); a parameter that may be negative is u times its scale.
        noise: root mean square of the noise of the sets, each fitted alone.
    """

    names: tuple[str, ...]
    u: Tensor
    covariance: Tensor
    tau: Tensor
    share: Tensor
    logarithmic: Tensor
    scale: Tensor
    noise: float

    @property
    def agreement(self) -> float:
        """The posterior probability that the sets do not scatter beyond their errors."""
        return float(self.share[0])

    @property
    def deviation(self) -> dict[str, float]:
        """The posterior root mean square of tau, by name."""
        rms = (self.share[:, None] * self.tau**2).sum(0).sqrt()
        return dict(zip(self.names, rms.tolist(), strict=True))

    def draws(self, count: int, seed: int = 0) -> dict[str, Tensor]:
        """Draw the parameters of a further set, each of shape (count,), SI."""
        rng = np.random.default_rng(seed)
        place = (np.arange(count) + rng.random()) / count
        chosen = np.searchsorted(np.cumsum(self.share.numpy()), place).clip(max=len(self.share) - 1)
        tau = self.tau[torch.as_tensor(rng.permutation(chosen))]
        mean, precision, _ = _given(tau, self.u, self.covariance)
        P = len(self.names)
        z = normal(2 * P, count, seed)
        root = torch.linalg.cholesky(torch.linalg.inv(precision))
        u = mean + (root @ z[:, :P, None])[..., 0] + tau * z[:, P:]
        theta = torch.where(self.logarithmic, u.exp(), u * self.scale)
        return {name: theta[:, j].clone() for j, name in enumerate(self.names)}


def between(solved: Solved, *, scatter: Mapping[str, float] | None = None, seed: int = 0) -> Between:
    """Fit the sets of a calibration apart and judge how their parameters scatter.

    Args:
        solved: a calibration of several sets.
        scatter: the scale s_j by name, instead of `SCATTER`; of u, so of the logarithm of a positive parameter.
        seed: of the draws of tau.

    Raises:
        ValueError: there is one set only.
    """
    sets = solved.problem.sets
    if len(sets) < 2:
        raise ValueError("one data set alone says nothing of the scatter between sets")
    problem = apart(solved.problem)
    start = {one.name: solved.layout.free[one.name] for one in problem.free}
    theta = solved.space.outward(solved.u)
    free = tuple(
        replace(one, start=_start(float(theta[list(start[one.name])].mean()), one.lower)) for one in problem.free
    )
    alone = solve(replace(problem, free=free), level=solved.fit.level, checks=False)
    columns = torch.tensor([alone.layout.free[one.name] for one in free]).T  # (K, P)
    u = alone.u[columns]
    covariance = torch.stack([_known(alone.fit.u_covariance[own][:, own]) for own in columns])
    logarithmic = alone.space.logarithmic[columns[0]]
    size = torch.as_tensor(alone.space.scale, dtype=u.dtype).expand(len(alone.u))[columns[0]]
    scales = {**SCATTER, **(scatter or {})}
    width = torch.tensor([scales.get(one.name, OTHER) for one in free], dtype=u.dtype)
    # A parameter that may be negative scatters in proportion to its own size.
    width = torch.where(logarithmic, width, width * u.abs().mean(0))
    tau, share = _scatter(u, covariance, width, seed)
    noise = math.sqrt(sum(x**2 for x in alone.deviation.values()) / len(sets))
    return Between(tuple(one.name for one in free), u, covariance, tau, share, logarithmic, size, noise)


def _scatter(u: Tensor, covariance: Tensor, width: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return draws of tau, the first of them zero, and their posterior weights.

    The first draws come from the prior; where few of them count, as with many sets, more follow from a log-normal
    distribution about those.
    """
    P = len(width)
    drawn = width * normal(P, _TRIES, seed).abs()
    log = _given(drawn, u, covariance)[2]
    share = torch.softmax(log, 0)
    if float(1 / (share**2).sum()) < _EFFECTIVE:
        inner = drawn.log()
        mean = (share[:, None] * inner).sum(0)
        spread = 2.0 * (share[:, None] * (inner - mean) ** 2).sum(0).sqrt() + 0.1
        z = normal(P, _TRIES, seed + 1)
        drawn = (mean + spread * z).exp()
        # Half-normal prior over log-normal proposal, both as densities of tau.
        prior = (-0.5 * (drawn / width) ** 2 - width.log() + 0.5 * math.log(2 / math.pi)).sum(-1)
        proposed = (-0.5 * z**2 - (spread * drawn).log() - 0.5 * math.log(2 * math.pi)).sum(-1)
        log = _given(drawn, u, covariance)[2] + prior - proposed
    none = torch.zeros(1, P, dtype=u.dtype)
    still = _given(none, u, covariance)[2] + math.log(_AGREE)
    log = torch.cat([still, log + math.log((1 - _AGREE) / _TRIES)])
    return torch.cat([none, drawn]), torch.softmax(log, 0)


def _start(theta: float, lower: float) -> float:
    return max(theta, 1e-12) if lower >= 0 else theta


def _known(covariance: Tensor) -> Tensor:
    """Return a covariance with a wide one where the set alone leaves a parameter open."""
    lost = ~torch.isfinite(covariance.diagonal())
    inside = torch.where(torch.isfinite(covariance), covariance, torch.zeros_like(covariance))
    return inside + torch.diag(torch.where(lost, _UNKNOWN**2, 1e-18).to(covariance))


def _given(tau: Tensor, u: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and precision of mu, (draws, P) and (draws, P, P), and the log likelihood of tau, (draws,)."""
    total = covariance[None] + torch.diag_embed(tau**2)[:, None]
    weight = torch.linalg.inv(total)
    precision = weight.sum(1)
    mean = torch.linalg.solve(precision, (weight @ u[..., None]).sum(1)[..., 0])
    left = u[None] - mean[:, None]
    misfit = (left[..., None, :] @ weight @ left[..., None])[..., 0, 0].sum(1)
    log = -0.5 * (torch.logdet(total).sum(1) + torch.logdet(precision) + misfit)
    return mean, precision, log
