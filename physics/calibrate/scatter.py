"""The noise of the data sets: known, or estimated for all in common or for each.

With A_k = J_k^T W_k J_k of the sets of one noise, v_k its variance and Lambda the precision of the priors,

    A = sum_k A_k / v_k + Lambda,    p_k = tr(A^-1 A_k / v_k),    v_k = S_k / (n_k - p_k)

(restricted maximum likelihood: the p_k parameters that a set's points had to pay for are taken off). The variance of
the j-th parameter is made up of shares s_jk = (A^-1 A_k A^-1)_jj / v_k / (A^-1)_jj, and so has

    nu_j = 1 / sum_k s_jk^2 / (n_k - p_k)

degrees of freedom (F. E. Satterthwaite 1946, Biometrics Bulletin 2, 110, doi:10.2307/3002019); noise that is known
and priors have infinitely many. With one estimated noise and no prior this is n - P.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.problem import Loss, Problem
from physics.calibrate.robust import Influence, deviation, inflation, influence, unit

_FLOOR = 1e-60  # of a variance, so that curves without noise divide by something


@dataclass(frozen=True)
class Group:
    """Points of one noise: their sets, which points (N,), and whether the weights hold the known variance."""

    sets: tuple[int, ...]
    points: Tensor
    known: bool

    @property
    def n(self) -> int:
        """How many points count."""
        return int(self.points.sum())


@dataclass(frozen=True)
class Scatter:
    """The noise of one group at a fit.

    Attributes:
        deviation: standard deviation of the noise where the weight is one; one where it is known and in the weights.
        variance: v, what the inverse of J^T W J is multiplied with.
        freedom: n_k - p_k; infinite where the noise is known.
        temper: what the misfit sum rho is multiplied with so that its curvature is that of A_k / v_k.
        scale: s, of the loss.
        misfit: sum rho(r / s) at the fit.
    """

    deviation: float
    variance: float
    freedom: float
    temper: float
    scale: float
    misfit: float


def gather(problem: Problem, spans: Sequence[slice]) -> tuple[Tensor, tuple[Group, ...]]:
    """Return the weights of all points, (N,), over the variance where it is known, and the groups of one noise."""
    weights = torch.cat([_weights(problem, k) for k in range(len(problem.sets))])
    known = [k for k, one in enumerate(problem.sets) if one.deviation is not None]
    rest = [k for k in range(len(problem.sets)) if k not in known]
    parts = [[k] for k in rest] if problem.noise == "separate" else [rest]
    groups = [(part, False) for part in parts if part] + ([(known, True)] if known else [])

    def points(part: Sequence[int]) -> Tensor:
        mask = torch.zeros_like(weights, dtype=torch.bool)
        for k in part:
            mask[spans[k]] = True
        return mask & (weights > 0)

    return weights, tuple(Group(tuple(part), points(part), is_known) for part, is_known in groups)


def _weights(problem: Problem, k: int) -> Tensor:
    one = problem.sets[k]
    weights = torch.ones_like(one.values) if one.weights is None else one.weights.to(one.values.dtype)
    return weights if one.deviation is None else weights / torch.as_tensor(one.deviation, dtype=weights.dtype) ** 2


def rough(residuals: Tensor, times: Tensor) -> float:
    """Return a first value of the noise from third differences, (n,), which a smooth curve hardly moves."""
    if len(residuals) < 5:
        return max(float(residuals.std(correction=0)), 1e-12) if len(residuals) > 1 else 1.0
    ordered = residuals[torch.argsort(times)]
    third = ordered[3:] - 3 * ordered[2:-1] + 3 * ordered[1:-2] - ordered[:-3]
    return max(math.sqrt(float((third**2).median()) / 0.4549 / 20.0), 1e-12)


def judge(loss: Loss, group: Group, residuals: Tensor, spent: float) -> Scatter:
    """Return the noise of one group from its weighted residuals, (n_k,), that have paid for `spent` parameters."""
    n = len(residuals)
    freedom = n - spent
    if loss == "squares":
        sse = float((residuals**2).sum())
        if group.known:
            return Scatter(1.0, 1.0, math.inf, 1.0, 1.0, 0.5 * sse)
        variance = max(sse / freedom, _FLOOR) if freedom > 1e-9 else math.inf
        return Scatter(math.sqrt(variance), variance, freedom, 1.0, math.sqrt(variance), 0.5 * sse / variance)
    # Half of all residuals may be zero to the last digit: a thousandth of their root mean square bounds the scale.
    least = max(1e-3 * float((residuals**2).mean().sqrt()), math.sqrt(_FLOOR))
    noise = 1.0 if group.known else max(deviation(residuals, freedom), least)
    scale = noise * unit(loss)
    found: Influence = influence(loss, residuals / scale)
    if freedom <= 1e-9:
        return Scatter(math.inf, math.inf, freedom, 1.0, math.inf, 0.0)
    factor, mean = inflation(found, freedom)
    factor = max(factor, _FLOOR)
    freedom = math.inf if group.known else freedom
    return Scatter(noise, scale**2 * factor, freedom, 1 / (factor * mean), scale, float(found.rho.sum()))


def parts(jacobian: Tensor, weights: Tensor, groups: Sequence[Group]) -> list[Tensor]:
    """Return A_k of each group, (P, P), from the Jacobian (N, P)."""
    found = []
    for group in groups:
        rows = jacobian[group.points]
        found.append(rows.T @ (weights[group.points, None] * rows))
    return found


def invert(matrix: Tensor) -> Tensor:
    """Return the pseudo-inverse of a symmetric matrix, scaled to a unit diagonal first."""
    root = matrix.diagonal().clamp_min(1e-300).sqrt()
    scaled = matrix / (root[:, None] * root[None, :])
    return torch.linalg.pinv(torch.nan_to_num(scaled), hermitian=True) / (root[:, None] * root[None, :])


def spent(inverse: Tensor, blocks: Sequence[Tensor], variances: Sequence[float]) -> list[float]:
    """Return p_k of each group."""
    return [float((inverse * block).sum()) / variance for block, variance in zip(blocks, variances, strict=True)]


def freedoms(inverse: Tensor, blocks: Sequence[Tensor], scatters: Sequence[Scatter]) -> Tensor:
    """Return nu_j of each parameter, shape (P,)."""
    total = inverse.diagonal().clamp_min(1e-300)
    lost = torch.zeros_like(total)
    for block, scatter in zip(blocks, scatters, strict=True):
        if math.isfinite(scatter.freedom) and scatter.freedom > 0:
            share = (inverse @ block @ inverse).diagonal() / scatter.variance / total
            lost += share**2 / scatter.freedom
    return torch.where(lost > 0, 1 / lost.clamp_min(1e-300), torch.inf)
