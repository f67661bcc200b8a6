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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import t as student
from torch import Tensor

from physics.calibrate.identifiability import Identifiability, identify
from physics.calibrate.levenberg import Descent, FitStatus, descend
from physics.calibrate.sensitivity import Model, sensitivities
from physics.calibrate.space import Space, make_space
from physics.errors import DataError, ParameterError


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
    if bool((space.logarithmic & (theta <= 0)).any()):
        bad = next(n for j, n in enumerate(space.names) if space.logarithmic[j] and (theta[:, j] <= 0).any())
        raise ParameterError(f"{bad}: the starting value must be above zero")
    constant = {name: _column(name, value, batch) for name, value in (fixed or {}).items()}

    def linearise(u: Tensor) -> tuple[Tensor, Tensor]:
        free = dict(zip(space.names, space.outward(u).unbind(-1), strict=True))
        curve, slope = sensitivities(model, {**constant, **free}, space.names, times)
        return curve, slope * space.slope(u)[:, None, :]

    state = descend(linearise, values, weights, space.inward(theta), space, iterations=iterations, tolerance=tolerance)
    return [_result(state, b, values[b], weights[b], space, level) for b in range(batch)]


def _column(name: str, value: float | Tensor, batch: int) -> Tensor:
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


def _result(state: Descent, b: int, values: Tensor, weights: Tensor, space: Space, level: float) -> Fit:
    u, jacobian, sse = state.u[b], state.jacobian[b], float(state.sse[b])
    n, P = int((weights > 0).sum()), len(space.names)
    slope = space.slope(u)
    normal = jacobian.T @ (weights[:, None] * jacobian)
    variance = sse / (n - P) if n > P else math.inf
    # A parameter that is not logarithmic is judged on the scale of its own size.
    scale = torch.where(space.logarithmic, torch.ones_like(u), u.abs().clamp_min(1e-12))
    verdict = identify(normal * scale[:, None] * scale[None, :], variance if n > P else 0.0, space.names)
    bound = (u <= space.lower) | (u >= space.upper)
    covariance = _covariance(normal, variance, verdict.open | bound)
    estimates = _estimates(space, u, covariance, bound, n - P, level)
    status = _status(state, b, verdict, n > P)
    warnings = tuple(
        f"{name} stands at its {'lower' if float(u[j]) <= float(space.lower[j]) else 'upper'} bound."
        for j, name in enumerate(space.names)
        if bool(bound[j])
    )
    root = covariance.diagonal().sqrt()
    return Fit(
        parameters={estimate.name: estimate for estimate in estimates},
        covariance=covariance * slope[:, None] * slope[None, :],
        correlation=covariance / (root[:, None] * root[None, :]),
        space=space,
        u=u,
        u_covariance=covariance,
        sse=sse,
        rmse=math.sqrt(sse / float(weights.sum())) if n else math.nan,
        n=n,
        residuals=values - state.curve[b],
        predicted=state.curve[b],
        jacobian=jacobian / slope,
        status=status,
        message=f"{status.value} {verdict.sentence}".strip() if n > P else status.value,
        identifiability=verdict,
        warnings=(*warnings, *((verdict.sentence,) if verdict.sentence else ())),
        level=level,
        iterations=state.iterations,
    )


def _covariance(normal: Tensor, variance: float, undetermined: Tensor) -> Tensor:
    """s^2 (J^T W J)^-1 over the determined parameters; nan in the rows and columns of the others."""
    full = torch.full_like(normal, math.nan)
    keep = torch.nonzero(~undetermined)[:, 0]
    if len(keep):
        part = normal[keep][:, keep]
        root = part.diagonal().clamp_min(1e-300).sqrt()
        inverse = torch.linalg.pinv(part / (root[:, None] * root[None, :]), hermitian=True)
        full[keep[:, None], keep[None, :]] = variance * inverse / (root[:, None] * root[None, :])
    return full


def _estimates(
    space: Space, u: Tensor, covariance: Tensor, bound: Tensor, freedom: int, level: float
) -> Sequence[Estimate]:
    factor = float(student.ppf(0.5 + level / 2, freedom)) if freedom > 0 else math.inf
    deviation = covariance.diagonal().clamp_min(0).sqrt()
    theta, slope = space.outward(u), space.slope(u)
    half = factor * deviation
    lower, upper = space.outward(u - half), space.outward(u + half)
    found = []
    for j, name in enumerate(space.names):
        known = bool(torch.isfinite(half[j]))
        floor = 0.0 if bool(space.logarithmic[j]) else -math.inf
        found.append(
            Estimate(
                name,
                float(theta[j]),
                float(slope[j] * deviation[j]) if known else math.inf,
                float(lower[j]) if known else floor,
                float(upper[j]) if known else math.inf,
                bool(bound[j]),
            )
        )
    return found


def _status(state: Descent, b: int, verdict: Identifiability, enough: bool) -> FitStatus:
    if not enough:
        return FitStatus.TOO_FEW
    if not verdict.identifiable:
        return FitStatus.NOT_IDENTIFIABLE
    if bool(state.converged[b]):
        return FitStatus.CONVERGED
    return FitStatus.STALLED if bool(state.stalled[b]) else FitStatus.MAX_ITERATIONS
