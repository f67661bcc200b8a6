"""What a fit gives: estimates with their intervals, matrices, status; of one data set or of many at once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import overload

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from physics.calibrate import fitted_kernels as kernels
from physics.calibrate.identifiability import Identifiability, verdict
from physics.calibrate.levenberg import Descent, FitStatus
from physics.calibrate.space import Space
from physics.integrate.lanes import in_parts

_SHARE = 200  # data sets that are worth a thread of their own: handing over costs as much as 60 of them


@dataclass(frozen=True)
class Estimate:
    """One fitted parameter in SI; `std`, `lower` and `upper` are not finite where the data leave it open."""

    name: str
    value: float
    std: float
    lower: float
    upper: float
    at_bound: bool = False


@dataclass(frozen=True)
class Fit:
    """The fit of one data set.

    Attributes:
        parameters: by name, in the order of the axes of the matrices.
        covariance, correlation: of the parameters, shape (P, P).
        u, u_covariance: the estimate and its covariance in `space` (logarithms), shapes (P,) and (P, P).
        sse, rmse: weighted sum of squared residuals and its root mean; n: the number of points with a weight.
        residuals, predicted: y - f and f, shape (n,); jacobian: d f / d theta, shape (n, P).
        warnings: a sentence each.
    """

    parameters: dict[str, Estimate]
    covariance: Tensor
    correlation: Tensor
    space: Space
    u: Tensor
    u_covariance: Tensor
    sse: float
    rmse: float
    n: int
    residuals: Tensor
    predicted: Tensor
    jacobian: Tensor
    status: FitStatus
    message: str
    identifiability: Identifiability
    warnings: tuple[str, ...]
    level: float
    iterations: int

    @property
    def identifiable(self) -> bool:
        """Whether the data determine every fitted parameter."""
        return self.identifiability.identifiable


@dataclass(frozen=True)
class Fits(Sequence[Fit]):
    """The fits of many data sets, in their order; the `Fit` of one is made when it is asked for.

    Attributes:
        space, level: as in `Fit`.
        state: where the descent ended, (batch, ...).
        n, rmse: as in `Fit`, shape (batch,).
        estimates: value, std, lower, upper and whether at a bound, each of shape (batch, P).
        bound: the last of them.
        verdicts: of the identifiability, see `identifiability_kernels.judge`, (batch, ...).
        parts: the tensors of `Fit` by name, (batch, ...).
    """

    space: Space
    level: float
    state: Descent
    n: np.ndarray
    rmse: np.ndarray
    estimates: tuple[np.ndarray, ...]
    bound: np.ndarray
    verdicts: tuple[np.ndarray, ...]
    parts: dict[str, np.ndarray]
    _made: dict[int, Fit] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Tensor]:
        """The estimates of each parameter, shape (batch,)."""
        return self._column(0)

    @property
    def intervals(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The lower and the upper end of each parameter's interval, shape (batch,)."""
        lower, upper = self._column(2), self._column(3)
        return {name: (lower[name], upper[name]) for name in self.space.names}

    @property
    def sse(self) -> Tensor:
        """The sums of squares, shape (batch,)."""
        return self.state.sse

    def _column(self, which: int) -> dict[str, Tensor]:
        return dict(zip(self.space.names, torch.from_numpy(self.estimates[which]).unbind(1), strict=True))

    def __len__(self) -> int:
        return len(self.n)

    @overload
    def __getitem__(self, at: int) -> Fit: ...

    @overload
    def __getitem__(self, at: slice) -> list[Fit]: ...

    def __getitem__(self, at: int | slice) -> Fit | list[Fit]:
        if isinstance(at, slice):
            return [self[b] for b in range(*at.indices(len(self)))]
        b = range(len(self))[at]
        if b not in self._made:
            self._made[b] = self._make(b)
        return self._made[b]

    def _make(self, b: int) -> Fit:
        names = self.space.names
        weak, undetermined, deviations, combinations = self.verdicts
        judged = verdict(weak[b], undetermined[b], deviations[b], combinations[b], names)
        enough = bool(self.n[b] > len(names))
        status = _status(bool(self.state.converged[b]), bool(self.state.stalled[b]), judged, enough)
        columns = [column[b].tolist() for column in self.estimates]
        said = (judged.sentence,) if judged.sentence else ()
        return Fit(
            parameters={name: Estimate(name, *row) for name, *row in zip(names, *columns, strict=True)},
            space=self.space,
            sse=float(self.state.sse[b]),
            rmse=float(self.rmse[b]),
            n=int(self.n[b]),
            status=status,
            message=" ".join([status.value, *(said if enough else ())]),
            identifiability=judged,
            warnings=(*_at_bounds(self.space, columns[-1], self.parts["u"][b]), *said),
            level=self.level,
            iterations=self.state.iterations,
            **{name: torch.from_numpy(part[b]) for name, part in self.parts.items()},
        )


def conclude(state: Descent, values: np.ndarray, weights: np.ndarray, space: Space, level: float) -> Fits:
    """Return what follows from the minima, for all data sets at once."""
    u, curve, in_u, sse = (part.numpy() for part in (state.u, state.curve, state.jacobian, state.sse))
    (batch, P), n = u.shape, curve.shape[1]
    told = np.count_nonzero(weights, axis=1)
    rmse, bound, estimates = np.empty(batch), np.empty((batch, P), dtype=bool), np.empty((batch, 4, P))
    weak, undetermined = np.empty((batch, P), dtype=bool), np.empty((batch, P), dtype=bool)
    deviations, combinations = np.empty((batch, P)), np.empty((batch, P, P))
    covariance, outward, correlation = np.empty((3, batch, P, P))
    residuals, jacobian = np.empty((batch, n)), np.empty((batch, n, P))
    arrays = (
        u, in_u, curve, values, weights, sse, told, _quantiles(told - P, level), rmse, bound, estimates,
        weak, deviations, combinations, undetermined, covariance, outward, correlation, residuals, jacobian,
    )  # fmt: skip
    parts = 1 if batch < 2 * _SHARE else min(os.cpu_count() or 1, batch // _SHARE)

    def work(part: int) -> None:
        some = slice(batch * part // parts, batch * (part + 1) // parts)
        kernels.conclude(*space.box, *([array[some] for array in arrays] if parts > 1 else arrays))

    in_parts(parts, work)
    return Fits(
        space=space,
        level=level,
        state=state,
        n=told,
        rmse=rmse,
        estimates=(*estimates.transpose(1, 0, 2), bound),
        bound=bound,
        verdicts=(weak, undetermined, deviations, combinations),
        parts={
            "covariance": outward,
            "correlation": correlation,
            "u": u,
            "u_covariance": covariance,
            "residuals": residuals,
            "predicted": curve,
            "jacobian": jacobian,
        },
    )


def _quantiles(freedom: np.ndarray, level: float) -> np.ndarray:
    """Return half an interval's width in standard deviations, shape (batch,); infinite without freedom."""
    return np.array([_quantile(each, level) for each in freedom.tolist()])


@lru_cache
def _quantile(freedom: int, level: float) -> float:
    return float(stdtrit(freedom, 0.5 + level / 2)) if freedom > 0 else math.inf


def _at_bounds(space: Space, bound: Sequence[bool], u: np.ndarray) -> list[str]:
    return [
        f"{name} stands at its {'lower' if float(u[j]) <= float(space.lower[j]) else 'upper'} bound."
        for j, name in enumerate(space.names)
        if bound[j]
    ]


def _status(converged: bool, stalled: bool, verdict: Identifiability, enough: bool) -> FitStatus:
    if not enough:
        return FitStatus.TOO_FEW
    if not verdict.identifiable:
        return FitStatus.NOT_IDENTIFIABLE
    if converged:
        return FitStatus.CONVERGED
    return FitStatus.STALLED if stalled else FitStatus.MAX_ITERATIONS
