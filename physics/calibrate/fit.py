"""Least squares: parameters from measured curves, with their uncertainty.

    minimise S(theta) = sum_i w_i (y_i - f(t_i; theta))^2

by Levenberg-Marquardt (`physics.calibrate.levenberg`) in u, the logarithm of every positive parameter. With
s^2 = S / (n - P), the covariance of u at the minimum is s^2 (J^T W J)^-1 (Seber & Wild 1989, Nonlinear
Regression, doi:10.1002/0471725315, section 2.1), and the interval is u +- t(n - P) sd(u), mapped back by
exp: for a positive parameter it is positive and not symmetric. The weights are relative, w_i proportional to
1/variance of y_i; a weight of zero leaves a point out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from physics.calibrate.identifiability import Identifiability, identify_each
from physics.calibrate.levenberg import Descent, FitStatus, descend
from physics.calibrate.sensitivity import Model, sensitivities
from physics.calibrate.space import Space, make_space
from physics.errors import DataError, ParameterError

_RANK = 1e-15  # what is smaller beside the largest eigenvalue is rounding


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


def fit(
    model: Model,
    times: Tensor,
    values: Tensor,
    start: Mapping[str, float],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, float] | None = None,
    weights: Tensor | None = None,
    level: float = 0.95,
    iterations: int = 60,
    tolerance: float = 1e-7,
) -> Fit:
    """Fit one data set; `times` and `values` have shape (n,). See `fit_batch` for the arguments.

    Raises:
        DataError, ParameterError: shapes that do not fit, numbers that are not finite, or bounds that cross.
    """
    one = None if weights is None else weights[None]
    return fit_batch(
        model,
        times,
        values[None],
        start,
        bounds=bounds,
        fixed=fixed,
        weights=one,
        level=level,
        iterations=iterations,
        tolerance=tolerance,
    )[0]


def fit_batch(
    model: Model,
    times: Tensor,
    values: Tensor,
    start: Mapping[str, float | Tensor],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Mapping[str, float | Tensor] | None = None,
    weights: Tensor | None = None,
    level: float = 0.95,
    iterations: int = 60,
    tolerance: float = 1e-7,
) -> list[Fit]:
    """Fit many data sets with the same times in one descent.

    Args:
        model: a differentiable `model(parameters, times)` -> curves (batch, n).
        times: shape (n,).
        values: shape (batch, n).
        start: the parameters to fit with their starting values, each a number or shape (batch,).
        bounds: (lower, upper) by name; without bounds a parameter is positive.
        fixed: parameters of the model that stay, each a number or shape (batch,).
        weights: shape (batch, n), proportional to 1/variance; all one when left out.
        level: of the intervals.

    Raises:
        DataError, ParameterError: shapes that do not fit, numbers that are not finite, or bounds that cross.
    """
    space = make_space(tuple(start), bounds or {})
    weights = torch.ones_like(values) if weights is None else weights
    _check(times, values, weights, level)
    batch = values.shape[0]
    theta = torch.stack([_column(name, value, batch) for name, value in start.items()], -1)
    positive = bool(space.logarithmic.all())
    if bool((space.logarithmic & (theta <= 0)).any()):
        bad = next(n for j, n in enumerate(space.names) if space.logarithmic[j] and (theta[:, j] <= 0).any())
        raise ParameterError(f"{bad}: the starting value must be above zero")
    constant = {name: _column(name, value, batch) for name, value in (fixed or {}).items()}

    def some(u: Tensor, members: Tensor | None) -> tuple[Tensor, Tensor]:
        at = u.exp() if positive else space.outward(u)
        free = dict(zip(space.names, at.unbind(-1), strict=True))
        held = constant if members is None else {name: value[members] for name, value in constant.items()}
        curve, slope = sensitivities(model, {**held, **free}, space.names, times)
        return curve, slope * (at if positive else space.slope(u))[:, None, :]

    state = descend(
        lambda u: some(u, None),
        values,
        weights,
        space.inward(theta),
        space,
        iterations=iterations,
        tolerance=tolerance,
        some=some,
    )
    return _results(state, values, weights, space, level)


def _column(name: str, value: float | Tensor, batch: int) -> Tensor:
    if isinstance(value, float) and math.isfinite(value):
        return torch.full((batch,), value, dtype=torch.float64)
    column = torch.as_tensor(value, dtype=torch.float64)
    if not bool(torch.isfinite(column).all()):
        raise ParameterError(f"{name}: the value is not finite")
    return column.expand(batch).clone()


def _check(times: Tensor, values: Tensor, weights: Tensor, level: float) -> None:
    if times.ndim != 1 or values.ndim != 2 or values.shape[1] != times.shape[0] or weights.shape != values.shape:
        shapes = f"times {tuple(times.shape)}, values {tuple(values.shape)}, weights {tuple(weights.shape)}"
        raise DataError(f"{shapes} do not fit; expected (n,), (batch, n) and (batch, n)")
    if times.numel() == 0:
        raise DataError("no data points to fit")
    if not all(bool(torch.isfinite(x).all()) for x in (times, values, weights)) or bool((weights < 0).any()):
        raise DataError("times, values and weights must be finite, and no weight below zero")
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")


def _results(state: Descent, values: Tensor, weights: Tensor, space: Space, level: float) -> list[Fit]:
    """Return the fit of each data set; what can be done for all of them at once is, without tensors' overhead."""
    u, curve, in_u, sse = (part.numpy() for part in (state.u, state.curve, state.jacobian, state.sse))
    weight, logarithmic = weights.numpy(), space.logarithmic.numpy()
    P, slope = u.shape[1], space.slope(state.u).numpy()
    normal = in_u.transpose(0, 2, 1) @ (weight[..., None] * in_u)
    told = (weight > 0).sum(-1)
    freedom = told - P
    variance = np.where(freedom > 0, sse / np.maximum(freedom, 1), np.inf)
    # A parameter that is not logarithmic is judged on the scale of its own size.
    scale = np.where(logarithmic, 1.0, np.maximum(np.abs(u), 1e-12))
    known = np.where(freedom > 0, variance, 0.0)
    verdicts = identify_each(normal * scale[:, :, None] * scale[:, None, :], known, space.names)
    bound = (u <= space.lower.numpy()) | (u >= space.upper.numpy())
    covariance = _covariances(normal, variance, np.stack([verdict.open.numpy() for verdict in verdicts]) | bound)
    estimates = _estimates(space, u, slope, covariance, bound, freedom, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        correlation = covariance / (root[:, :, None] * root[:, None, :])
        rmse = np.sqrt(sse / weight.sum(-1)).tolist()
        jacobian = in_u / slope[:, None, :]
    outward, residuals = covariance * slope[:, :, None] * slope[:, None, :], values.numpy() - curve
    arrays = (u, covariance, outward, correlation, residuals, curve, jacobian)
    tensors = list(zip(*(torch.from_numpy(part).unbind(0) for part in arrays), strict=True))
    ends = zip(state.converged.tolist(), state.stalled.tolist(), strict=True)
    found = []
    for b, (verdict, (converged, stalled)) in enumerate(zip(verdicts, ends, strict=True)):
        enough = bool(freedom[b] > 0)
        status = _status(converged, stalled, verdict, enough)
        at, in_space, in_theta, correlated, rest, predicted, columns = tensors[b]
        bounds = _at_bounds(space, bound[b], u[b]) if bound[b].any() else ()
        fit = Fit(
            parameters=estimates[b],
            covariance=in_theta,
            correlation=correlated,
            space=space,
            u=at,
            u_covariance=in_space,
            sse=float(sse[b]),
            rmse=rmse[b],
            n=int(told[b]),
            residuals=rest,
            predicted=predicted,
            jacobian=columns,
            status=status,
            message=f"{status.value} {verdict.sentence}".strip() if enough else status.value,
            identifiability=verdict,
            warnings=(*bounds, *((verdict.sentence,) if verdict.sentence else ())),
            level=level,
            iterations=state.iterations,
        )
        found.append(fit)
    return found


def _at_bounds(space: Space, bound: np.ndarray, u: np.ndarray) -> list[str]:
    return [
        f"{name} stands at its {'lower' if float(u[j]) <= float(space.lower[j]) else 'upper'} bound."
        for j, name in enumerate(space.names)
        if bound[j]
    ]


def _covariances(normal: np.ndarray, variance: np.ndarray, undetermined: np.ndarray) -> np.ndarray:
    """s^2 (J^T W J)^-1 over the determined parameters, the pseudo-inverse; nan in the rows of the others."""
    apart = undetermined[:, :, None] | undetermined[:, None, :]
    whole = np.where(apart, 0.0, np.nan_to_num(normal))
    root = np.sqrt(np.maximum(np.diagonal(whole, axis1=1, axis2=2), 1e-300))
    pairs = root[:, :, None] * root[:, None, :]
    values, vectors = np.linalg.eigh(whole / pairs)
    kept = values > _RANK * values[:, -1:]
    inverse = (vectors * np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)[:, None, :]) @ vectors.transpose(
        0, 2, 1
    )
    with np.errstate(invalid="ignore"):
        return np.where(apart, np.nan, variance[:, None, None] * inverse / pairs)


def _estimates(
    space: Space,
    u: np.ndarray,
    slope: np.ndarray,
    covariance: np.ndarray,
    bound: np.ndarray,
    freedom: np.ndarray,
    level: float,
) -> list[dict[str, Estimate]]:
    logarithmic = space.logarithmic.numpy()
    factor = np.where(freedom > 0, stdtrit(np.maximum(freedom, 1), 0.5 + level / 2), np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
        half = factor[:, None] * deviation
        theta, lower, upper = (space.outward(torch.from_numpy(part)).numpy() for part in (u, u - half, u + half))
    known = np.isfinite(half)
    columns = (
        theta,
        np.where(known, slope * deviation, np.inf),
        np.where(known, lower, np.where(logarithmic, 0.0, -np.inf)),
        np.where(known, upper, np.inf),
        bound,
    )
    return [
        {name: Estimate(name, *row) for name, row in zip(space.names, zip(*each, strict=True), strict=True)}
        for each in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _status(converged: bool, stalled: bool, verdict: Identifiability, enough: bool) -> FitStatus:
    if not enough:
        return FitStatus.TOO_FEW
    if not verdict.identifiable:
        return FitStatus.NOT_IDENTIFIABLE
    if converged:
        return FitStatus.CONVERGED
    return FitStatus.STALLED if stalled else FitStatus.MAX_ITERATIONS
