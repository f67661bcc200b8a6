"""What a posterior is made of: curves, their derivatives, precisions and priors at the estimates of several problems.

    Q(u) = sum_i p_i (y_i - f_i(u))^2 + sum_j q_j (u_j - c_j)^2,    p_i = w_i / s^2,

with s^2 the known or the estimated variance of the noise: a rise of Q by one is one standard deviation. Near a bound
at zero a positive parameter is described by theta itself and not by its logarithm, in which nothing near the bound is
linear: by `Chart`, whenever its standard deviation exceeds half its value and no prior speaks of its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.space import Space

Linearise = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""u (rows, P) and the problem of each row (rows,) -> curves (rows, N) and d curve / d u (rows, N, P)."""

_WIDE = 0.5  # relative standard deviation from which on theta, not its logarithm, is nearly linear
_FLOOR = 1e-6  # of a standard deviation above a bound at zero: what counts as standing there
_ENTANGLED = 1e8  # variance over that of the parameter alone
_RIDGE = 1e-13


@dataclass(frozen=True)
class Target:
    """B problems of one shape.

    Attributes:
        linearise: curves and slopes for rows of any of the problems.
        space: the parameters, P of them, and their box.
        u: the estimates, shape (B, P).
        values, weights: the data and their precisions p, shape (B, N).
        centre, precision: of the priors of u, shape (B, P); zero precision where there is none.
        freedom: degrees of freedom of each parameter's variance, shape (B, P), infinite where the noise is known.
        curve, slope: at the estimates, (B, N) and (B, N, P).
    """

    linearise: Linearise
    space: Space
    u: Tensor
    values: Tensor
    weights: Tensor
    centre: Tensor
    precision: Tensor
    freedom: Tensor
    curve: Tensor
    slope: Tensor

    def quadratic(self, u: Tensor, problem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return Q (rows,), its negative half-gradient (rows, P) and half its Gauss-Newton Hessian (rows, P, P)."""
        return self._quadratic(u, problem, *self.linearise(u, problem))

    def at_estimate(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same at the estimates, without a call of the model."""
        return self._quadratic(self.u, torch.arange(len(self.u)), self.curve, self.slope)

    def _quadratic(self, u: Tensor, problem: Tensor, curve: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        left = self.values[problem] - curve
        weights, precision = self.weights[problem], self.precision[problem]
        aside = self.centre[problem] - u
        misfit = (weights * left**2).sum(-1) + (precision * aside**2).sum(-1)
        weighted = slope * weights[..., None]
        gradient = (weighted * left[..., None]).sum(-2) + precision * aside
        return misfit, gradient, weighted.transpose(-1, -2) @ slope + torch.diag_embed(precision)


@dataclass(frozen=True)
class Chart:
    """The coordinates w in which a posterior is judged, for B problems: u, but theta where `plain`.

    Attributes:
        space: of u.
        plain: where w is theta and not its logarithm, shape (B, P).
        lower, upper: the box in w, shape (B, P); `floor` is where the bound at zero is taken to stand.
        deviation: of w at the estimate, shape (B, P), the others free; infinite where the data say nothing.
    """

    space: Space
    plain: Tensor
    lower: Tensor
    upper: Tensor
    deviation: Tensor

    def inward(self, u: Tensor, problem: Tensor) -> Tensor:
        """U -> w, moved into the box, shape (rows, P)."""
        w = torch.where(self.plain[problem], u.exp(), u)
        return torch.minimum(torch.maximum(w, self.lower[problem]), self.upper[problem])

    def outward(self, w: Tensor, problem: Tensor) -> Tensor:
        """W -> u, shape (rows, P)."""
        return torch.where(self.plain[problem], w.clamp_min(1e-300).log(), w)

    def slope(self, u: Tensor, problem: Tensor) -> Tensor:
        """Return d u / d w, shape (rows, P)."""
        return torch.where(self.plain[problem], (-u).exp(), torch.ones_like(u))

    def distance(self, w: Tensor, problem: Tensor, parameter: Tensor) -> Tensor:
        """Return how many standard deviations `parameter` (rows,) is from its nearer bound at w (rows, P)."""
        at = parameter[:, None]
        w, deviation = (x.gather(-1, at)[:, 0] for x in (w, self.deviation[problem]))
        plain, log = self.plain[problem].gather(-1, at)[:, 0], self.space.logarithmic[parameter]
        low, high = (x.gather(-1, at)[:, 0] for x in (self.lower[problem], self.upper[problem]))
        # A bound counts by its distance in theta: in the logarithm the one at zero would be infinitely far.
        theta = torch.where(log & ~plain, w.exp(), w)
        spread = torch.where(log & ~plain, w.exp() * deviation, deviation)
        ends = [torch.where(log & ~plain, end.exp(), end) for end in (low, high)]
        nearest = torch.minimum((theta - ends[0]).abs(), (ends[1] - theta).abs())
        return torch.nan_to_num(nearest / spread, nan=0.0, posinf=torch.inf)


def make_chart(target: Target) -> tuple[Chart, Tensor, Tensor]:
    """Choose the coordinates from the standard deviations at the estimates.

    Returns:
        chart: the coordinates.
        misfit: Q at the estimates, shape (B,).
        covariance: of w at the estimates, noise scaled, others free, shape (B, P, P).
    """
    space = target.space
    misfit, _, normal = target.at_estimate()
    down = torch.where(space.logarithmic, (-target.u).exp(), torch.ones_like(target.u))
    theta_normal = normal * down[:, :, None] * down[:, None, :]
    deviation = invert(theta_normal).diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
    # What only a combination with others is known of has no scale of its own.
    own = deviation**2 * theta_normal.diagonal(dim1=-2, dim2=-1) < _ENTANGLED
    plain = space.logarithmic & (deviation * down > _WIDE) & (target.precision == 0) & own
    lower = torch.where(plain, torch.maximum(space.lower.exp(), _FLOOR * deviation), space.lower)
    upper = torch.where(plain, space.upper.exp(), space.upper)
    change = torch.where(plain, down, torch.ones_like(down))
    covariance = invert(normal * change[:, :, None] * change[:, None, :])
    spread = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
    return Chart(space, plain, lower.expand_as(plain), upper.expand_as(plain), spread), misfit, covariance


def invert(normal: Tensor) -> Tensor:
    """Invert (..., P, P) with its diagonal scaled to one; a row of zeros has an infinite variance."""
    diagonal = normal.diagonal(dim1=-2, dim2=-1)
    dead = diagonal <= 0
    root = torch.where(dead, torch.ones_like(diagonal), diagonal).sqrt()
    scaled = normal / (root[..., :, None] * root[..., None, :])
    ridge = torch.where(dead, torch.ones_like(diagonal), torch.full_like(diagonal, _RIDGE))
    inverse = torch.linalg.inv(torch.nan_to_num(scaled) + torch.diag_embed(ridge))
    inverse = inverse / (root[..., :, None] * root[..., None, :])
    return inverse + torch.diag_embed(torch.where(dead, torch.inf, 0.0).to(inverse))
