"""What is believed of the unknowns before the next run, in u = ln theta: a centre, a spread and draws.

A prior is normal in u and independent, a posterior normal in u with its covariance, or given by draws, which may
have any shape (two modes, a tail). The information that goes into the next run is the inverse of the covariance:

    precision after the run  =  Lambda + F(theta),     Lambda = C^-1,    F the Fisher information of the run.

The draws are scrambled Sobol points through the normal inverse, the first of them the centre, so that a handful
serve to average over; of given draws the medoid comes first and the rest are spread evenly along the first principal
axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor

from physics.calibrate.fit import Fit
from physics.design.candidate import Unknown
from physics.errors import ParameterError

_TIGHT = 1e-6  # the least log-standard deviation that is told from certainty
_CLIP = 1e-3  # of the distribution on either side that no scenario stands for


class Posterior(Protocol):
    """What a belief needs of a posterior; see `physics.calibrate.posterior`."""

    def draws(self, count: int, seed: int) -> dict[str, Tensor]:
        """Return draws of theta by name, each of shape (count,)."""
        ...


@dataclass(frozen=True)
class Belief:
    """Names, centre u (P,), covariance of u (P, P), and draws of u (draws, P) where the shape is not normal."""

    names: tuple[str, ...]
    centre: Tensor
    covariance: Tensor
    given: Tensor | None = None

    def __post_init__(self) -> None:
        P = len(self.names)
        if P == 0:
            raise ParameterError("nothing is unknown, so there is nothing to design for; name what is to be found")
        if self.centre.shape != (P,) or self.covariance.shape != (P, P):
            shapes = f"{tuple(self.centre.shape)} and {tuple(self.covariance.shape)}"
            raise ParameterError(
                f"a belief in {', '.join(self.names)} needs shapes ({P},) and ({P}, {P}), not {shapes}"
            )
        if not bool(torch.isfinite(self.centre).all() and torch.isfinite(self.covariance).all()):
            raise ParameterError(
                f"the belief in {', '.join(self.names)} is not finite: the data leave a parameter open; fix it or give "
                "it a prior"
            )

    @property
    def median(self) -> dict[str, float]:
        """Theta at the centre."""
        return {name: math.exp(float(self.centre[j])) for j, name in enumerate(self.names)}

    @property
    def deviation(self) -> dict[str, float]:
        """Standard deviation of ln theta by name."""
        return {name: math.sqrt(float(self.covariance[j, j])) for j, name in enumerate(self.names)}

    @property
    def information(self) -> Tensor:
        """Lambda, shape (P, P)."""
        values, vectors = torch.linalg.eigh(self.covariance)
        return (vectors / values.clamp_min(_TIGHT**2)) @ vectors.T

    def scenarios(self, count: int = 8, seed: int = 0) -> Tensor:
        """Return `count` draws of u, shape (count, P), the centre first."""
        if self.given is not None:
            return _spread(self.given, self.centre, count)
        if count == 1 or not bool((self.covariance.diagonal() > 0).any()):
            return self.centre[None]
        z = normal_points(len(self.names), count - 1, seed, _CLIP)
        return torch.cat([self.centre[None], self.centre + z @ _root(self.covariance).T])

    def draws(self, count: int, seed: int = 0) -> Tensor:
        """Return `count` draws of u, shape (count, P)."""
        if self.given is not None:
            picked = np.random.default_rng(seed).integers(len(self.given), size=count)
            return self.given[torch.as_tensor(picked)]
        return self.centre + normal_points(len(self.names), count, seed) @ _root(self.covariance).T

    def theta(self, u: Tensor) -> dict[str, Tensor]:
        """Return theta by name, shape (draws,), for draws of u (draws, P)."""
        return {name: u[:, j].exp() for j, name in enumerate(self.names)}

    def loosened(self, more: Mapping[str, float]) -> Belief:
        """Return the belief with further log-standard deviations, for what differs from run to run.

        A pump does not return to a velocity as exactly as one curve told it: without this the next run would be timed
        to a front that is known to stand elsewhere.
        """
        extra = torch.tensor([more.get(name, 0.0) for name in self.names], dtype=torch.float64)
        given = self.given
        if given is not None:
            given = given + extra * normal_points(len(self.names), len(given), 1)
        return Belief(self.names, self.centre, self.covariance + torch.diag(extra**2), given)

    def without(self, known: Sequence[str]) -> Belief:
        """Return the belief in the others, those `known` left out."""
        keep = [j for j, name in enumerate(self.names) if name not in known]
        given = None if self.given is None else self.given[:, keep]
        names = tuple(self.names[j] for j in keep)
        return Belief(names, self.centre[keep], self.covariance[keep][:, keep], given)


def from_prior(unknown: Mapping[str, Unknown]) -> Belief:
    """Return independent log-normal priors as a belief."""
    centre = torch.tensor([math.log(prior.median) for prior in unknown.values()], dtype=torch.float64)
    spread = torch.tensor([prior.log_deviation for prior in unknown.values()], dtype=torch.float64)
    return Belief(tuple(unknown), centre, torch.diag(spread**2))


def from_covariance(names: Sequence[str], centre: Tensor, covariance: Tensor) -> Belief:
    """Return a normal belief in u = ln theta, centre (P,) and covariance (P, P)."""
    return Belief(tuple(names), centre, 0.5 * (covariance + covariance.T))


def from_fit(fit: Fit, names: Sequence[str] | None = None) -> Belief:
    """Return the normal posterior of a fit (all of its positive parameters, or those named).

    Raises:
        ParameterError: a name that was not fitted, one that may be negative, or one that the data leave open.
    """
    known = fit.space.names
    wanted = tuple(known) if names is None else tuple(names)
    for name in wanted:
        if name not in known:
            raise ParameterError(f"{name} was not fitted; choose from {', '.join(known)}")
    keep = [known.index(name) for name in wanted if bool(fit.space.logarithmic[known.index(name)])]
    lost = [name for name in wanted if not bool(fit.space.logarithmic[known.index(name)])]
    if names is not None and lost:
        raise ParameterError(f"{lost[0]} may be negative; a design takes positive parameters only")
    return Belief(tuple(known[j] for j in keep), fit.u[keep], fit.u_covariance[keep][:, keep])


def from_draws(draws: Mapping[str, Tensor]) -> Belief:
    """Return a belief from draws of positive parameters, each of shape (draws,).

    Raises:
        ParameterError: fewer than 16 draws, or one that is not above zero.
    """
    table = torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in draws.values()], -1)
    if len(table) < 16:
        raise ParameterError(f"{len(table)} draws do not tell a distribution; give at least 16")
    for j, name in enumerate(draws):
        if not bool((torch.isfinite(table[:, j]) & (table[:, j] > 0)).all()):
            raise ParameterError(f"{name}: every draw must be finite and above zero")
    u = table.log()
    return Belief(tuple(draws), u.median(0).values, torch.cov(u.T).reshape(len(draws), len(draws)), u)


def from_posterior(posterior: Posterior, names: Sequence[str] | None = None, count: int = 1024) -> Belief:
    """Return a posterior of a calibration as a belief: its draws, whatever their shape.

    Parameters that a draw has at or below zero are left out; `names` picks from the others.

    Raises:
        ParameterError: a name that was not fitted, or one that may be zero.
    """
    draws = posterior.draws(count, 0)
    for name in names or ():
        if name not in draws:
            raise ParameterError(f"{name} was not fitted; choose from {', '.join(draws)}")
    kept = {name: draws[name] for name in names or [n for n, x in draws.items() if bool((x > 0).all())]}
    return from_draws(kept)


def normal_points(dimensions: int, count: int, seed: int, clip: float = 1e-12) -> Tensor:
    """Return scrambled Sobol points through the normal inverse, shape (count, dimensions)."""
    size = 1 << max(count - 1, 0).bit_length()
    points = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(size)[:count]
    return torch.as_tensor(norm.ppf(np.clip(points, clip, 1 - clip)))


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp_min(0).sqrt()


def _spread(draws: Tensor, centre: Tensor, count: int) -> Tensor:
    """The draw nearest to the centre, then draws at even ranks along the first principal axis."""
    shifted = draws - draws.mean(0)
    scale = shifted.std(0).clamp_min(1e-12)
    medoid = draws[((draws - centre) / scale).square().sum(-1).argmin()]
    if count == 1:
        return medoid[None]
    axis = torch.linalg.svd(shifted / scale, full_matrices=False).Vh[0]
    order = ((shifted / scale) @ axis).argsort()
    ranks = ((torch.arange(count - 1, dtype=torch.float64) + 0.5) / (count - 1) * len(draws)).long()
    return torch.cat([medoid[None], draws[order[ranks]]])
