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

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.fitted import Estimate, Fit, Fits, conclude
from physics.calibrate.levenberg import DAMPING, LITTLE, NEAR, Descent, FitStatus, descend
from physics.calibrate.sensitivity import Model, sensitivities
from physics.calibrate.space import Space, make_space
from physics.errors import DataError, ParameterError

__all__ = ["Estimate", "Fit", "FitStatus", "Fits", "fit", "fit_batch"]


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
) -> Fits:
    """Fit many data sets with the same times in one descent.

    Args:
        model: a differentiable `model(parameters, times)` -> curves (batch, n); where it has a `coarse` one that costs
            less, the descent begins there.
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
    data, weight = _check(times, values, weights, level)
    batch = len(data)
    held = {name: _column(name, value, batch) for name, value in (fixed or {}).items()}
    u = _inward(start, batch, space)
    state = _at_once(model, times, data, weight, held, u, space, iterations, tolerance)
    if state is None:
        state = _step_by_step(model, times, data, weight, held, u, space, iterations, tolerance)
    return conclude(state, data, weight, space, level)


def _at_once(
    model: Model,
    times: Tensor,
    data: np.ndarray,
    weight: np.ndarray,
    held: dict[str, Tensor],
    u: np.ndarray,
    space: Space,
    iterations: int,
    tolerance: float,
) -> Descent | None:
    """Leave the descent to a model that has it compiled as a whole; None where it has not."""
    whole = getattr(model, "descend", None)
    if whole is None:
        return None
    found = whole(held, space.names, times, data, weight, u, space.box, iterations, tolerance)
    if found is None:
        return None
    at, curve, jacobian, sse, converged, stalled = (torch.from_numpy(part) for part in found[:-1])
    return Descent(at, curve, jacobian, sse, converged, stalled, iterations=int(found[-1].max()))


def _step_by_step(
    model: Model,
    times: Tensor,
    data: np.ndarray,
    weight: np.ndarray,
    held: dict[str, Tensor],
    u: np.ndarray,
    space: Space,
    iterations: int,
    tolerance: float,
) -> Descent:
    def run(curves: Model, start: Tensor, tolerance: float, damping: float) -> Descent:
        def some(u: Tensor, members: Tensor | None) -> tuple[Tensor, Tensor]:
            free = dict(zip(space.names, space.outward(u).unbind(-1), strict=True))
            kept = held if members is None else {name: value[members] for name, value in held.items()}
            curve, slope = sensitivities(curves, {**kept, **free}, space.names, times)
            return curve, slope * space.slope(u)[:, None, :]

        return descend(
            lambda u: some(u, None),
            torch.from_numpy(data),
            torch.from_numpy(weight),
            start,
            space,
            iterations=iterations,
            tolerance=tolerance,
            some=some,
            damping=damping,
        )

    start, damping, coarse = torch.from_numpy(u), DAMPING, getattr(model, "coarse", None)
    if coarse is not None:
        start, damping = run(coarse, start, NEAR, damping).u, LITTLE
    return run(model, start, tolerance, damping)


def _column(name: str, value: float | Tensor, batch: int) -> Tensor:
    if isinstance(value, float) and math.isfinite(value):
        return torch.full((batch,), value, dtype=torch.float64)
    column = torch.as_tensor(value, dtype=torch.float64)
    if not bool(torch.isfinite(column).all()):
        raise ParameterError(f"{name}: the value is not finite")
    return column.expand(batch).clone()


def _inward(start: Mapping[str, float | Tensor], batch: int, space: Space) -> np.ndarray:
    """Return u of the start, shape (batch, P), within the box."""
    logarithmic, lower, upper = space.box
    u = np.empty((batch, len(start)))
    for j, (name, value) in enumerate(start.items()):
        column: float | np.ndarray
        if isinstance(value, float) and math.isfinite(value):
            column, least = value, value
        else:
            column = _column(name, value, batch).detach().cpu().numpy()
            least = float(column.min(initial=math.inf))
        if logarithmic[j] and least <= 0:
            raise ParameterError(f"{name}: the starting value must be above zero")
        u[:, j] = np.log(column) if logarithmic[j] else column
    return np.minimum(np.maximum(u, lower, out=u), upper, out=u)


def _check(times: Tensor, values: Tensor, weights: Tensor | None, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return values and weights as arrays."""
    shape = values.shape if weights is None else weights.shape
    if times.ndim != 1 or values.ndim != 2 or values.shape[1] != times.shape[0] or shape != values.shape:
        shapes = f"times {tuple(times.shape)}, values {tuple(values.shape)}, weights {tuple(shape)}"
        raise DataError(f"{shapes} do not fit; expected (n,), (batch, n) and (batch, n)")
    if times.numel() == 0:
        raise DataError("no data points to fit")
    moments, data = _array(times), _array(values)
    weight = np.ones(data.shape) if weights is None else _array(weights)
    sound = _finite(moments) and _finite(data) and (weights is None or (_finite(weight) and not (weight < 0).any()))
    if not sound:
        raise DataError("times, values and weights must be finite, and no weight below zero")
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
    return data, weight


def _finite(numbers: np.ndarray) -> bool:
    return math.isfinite(numbers.sum()) or bool(np.isfinite(numbers).all())  # the sum alone may overflow


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy())
