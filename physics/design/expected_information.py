"""What a run is expected to tell where nothing is linear: expected information gain by nested Monte Carlo.

    I = E_{theta, y} [ ln p(y | theta) - ln p(y) ],      p(y) = E_theta' [ p(y | theta') ]

With y_n = f(theta_n) + s e_n for n = 1..N outer draws and M inner draws shared by all of them (the curves are computed
once, so that N M costs only exponentials),

    upper  =  1/N sum_n [ ln p(y_n | theta_n) - ln 1/M     sum_m           p(y_n | theta_m) ]
    lower  =  1/N sum_n [ ln p(y_n | theta_n) - ln 1/(M+1) (p(y_n | theta_n) + sum_m p(y_n | theta_m)) ].

By Jensen's inequality the first is too high on average (Rainforth, Cornish, Yang, Warrington & Wood 2018, On nesting
Monte Carlo estimators, Proc. 35th Int. Conf. Machine Learning, PMLR 80, 4267), with a bias of order 1 / M, and the
second, which counts the true draw among the inner ones, is too low and never above ln (M + 1) (Foster, Jankowiak,
O'Meara, Teh & Rainforth 2020, A unified stochastic gradient approach to designing Bayesian-optimal experiments,
AISTATS). The two bracket the truth in expectation, so that half their distance is reported as the bias; the standard
error is that of the outer mean. Where the noise is far below what the draws differ by, hardly an inner draw comes near
a curve and the bracket opens: then the local form, 1/2 ln det (I + F C), is the one to trust.

Nested estimators for designs: Ryan 2003, doi:10.1198/1061860032012; Huan & Marzouk 2013,
doi:10.1016/j.jcp.2012.08.013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import ParameterError

_ROWS = 1 << 22  # numbers of one block of outer by inner by times


@dataclass(frozen=True)
class Gain:
    """Expected information in nats: the middle of the bracket, half its width, and the standard error."""

    value: float
    bias: float
    error: float
    lower: float
    upper: float

    @property
    def settled(self) -> bool:
        """Whether the bracket is no wider than three standard errors or a tenth of a nat."""
        return self.bias <= max(3 * self.error, 0.1)


@dataclass(frozen=True)
class Discrimination:
    """How well a run tells models apart.

    Attributes:
        gain: information on which model holds, nats, at most ln of their number; error: of the Monte Carlo.
        wrong: expected share of wrong verdicts, if the likelier model is named; `chance` without the run.
        wrong_error: standard error of `wrong`.
    """

    gain: float
    error: float
    wrong: float
    wrong_error: float
    chance: float


def expected_gain(curves: Tensor, deviation: Tensor, outer: int | None = None, seed: int = 0) -> Gain:
    """Return the expected information of reading curves (draws, n) of the prior with noise (draws, n).

    The first `outer` draws (half of them if left out) are the outer ones, the others the inner.

    Raises:
        ParameterError: fewer than four draws, or shapes that differ.
    """
    _check(curves, deviation)
    N = len(curves) // 2 if outer is None else outer
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(curves[:N].shape, generator=generator, dtype=torch.float64)
    y = curves[:N] + deviation[:N] * noise
    own = log_likelihood(y[:, None], curves[:N, None], deviation[:N, None])[:, 0]
    among = torch.logsumexp(pairwise(y, curves[N:], deviation[N:]), 1)
    M = len(curves) - N
    upper = own - (among - math.log(M))
    lower = own - (torch.logaddexp(among, own) - math.log(M + 1))
    middle = 0.5 * (upper + lower)
    high, low = float(upper.mean()), float(lower.mean())
    return Gain(0.5 * (high + low), 0.5 * (high - low), float(middle.std()) / math.sqrt(N), low, high)


def linear_gain(jacobian: Tensor, deviation: Tensor, covariance: Tensor) -> float:
    """Return 1/2 ln det (I + F C): exact for y = J u + s e, u ~ N(., C); J is (n, P)."""
    white = jacobian / deviation[:, None]
    root = torch.linalg.cholesky(covariance)
    inner = root.mT @ white.mT @ white @ root
    return 0.5 * float(torch.logdet(torch.eye(len(covariance), dtype=torch.float64) + inner))


def discriminate(
    curves: Sequence[Tensor], deviation: Sequence[Tensor], prior: Sequence[float] | None = None, seed: int = 0
) -> Discrimination:
    """Return how well readings tell several models apart, each given by curves of its prior (draws, n).

    Each reading y is drawn from one half of a model's draws and judged by the other half,

        p(m | y) ~ pi_m 1/M sum_j p(y | m, theta_j),     I = E [ ln p(m | y) / pi_m ].

    A draw that happens to be its own judge would be told too easily; the halves are kept apart for that.
    """
    for each, wide in zip(curves, deviation, strict=True):
        _check(each, wide)
    weights = torch.tensor(prior or [1.0 / len(curves)] * len(curves), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    told, wrong, share = [], [], []
    for m, (each, wide) in enumerate(zip(curves, deviation, strict=True)):
        N = len(each) // 2
        y = each[:N] + wide[:N] * torch.randn(each[:N].shape, generator=generator, dtype=torch.float64)
        log_joint = torch.stack(
            [
                torch.logsumexp(pairwise(y, other[len(other) // 2 :], spread[len(other) // 2 :]), 1)
                - math.log(len(other) - len(other) // 2)
                + math.log(float(weights[k]))
                for k, (other, spread) in enumerate(zip(curves, deviation, strict=True))
            ],
            1,
        )
        log_posterior = log_joint - torch.logsumexp(log_joint, 1, keepdim=True)
        told.append(log_posterior[:, m] - math.log(float(weights[m])))
        wrong.append((log_posterior.argmax(1) != m).to(torch.float64))
        share.append(torch.full((N,), float(weights[m]) / N, dtype=torch.float64))
    gain, errors, weight = torch.cat(told), torch.cat(wrong), torch.cat(share)
    mean, rate = float((gain * weight).sum()), float((errors * weight).sum())
    return Discrimination(
        mean,
        float((weight**2 * (gain - mean) ** 2).sum().sqrt()),
        rate,
        float((weight**2 * (errors - rate) ** 2).sum().sqrt()),
        float(1 - weights.max()),
    )


def log_likelihood(y: Tensor, curve: Tensor, deviation: Tensor) -> Tensor:
    """Gaussian ln p(y | curve) summed over the last axis, without the constant."""
    return -(0.5 * ((y - curve) / deviation) ** 2 + deviation.log()).sum(-1)


def pairwise(y: Tensor, curves: Tensor, deviation: Tensor) -> Tensor:
    """ln p(y_n | theta_m), shape (N, M), in blocks of rows."""
    block = max(_ROWS // max(curves.numel(), 1), 1)
    return torch.cat([log_likelihood(part[:, None], curves[None], deviation[None]) for part in y.split(block)])


def _check(curves: Tensor, deviation: Tensor) -> None:
    if curves.dim() != 2 or curves.shape != deviation.shape:
        raise ParameterError(f"curves {tuple(curves.shape)} and noise {tuple(deviation.shape)} must be (draws, n) both")
    if len(curves) < 4:
        raise ParameterError(f"{len(curves)} draws are too few for a nested mean; give at least four")
