"""`posterior`: the intervals of a calibration, checked, and draws from what is known after it.

Laplace describes the posterior where the profile agrees with it within `judge.AGREE` of a half-width; otherwise the
draws come from a sampler, from importance sampling where that suffices (`draws.draw`). Parameters without a prior are
taken flat in the coordinates in which they are judged: the logarithm, and the parameter itself near a bound at zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from physics.calibrate.fit import FitStatus
from physics.calibrate.posterior.draws import Drawn, draw
from physics.calibrate.posterior.hierarchy import Between
from physics.calibrate.posterior.judge import AGREE, COARSE, CURVED, FEW, NEAR, Interval, Judged, judge
from physics.calibrate.posterior.laplace import draw_laplace
from physics.calibrate.posterior.target import Target
from physics.calibrate.resolution import SHARE
from physics.calibrate.robust import influence
from physics.calibrate.solved import Solved
from physics.errors import ParameterError


@dataclass
class Posterior:
    """What is known after a calibration.

    Attributes:
        solved: the calibration.
        intervals: by name, in the order of the fit.
        level: of the intervals.
        agreement: the largest distance of the profile from Laplace in Laplace half-widths; nan where it was not
            looked at.
        judged: all that the check found, shapes (1, P).
        warnings: a sentence each; where one says that the level is not promised, it may not hold.
        numerical_error: of the curves that were fitted, as it entered the intervals.
        seed: of the draws.
        apart: the sets fitted apart, once a prediction has asked for it.
    """

    solved: Solved
    intervals: dict[str, Interval]
    level: float
    agreement: float
    judged: Judged
    warnings: tuple[str, ...]
    numerical_error: float
    seed: int
    apart: Between | None = None
    _drawn: dict[tuple[int, int], Drawn] = field(default_factory=dict, repr=False)

    @property
    def method(self) -> str:
        """How the posterior is described: "laplace", "profile", or "sampled" once draws were made by sampling."""
        if not bool((self.judged.agreement > AGREE).any()):
            return "laplace"
        return "sampled" if self._drawn else "profile"

    @property
    def freedom(self) -> float:
        """The fewest degrees of freedom of any parameter; infinite where the noise is known."""
        return float(self.solved.freedom.min())

    def draws(self, count: int, seed: int | None = None) -> dict[str, Tensor]:
        """Draw parameters, each of shape (count,), SI.

        Raises:
            ParameterError: the data leave a parameter open.
        """
        theta = self.solved.space.outward(self.draws_inward(count, seed))
        return {name: theta[:, j].clone() for j, name in enumerate(self.solved.space.names)}

    def draws_inward(self, count: int, seed: int | None = None) -> Tensor:
        """Draw u, shape (count, P); see `draws`."""
        seed = self.seed if seed is None else seed
        solved = self.solved
        if self.method == "laplace":
            return draw_laplace(solved.u, solved.fit.u_covariance, solved.space, self.freedom, count, seed)
        if self.freedom <= 0:
            raise ParameterError("no more data points than parameters: nothing can be drawn from such a fit")
        key = (count, seed)
        if key not in self._drawn:
            self._drawn[key] = draw(solved.log_posterior, target_of(solved), self.judged, self.freedom, count, seed)
            self.warnings = (*self.warnings, *(w for w in self._drawn[key].warnings if w not in self.warnings))
        return self._drawn[key].u


def posterior(
    solved: Solved, *, level: float = 0.9, check: bool = True, seed: int = 0, numerical_error: float = 0.0
) -> Posterior:
    """Judge a calibration: intervals that the profile has checked, and what they do not promise.

    Args:
        solved: from `physics.calibrate.solve.solve`.
        level: of the intervals.
        check: compare with the profile likelihood, at the cost of two to four batched calls of the model for a good
            fit; without it Laplace stands.
        seed: of the draws.
        numerical_error: an absolute bound of the solver's error at every point; it moves both ends out.

    Raises:
        ParameterError: the level does not lie between 0 and 1, or the numerical error is below zero.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
    if not 0 <= numerical_error < math.inf:
        raise ParameterError(f"numerical_error = {numerical_error:g} must be finite and not negative")
    names, P = solved.space.names, len(solved.space.names)
    target = target_of(solved)
    width = torch.nan_to_num(solved.fit.u_covariance.diagonal().clamp_min(0).sqrt(), nan=math.inf)
    check = check and solved.fit.status is not FitStatus.TOO_FEW
    judged = judge(target, width[None], level, check=check, numerical_error=numerical_error)
    intervals = {name: interval(judged, 0, j, level) for j, name in enumerate(names)}
    worst = float(judged.agreement[0].max()) if P else math.nan
    told = warnings_of(judged, 0, names, solved.freedom, level)
    return Posterior(solved, intervals, level, worst, judged, told, numerical_error, seed)


def target_of(solved: Solved) -> Target:
    """Return the posterior of a calibration as `judge` takes it, one problem.

    The precision of a point is its weight over the variance that the covariance was made with; under a robust loss it
    is further in proportion to the point's weight in the loss.
    """
    fit, space = solved.fit, solved.space
    weights = solved.weights.clone()
    root = fit.residuals * solved.weights.sqrt()
    for group, scatter in zip(solved.groups, solved.scatters, strict=True):
        of = group.points
        if solved.problem.loss != "squares" and math.isfinite(scatter.scale):
            share = influence(solved.problem.loss, root[of] / scatter.scale).weight
            weights[of] *= share / share.mean()
        weights[of] /= scatter.variance if math.isfinite(scatter.variance) else 1.0

    def linearise(u: Tensor, problem: Tensor) -> tuple[Tensor, Tensor]:
        return solved.linearise(u)

    return Target(
        linearise=linearise,
        space=space,
        u=fit.u[None],
        values=solved.values[None],
        weights=weights[None],
        centre=solved.layout.centre[None],
        precision=solved.layout.precision[None],
        freedom=solved.freedom[None],
        curve=fit.predicted[None],
        slope=(fit.jacobian * space.slope(fit.u))[None],
    )


def interval(judged: Judged, b: int, j: int, level: float) -> Interval:
    """Return the interval of parameter j of problem b."""
    method = "profile" if bool(judged.profiled[b, j]) else "laplace"
    return Interval(float(judged.lower[b, j]), float(judged.upper[b, j]), level, method)


def warnings_of(judged: Judged, b: int, names: Sequence[str], freedom: Tensor, level: float) -> tuple[str, ...]:
    """Say where the intervals of problem b may not hold the truth as often as they say; `freedom` has shape (P,)."""
    said = []
    few = float(freedom.min())
    if few < FEW:
        said.append(
            f"Only {few:.3g} degrees of freedom are left to judge the noise from: the {100 * level:g} % intervals are "
            "wide and their level is not promised; measure more points or give the noise."
        )
    near = [name for j, name in enumerate(names) if float(judged.near[b, j]) < NEAR]
    if near:
        said.append(
            f"{_listed(near)} {'stands' if len(near) == 1 else 'stand'} within two standard deviations of a bound: "
            f"{'its interval is' if len(near) == 1 else 'their intervals are'} made for that (one-sided where it meets "
            f"the bound), those of the other parameters may hold the truth more or less often than {100 * level:g} %."
        )
    bent = [name for j, name in enumerate(names) if float(judged.curvature[b, j]) > CURVED and name not in near]
    if bent:
        said.append(
            f"The misfit is far from a parabola in {_listed(bent)}: the profile's intervals are shown, and their level "
            f"of {100 * level:g} % is not promised; more points or less noise would mend it."
        )
    coarse = float(judged.bias[b].max())
    if coarse > COARSE:
        said.append(
            f"The solver's error, {judged.numerical_error:.2g}, may move the estimates by {coarse:.2g} of their "
            "standard deviations, the noise being so small: the intervals carry it, and are wider than the noise alone "
            f"asks for. A tolerance of {judged.numerical_error * SHARE / coarse:.1g} would do."
        )
    if not bool(judged.settled[b]):
        said.append("The profile could not be followed to every end of the intervals: their level is not promised.")
    if float(judged.better[b]) > 0.05:
        said.append(
            "A better fit than the one reported was met while its intervals were checked: fit again from more starts."
        )
    return tuple(said)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
