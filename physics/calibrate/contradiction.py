"""Whether data sets that share parameters agree on them.

Fitted together they leave the sum of squares S_1 with P_1 parameters, apart S_0 with P_0 > P_1. Where they agree,

    F = ((S_1 - S_0) / (P_0 - P_1)) / (S_0 / (n - P_0))

has an F distribution (Seber & Wild 1989, Nonlinear Regression, doi:10.1002/0471725315, section 5.3); with known noise
S_1 - S_0 is chi^2. For one parameter, and overall where noises differ or the loss is robust, the weighted scatter of
the sets' own values about their mean decides (W. G. Cochran 1954, Biometrics 10, 101, doi:10.2307/3001666), in the
logarithm where the parameter is positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import chi2
from scipy.stats import f as fisher
from torch import Tensor

from physics.calibrate.fit import Fit
from physics.calibrate.problem import Problem

ALPHA = 0.01
"""Sets that agree are said to contradict each other this often."""
_RATES = ("/s", "/min", "/h", "/d")
_CLOCKS = {60.0: "minutes and hours", 24.0: "hours and days", 3600.0: "seconds and hours", 1440.0: "minutes and days"}
_NEAR = 0.15  # of the logarithm, within which a ratio is one of two units of time


@dataclass(frozen=True)
class Difference:
    """One shared parameter as each set alone gives it: values, their deviation in u, and how likely they scatter so."""

    name: str
    values: dict[str, float]
    deviations: dict[str, float]
    p: float

    @property
    def differs(self) -> bool:
        """Whether the sets do not agree on it."""
        return self.p < ALPHA

    @property
    def ends(self) -> tuple[str, str]:
        """The sets with the lowest and with the highest value."""
        return min(self.values, key=lambda k: self.values[k]), max(self.values, key=lambda k: self.values[k])


@dataclass(frozen=True)
class Contradiction:
    """The sets together against the sets apart.

    Attributes:
        statistic, freedom: F and its degrees of freedom, the second infinite where the noise is known.
        p: how often sets that agree are as far apart.
        sse_together, sse_apart: what the fits leave.
        differences: each shared parameter, the least likely first.
        contradicts: whether the sets do not agree.
        sentence: what contradicts what, by how much, and what to do; "" where the sets agree.
    """

    statistic: float
    freedom: tuple[int, float]
    p: float
    sse_together: float
    sse_apart: float
    differences: tuple[Difference, ...]
    contradicts: bool
    sentence: str


def apart(problem: Problem) -> Problem:
    """Return the same sets with every parameter and nuisance of their own."""
    free = tuple(replace(one, separate=True) for one in problem.free)
    return replace(problem, free=free, nuisance=tuple(replace(one, shared=False) for one in problem.nuisance))


def compare(problem: Problem, together: Fit, alone: Fit, freedom: Tensor) -> Contradiction | None:
    """Judge the two fits; None where there is nothing to compare.

    Args:
        problem: of the fit together.
        together, alone: the fits of `problem` and of `apart(problem)`.
        freedom: degrees of freedom of the parameters of `alone`.
    """
    extra, left = len(alone.u) - len(together.u), alone.n - len(alone.u)
    shared = [one.name for one in problem.free if not one.separate]
    known = all(one.deviation is not None for one in problem.sets)
    if len(problem.sets) < 2 or not shared or extra <= 0 or (left <= 0 and not known):
        return None
    differences = sorted(
        (found for name in shared if (found := _difference(problem, name, alone, freedom)) is not None),
        key=lambda one: one.p,
    )
    if not differences:
        return None
    statistic, second, p = _overall(problem, together, alone, extra, left, differences)
    contradicts = p < ALPHA
    sentence = _sentence(problem, p, differences, together.sse, alone.sse) if contradicts else ""
    return Contradiction(
        statistic, (extra, second), p, together.sse, alone.sse, tuple(differences), contradicts, sentence
    )


def _difference(problem: Problem, name: str, alone: Fit, freedom: Tensor) -> Difference | None:
    names = alone.space.names
    columns = {one.name: names.index(problem.label(name, k)) for k, one in enumerate(problem.sets)}
    width = alone.u_covariance.diagonal().clamp_min(0).sqrt()
    known = {key: j for key, j in columns.items() if math.isfinite(float(width[j])) and float(width[j]) > 0}
    if len(known) < 2:
        return None
    chosen = torch.tensor(list(known.values()))
    u, weight = alone.u[chosen], width[chosen] ** -2
    mean = (weight * u).sum() / weight.sum()
    scatter = float((weight * (u - mean) ** 2).sum()) / (len(known) - 1)
    second = float(freedom[chosen].min())
    p = float(fisher.sf(scatter, len(known) - 1, second if math.isfinite(second) else 1e9))
    theta = alone.space.outward(alone.u)
    return Difference(
        name,
        {key: float(theta[j]) for key, j in known.items()},
        {key: float(width[j]) for key, j in known.items()},
        p,
    )


def _overall(
    problem: Problem, together: Fit, alone: Fit, extra: int, left: int, differences: Sequence[Difference]
) -> tuple[float, float, float]:
    """Return the statistic, its second degrees of freedom and p."""
    known = [one.deviation is not None for one in problem.sets]
    plain = problem.loss == "squares" and problem.noise == "common" and not any(known)
    if plain:
        rise = max(together.sse - alone.sse, 0.0)
        statistic = rise / extra / max(alone.sse / left, 1e-300)
        return statistic, float(left), float(fisher.sf(statistic, extra, left))
    if problem.loss == "squares" and all(known):
        statistic = max(_chi_squared(problem, together) - _chi_squared(problem, alone), 0.0)
        return statistic / extra, math.inf, float(chi2.sf(statistic, extra))
    return math.nan, math.nan, min(1.0, differences[0].p * len(differences))


def _chi_squared(problem: Problem, fit: Fit) -> float:
    total, start = 0.0, 0
    for one in problem.sets:
        left = fit.residuals[start : start + len(one.times)]
        weights = torch.ones_like(left) if one.weights is None else one.weights
        noise = torch.as_tensor(one.deviation, dtype=left.dtype)
        total += float((weights * (left / noise) ** 2).sum())
        start += len(one.times)
    return total


def _sentence(problem: Problem, p: float, differences: Sequence[Difference], together: float, alone: float) -> str:
    names = [one.name for one in problem.sets]
    told = [_told(problem, one) for one in differences if one.differs] or [_told(problem, differences[0])]
    apart_names = [one.name for one in differences if one.differs] or [differences[0].name]
    who = " and ".join(names) if len(names) == 2 else f"The {len(names)} data sets"
    chance = f"p = {p:.1g}" if p >= 1e-6 else "p < 1e-6"
    clock = next((hint for one in differences if one.differs and (hint := _clock(problem, one))), "")
    return (
        f"{who} contradict each other ({chance}): {'; '.join(told)}.{clock} One value for all leaves a sum of squares "
        f"of {together:.4g}, separate ones {alone:.4g}, and the intervals of the fit together do not hold what lies "
        f"between the sets. Look for what differed between the runs, or give {' and '.join(apart_names)} a separate "
        "value for each set."
    )


def _clock(problem: Problem, one: Difference) -> str:
    """Say that two values of a rate differ as if the times of one set were in another unit; "" where they do not."""
    unit = next(free.unit for free in problem.free if free.name == one.name)
    low, high = (one.values[name] for name in one.ends)
    if not unit.endswith(_RATES) or not low > 0:
        return ""
    near = min(_CLOCKS, key=lambda k: abs(math.log(high / low / k)))
    if abs(math.log(high / low / near)) > _NEAR:
        return ""
    return f" They differ by a factor of nearly {near:g}, as {_CLOCKS[near]} do: check the units of the times."


def _told(problem: Problem, one: Difference) -> str:
    low, high = one.ends
    a, b = one.values[low], one.values[high]
    percent = ""
    if a > 0:
        percent = f" ({100 * (b / a - 1):.2g} % apart)" if b < 2 * a else f" ({b / a:.2g} times as much)"
    first, last = sorted((low, high), key=list(one.values).index)
    values = f"{problem.told(one.name, one.values[first])} from {first} against"
    return f"{one.name} is {values} {problem.told(one.name, one.values[last])} from {last}{percent}"
