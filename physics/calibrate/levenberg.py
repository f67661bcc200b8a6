"""Levenberg-Marquardt for a batch of data sets at once.

Each step solves (J^T W J + lambda diag(J^T W J)) delta = J^T W (y - f) and is accepted when the sum of
squares S = sum_i w_i (y_i - f_i)^2 falls. lambda follows the gain ratio as Nielsen proposed (in Madsen,
Nielsen & Tingleff 2004, Methods for Non-Linear Least Squares Problems, IMM, section 3.2). Bounds: the step is
projected into the box, and a parameter that stands on its bound while the gradient points outward is held.
See Seber & Wild (1989), Nonlinear Regression, doi:10.1002/0471725315, chapter 14.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from physics.calibrate.space import Space

Linearise = Callable[[Tensor], tuple[Tensor, Tensor]]
"""u of shape (batch, P) -> curve (batch, n) and d curve / d u (batch, n, P)."""

_OFFSET = 1e-4  # a tenth of what Bates & Watts (1981), Technometrics 23, 179, ask of the relative offset
_STRIDE = 2.0  # no step changes a positive parameter by more than a factor exp(2)


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
) -> Descent:
    """Minimise S over u from `start`, shape (batch, P); `values` and `weights` have shape (batch, n).

    A data set has converged when the residual is orthogonal to every free column of J within `tolerance` (the
    cosine of the angle; 1e-8 is what S resolves in float64), or when a step changes no u by 1e-2 `tolerance`.
    What is left to gain is then at most `tolerance` n^(1/2) of a standard deviation. Where rounding in the
    curve ends the descent sooner, the relative offset of the residual from orthogonality decides (`_OFFSET`).
    """
    u = space.clamp(start)
    curve, jacobian = linearise(u)
    sse = _sse(curve, values, weights)
    damping = torch.full_like(sse, 1e-3)
    growth = torch.full_like(sse, 2.0)
    done = ~torch.isfinite(sse)
    state = Descent(u, curve, jacobian, sse, torch.zeros_like(done), done.clone(), 0)
    for _ in range(iterations):
        normal, gradient, free = _normal_equations(state, values, weights, space)
        state.converged |= _orthogonal(state, gradient, normal, free, tolerance) & ~state.stalled
        if (state.converged | state.stalled).all():
            break
        state.iterations += 1
        step = _damped_step(normal, gradient, free, damping)
        step = torch.where(space.logarithmic, step.clamp(-_STRIDE, _STRIDE), step)
        trial = space.clamp(state.u + step)
        moved = trial - state.u
        trial_curve, trial_jacobian = linearise(trial)
        trial_sse = _sse(trial_curve, values, weights)
        predicted = (2 * moved * gradient).sum(-1) - (moved * (normal @ moved[..., None])[..., 0]).sum(-1)
        gain = (state.sse - trial_sse) / predicted.clamp_min(1e-300)
        better = (trial_sse < state.sse) & torch.isfinite(trial_sse) & ~(state.converged | state.stalled)
        tiny = moved.abs().amax(-1) <= 1e-2 * tolerance
        state.u = torch.where(better[:, None], trial, state.u)
        state.curve = torch.where(better[:, None], trial_curve, state.curve)
        state.jacobian = torch.where(better[:, None, None], trial_jacobian, state.jacobian)
        state.sse = torch.where(better, trial_sse, state.sse)
        shrink = (1 - (2 * gain.clamp(0, 1) - 1) ** 3).clamp_min(1 / 3)
        damping = torch.where(better, (damping * shrink).clamp_min(1e-12), damping * growth)
        growth = torch.where(better, torch.full_like(growth, 2.0), growth * 2)
        # A step too small to matter: rounding, if little damping made it so; a wall otherwise.
        state.converged |= tiny & ((damping < 1e3) | (_offset(state, values, weights, space) < _OFFSET))
        state.stalled |= (tiny | (damping > 1e12)) & ~state.converged
    return state


def _sse(curve: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    return (weights * (values - curve) ** 2).sum(-1)


def _normal_equations(state: Descent, values: Tensor, weights: Tensor, space: Space) -> tuple[Tensor, Tensor, Tensor]:
    """Return J^T W J (batch, P, P), J^T W r (batch, P) and which parameters are free to move (batch, P)."""
    weighted = state.jacobian * weights[..., None]
    normal = weighted.transpose(-1, -2) @ state.jacobian
    gradient = (weighted * (values - state.curve)[..., None]).sum(-2)
    held = ((state.u <= space.lower) & (gradient < 0)) | ((state.u >= space.upper) & (gradient > 0))
    return normal, gradient, ~held


def _orthogonal(state: Descent, gradient: Tensor, normal: Tensor, free: Tensor, tolerance: float) -> Tensor:
    length = normal.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt() * state.sse.sqrt()[:, None]
    cosine = gradient.abs() / length.clamp_min(1e-300)
    return ((cosine <= tolerance) | ~free).all(-1)


def _offset(state: Descent, values: Tensor, weights: Tensor, space: Space) -> Tensor:
    """Length of the residual's part in the tangent plane over its whole length, shape (batch,)."""
    normal, gradient, free = _normal_equations(state, values, weights, space)
    step = _damped_step(normal, gradient, free, torch.full_like(state.sse, 1e-12))
    return ((step * gradient).sum(-1).clamp_min(0) / state.sse.clamp_min(1e-300)).sqrt()


def _damped_step(normal: Tensor, gradient: Tensor, free: Tensor, damping: Tensor) -> Tensor:
    both = free[:, :, None] & free[:, None, :]
    matrix = torch.where(both, normal, torch.zeros_like(normal))
    diagonal = normal.diagonal(dim1=-2, dim2=-1)
    floor = 1e-12 * diagonal.amax(-1, keepdim=True).clamp_min(1e-300)
    scale = torch.where(free, diagonal.clamp_min(floor), torch.ones_like(diagonal))
    ridge = torch.where(free, damping[:, None] * scale, torch.ones_like(diagonal))
    matrix = torch.nan_to_num(matrix) + torch.diag_embed(torch.nan_to_num(ridge, nan=1.0, posinf=1e300))
    # Jacobi scaling: parameters of any unit give a matrix with a unit diagonal.
    root = matrix.diagonal(dim1=-2, dim2=-1).sqrt()
    scaled = matrix / (root[:, :, None] * root[:, None, :])
    right = torch.where(free, torch.nan_to_num(gradient), torch.zeros_like(gradient)) / root
    step = torch.linalg.lstsq(scaled, right[..., None]).solution[..., 0] / root
    return torch.nan_to_num(step)
