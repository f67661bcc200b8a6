"""The descent to the minimum when the noise has to be found with it.

A robust misfit sum rho(z) is the sum of squares of sign(z) (2 rho(z))^(1/2), whose Jacobian is that of z times
psi / (2 rho)^(1/2): Levenberg-Marquardt on it has the exact gradient, and all starts stay one batch. Priors are
points of their own. Noise and fit follow one another until both stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from physics.calibrate.forward import Forward
from physics.calibrate.layout import Layout
from physics.calibrate.levenberg import DAMPING, LITTLE, NEAR, Descent, descend
from physics.calibrate.problem import Loss, Problem
from physics.calibrate.robust import influence
from physics.calibrate.scatter import Scatter, gather, invert, judge, parts, rough, spent

_ROUNDS = 30  # of fit and noise
_SETTLED = 1e-4  # of a standard deviation, or of the noise: fit and noise stand
_SCALED = 5e-3  # of the scale of a robust loss, which moves the minimum little and then stays
_COARSE = 1e-3  # tolerance of the descents before the noise stands


@dataclass(frozen=True)
class State:
    """Where the batch stands.

    Attributes:
        u: shape (batch, P).
        misfit: what is minimised, shape (batch,).
        curve, jacobian: of the least squares, (batch, N) and (batch, N, P) in u.
        converged, stalled: how the descent ended, shape (batch,).
        iterations: of the whole batch.
    """

    u: Tensor
    misfit: Tensor
    curve: Tensor
    jacobian: Tensor
    converged: Tensor
    stalled: Tensor
    iterations: int


class Search:
    """Descents of one problem."""

    def __init__(self, problem: Problem, layout: Layout, forward: Forward, iterations: int, tolerance: float) -> None:
        """Collect values and weights of all sets."""
        self.problem, self.layout, self.forward = problem, layout, forward
        self.iterations, self.tolerance = iterations, tolerance
        self.weights, self.groups = gather(problem, forward.spans)
        self.values = torch.cat([one.values for one in problem.sets])
        self.priors = torch.nonzero(layout.precision)[:, 0]

    @property
    def alone(self) -> bool:
        """Whether the minimum does not depend on the noise, so that one descent will do."""
        return self.problem.loss == "squares" and not len(self.priors) and len(self.groups) == 1

    def descend(
        self, start: Tensor, scatters: Sequence[Scatter], *, loss: Loss, tolerance: float, near: bool = False
    ) -> State:
        """Minimise from u, shape (batch, P), at a noise that stands; from `near` the minimum on fine curves at once."""
        damping, iterations, coarse = DAMPING, 0, None if near else self.forward.coarse
        if coarse is not None:
            begun = self._descend(coarse, start, scatters, loss, NEAR, damping)
            start, damping, iterations = begun.u, LITTLE, begun.iterations
        found = self._descend(self.forward, start, scatters, loss, tolerance, damping)
        count = len(self.values)
        return State(
            found.u,
            found.sse,
            found.curve[:, :count],
            found.jacobian[:, :count],
            found.converged,
            found.stalled,
            iterations + found.iterations,
        )

    def _descend(
        self,
        forward: Forward,
        start: Tensor,
        scatters: Sequence[Scatter],
        loss: Loss,
        tolerance: float,
        damping: float,
    ) -> Descent:
        batch, priors = len(start), self.priors
        scale = self._scales(scatters)
        root = self.weights.sqrt() / scale
        rows = torch.eye(start.shape[-1], dtype=start.dtype)[priors]

        def linearise(u: Tensor) -> tuple[Tensor, Tensor]:
            curve, slope = forward.linearise(u)
            if loss != "squares":
                curve, slope = self._flattened(curve, slope, root, loss)
            if not len(priors):
                return curve, slope
            return torch.cat([curve, u[:, priors]], -1), torch.cat([slope, rows.expand(len(u), -1, -1)], 1)

        values = torch.cat([self.values, self.layout.centre[priors]]).expand(batch, -1)
        precision = torch.cat([root**2, self.layout.precision[priors]]).expand(batch, -1)
        return descend(
            linearise,
            values,
            precision,
            start,
            self.layout.space,
            iterations=self.iterations,
            tolerance=tolerance,
            some=lambda u, _: linearise(u),
            damping=damping,
        )

    def _flattened(self, curve: Tensor, slope: Tensor, root: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        """Move the curve so that the squares of its distance from the values are twice rho."""
        z = (self.values - curve) * root
        found = influence(loss, z)
        ratio = torch.where(z.abs() > 1e-6, (2 * found.rho).sqrt() / z.abs().clamp_min(1e-6), torch.ones_like(z))
        return self.values - (self.values - curve) * ratio, slope * (found.weight / ratio)[..., None]

    def settle(self, start: Tensor) -> tuple[State, list[Scatter]]:
        """Fit one candidate, u of shape (1, P), and the noise of each group."""
        loss = self.problem.loss
        scatters, iterations = self.first(), 0
        settled = self.alone
        for turn in range(_ROUNDS):
            # Far from the minimum everything is an outlier: the first descent is one of squares.
            now: Loss = "squares" if turn == 0 else loss
            width = self.tolerance if settled else _COARSE
            state = self.descend(start, scatters, loss=now, tolerance=width, near=turn > 0)
            iterations += state.iterations
            if now != "squares":
                curve, jacobian = self.forward.linearise(state.u)
                state = replace(state, curve=curve, jacobian=jacobian)
            before, scatters = scatters, self.noise(state.curve[0], state.jacobian[0])
            if settled:
                break
            settled = turn > 0 and self._stands(start, state, before, scatters)
            start = state.u
        return replace(state, iterations=iterations), scatters

    def first(self) -> list[Scatter]:
        """Return a noise to begin with, from how the values themselves scatter."""
        times = torch.cat([one.times for one in self.problem.sets])
        found = []
        for group in self.groups:
            weighted = self.values[group.points] * self.weights[group.points].sqrt()
            noise = 1.0 if group.known or self.alone else rough(weighted, times[group.points])
            found.append(Scatter(noise, noise**2, math.inf, 1.0, noise, 0.0))
        return found

    def noise(self, curve: Tensor, jacobian: Tensor) -> list[Scatter]:
        """Return the noise of each group at a fit; each pays for the parameters that its points determine."""
        residuals = (self.values - curve) * self.weights.sqrt()
        blocks = parts(jacobian, self.weights, self.groups)
        total = max(sum(group.n for group in self.groups), 1)
        paid = [jacobian.shape[-1] * group.n / total for group in self.groups]
        for _ in range(_ROUNDS):
            scatters = [
                judge(self.problem.loss, group, residuals[group.points], part)
                for group, part in zip(self.groups, paid, strict=True)
            ]
            if len(self.groups) == 1 and not len(self.priors):
                break
            variances = [min(scatter.variance, 1e30) for scatter in scatters]
            before, paid = paid, spent(invert(self.information(blocks, variances)), blocks, variances)
            if max(abs(a - b) for a, b in zip(before, paid, strict=True)) < 1e-6:
                break
        return scatters

    def information(self, blocks: Sequence[Tensor], variances: Sequence[float]) -> Tensor:
        """Return A, shape (P, P), of the groups' J^T W J and of the priors."""
        total = torch.diag(self.layout.precision)
        for block, variance in zip(blocks, variances, strict=True):
            total = total + block / variance
        return total

    def _scales(self, scatters: Sequence[Scatter]) -> Tensor:
        scale = torch.ones_like(self.values)
        for group, scatter in zip(self.groups, scatters, strict=True):
            scale[group.points] = max(scatter.scale, 1e-30) if math.isfinite(scatter.scale) else 1.0
        return scale

    def _stands(self, start: Tensor, state: State, before: Sequence[Scatter], after: Sequence[Scatter]) -> bool:
        room = _SETTLED if self.problem.loss == "squares" else _SCALED
        same = all(abs(a.scale - b.scale) <= room * b.scale for a, b in zip(before, after, strict=True))
        if not same or self.problem.loss != "squares":
            return same
        blocks = parts(state.jacobian[0], self.weights, self.groups)
        width = invert(self.information(blocks, [scatter.variance for scatter in after])).diagonal().sqrt()
        return bool(((state.u - start)[0].abs() <= _SETTLED * width + 1e-12).all())
