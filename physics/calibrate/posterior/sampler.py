"""Draws from a posterior that is not normal: an ensemble of walkers that scales to its shape.

The walkers propose along differences of each other and along lines to each other (`emcee`; Foreman-Mackey, Hogg, Lang &
Goodman 2013, PASP 125, 306, doi:10.1086/670067; Goodman & Weare 2010, doi:10.2140/camcos.2010.5.65), each half of them
as one batch of the model. A chain counts once it is `_LENGTH` integrated autocorrelation times long; what came before
ten of them is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import emcee
import numpy as np
import torch
from torch import Tensor

_WALKERS = 64
_BLOCK = 200  # steps between two looks at the autocorrelation
_LENGTH = 30.0
_ACCEPTED = (0.05, 0.95)


@dataclass(frozen=True)
class Chain:
    """What the walkers found.

    Attributes:
        draws: shape (steps * walkers, P), the burn-in dropped, thinned by half an autocorrelation time.
        autocorrelation: integrated, in steps, the longest of the parameters.
        steps: how many each walker made; acceptance: the share of proposals taken.
        warnings: a sentence each.
    """

    draws: Tensor
    autocorrelation: float
    steps: int
    acceptance: float
    warnings: tuple[str, ...]


def sample(log_density: Callable[[Tensor], Tensor], start: Tensor, *, seed: int = 0, longest: int = 2000) -> Chain:
    """Sample a log density of w, (batch, P) -> (batch,), from walkers that begin at `start`, shape (walkers, P).

    Where the density is -inf there is nothing; walkers that begin there are moved to others that do not.
    """
    rng = np.random.RandomState(seed)
    walkers, P = start.shape
    sampler = emcee.EnsembleSampler(
        walkers,
        P,
        lambda w: _density(log_density, w),
        vectorize=True,
        moves=[(emcee.moves.DEMove(), 0.6), (emcee.moves.DESnookerMove(), 0.1), (emcee.moves.StretchMove(), 0.3)],
    )
    sampler.random_state = rng.get_state()
    state: emcee.State | np.ndarray = _settled(log_density, start, rng)
    tau = np.full(P, np.inf)
    while sampler.iteration < longest:
        state = sampler.run_mcmc(state, _BLOCK, skip_initial_state_check=sampler.iteration > 0)
        tau = sampler.get_autocorr_time(tol=0, quiet=True)
        if bool(np.all(np.isfinite(tau))) and sampler.iteration > _LENGTH * tau.max():
            break
    longest_tau = float(np.nanmax(tau))
    burn = int(min(10 * longest_tau, sampler.iteration // 2))
    thin = max(int(longest_tau / 2), 1)
    accepted = float(np.mean(sampler.acceptance_fraction))
    return Chain(
        torch.as_tensor(sampler.get_chain(discard=burn, thin=thin, flat=True).copy()),
        longest_tau,
        sampler.iteration,
        accepted,
        _judge(sampler.iteration, longest_tau, accepted),
    )


def walkers_for(P: int) -> int:
    """Return how many walkers P parameters need."""
    return max(_WALKERS, 4 * P)


def _density(log_density: Callable[[Tensor], Tensor], w: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.nan_to_num(log_density(torch.as_tensor(w)).numpy(), nan=-np.inf, posinf=-np.inf, neginf=-np.inf)


def _settled(log_density: Callable[[Tensor], Tensor], start: Tensor, rng: np.random.RandomState) -> np.ndarray:
    here = start.numpy().copy()
    lost = ~np.isfinite(_density(log_density, here))
    if lost.all():
        raise ValueError("no walker begins where the posterior has any density")
    found = here[~lost]
    here[lost] = found[rng.randint(len(found), size=int(lost.sum()))]
    aside = here + np.where(lost[:, None], 0.1 * np.std(found, axis=0) * rng.randn(*here.shape), 0.0)
    return np.where(np.isfinite(_density(log_density, aside))[:, None], aside, here)


def _judge(steps: int, tau: float, accepted: float) -> tuple[str, ...]:
    found = []
    if not steps > _LENGTH * tau:
        found.append(
            f"The sampler made {steps} steps with an autocorrelation time of {tau:.0f}: its draws are few; "
            "their quantiles are rough."
        )
    if not _ACCEPTED[0] < accepted < _ACCEPTED[1]:
        found.append(
            f"The sampler accepted {100 * accepted:.2g} % of its proposals: its draws may miss a part of the posterior."
        )
    return tuple(found)
