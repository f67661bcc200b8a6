"""Levenberg-Marquardt for a batch of data sets at once.

Each step solves (J^T W J + lambda diag(J^T W J)) delta = J^T W (y - f) and is accepted when the sum of
squares S = sum_i w_i (y_i - f_i)^2 falls. lambda follows the gain ratio as Nielsen proposed (in Madsen,
Nielsen & Tingleff 2004, Methods for Non-Linear Least Squares Problems, IMM, section 3.2). Bounds: the step is
projected into the box, and a parameter that stands on its bound while the gradient points outward is held.
The algebra is compiled (`physics.linalg.least_squares_kernels`); what costs is the curves.
See Seber & Wild (1989), Nonlinear Regression, doi:10.1002/0471725315, chapter 14.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.space import Space
from physics.linalg import least_squares_kernels as kernels

DAMPING, LITTLE = 1e-3, 1e-6
NEAR = 1e-4
"""The tolerance of a descent on coarse curves, whose minimum is where one on fine curves begins."""

Linearise = Callable[[Tensor], tuple[Tensor, Tensor]]
"""u of shape (batch, P) -> curve (batch, n) and d curve / d u (batch, n, P)."""

Some = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""The same of some members of the batch: their u, shape (some, P), and their indices, shape (some,)."""


class FitStatus(Enum):
    """How a fit ended; the value is a sentence that a person can act on."""

    CONVERGED = "The fit converged."
    MAX_ITERATIONS = "The fit did not converge in the iterations allowed: start nearer, or allow more."
    STALLED = "The fit could not improve from where it stands: start elsewhere, or check data and model."
    NOT_IDENTIFIABLE = "The data do not determine every parameter that was to be fitted."
    TOO_FEW = "There are no more data points than parameters: fit fewer parameters, or measure more points."

    @property
    def ok(self) -> bool:
        """Whether values and intervals may be used as they stand."""
        return self is FitStatus.CONVERGED


@dataclass
class Descent:
    """Where the batch stands; `u` (batch, P), `curve` (batch, n), `jacobian` in u (batch, n, P)."""

    u: Tensor
    curve: Tensor
    jacobian: Tensor
    sse: Tensor
    converged: Tensor
    stalled: Tensor
    iterations: int


def descend(
    linearise: Linearise,
    values: Tensor,
    weights: Tensor,
    start: Tensor,
    space: Space,
    *,
    iterations: int = 60,
    tolerance: float = 1e-7,
    some: Some | None = None,
    damping: float = DAMPING,
) -> Descent:
    """Minimise S over u from `start`, shape (batch, P); `values` and `weights` have shape (batch, n).

    A data set has converged when the residual is orthogonal to every free column of J within `tolerance` (the
    cosine of the angle; 1e-8 is what S resolves in float64), or when a step changes no u by 1e-2 `tolerance`.
    What is left to gain is then at most `tolerance` n^(1/2) of a standard deviation. Where rounding in the
    curve ends the descent sooner, the relative offset of the residual from orthogonality decides
    (`OFFSET` there).

    Args:
        linearise: of the whole batch.
        some: of some members; with it, those that have arrived are not computed again.
        damping: lambda to begin with; `LITTLE` where the start is near the minimum.
    """
    u = space.clamp(start).detach().clone()
    state = u.numpy()
    curve, jacobian = (_own(part) for part in linearise(u))
    data, weight = _held(values), _held(weights)
    lower, upper, logarithmic = _held(space.lower), _held(space.upper), space.logarithmic.numpy()
    batch = len(state)
    sse = np.array([kernels.misfit(curve[b], data[b], weight[b]) for b in range(batch)])
    damped, growth, predicted = np.full(batch, damping), np.full(batch, 2.0), np.zeros(batch)
    converged, stalled, trial = np.zeros(batch, dtype=bool), ~np.isfinite(sse), np.empty_like(state)
    count, everyone = 0, np.arange(batch)
    while count <= iterations:
        kernels.propose(
            state, curve, jacobian, sse, data, weight, lower, upper, logarithmic, damped, converged, stalled,
            tolerance, trial, predicted,
        )  # fmt: skip
        moving = ~(converged | stalled)
        if count == iterations or not moving.any():
            break
        count += 1
        if some is None or moving.all():
            members, found = everyone, linearise(torch.from_numpy(trial))
        else:
            members = np.flatnonzero(moving)
            found = some(torch.from_numpy(trial[members]), torch.from_numpy(members))
        kernels.judge(
            members, trial, *(_held(part) for part in found), state, curve, jacobian, sse, data, weight, lower, upper,
            damped, growth, converged, stalled, predicted, tolerance,
        )  # fmt: skip
    there = torch.from_numpy
    return Descent(
        there(state), there(curve), there(jacobian), there(sse), there(converged), there(stalled), iterations=count
    )


def _held(tensor: Tensor) -> np.ndarray:
    """Return the numbers in one piece of the processor's memory, without a copy where they are."""
    return np.ascontiguousarray(tensor.detach().cpu().numpy())


def _own(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.detach().cpu().numpy(), order="C")
