"""What an assimilation returns, whichever method made it: the analysis, its uncertainty and a verdict.

    cost = |z|^2 / 2 + |(y - H(z)) / s|^2 / 2,        chi^2 = 2 cost at the minimum, n in the mean for n observations

The expectation holds whatever the number of unknowns, because the prior counts as observations of z; its standard
deviation is sqrt(2 n). A chi^2 far above says that prior, noise or model are not what they are said to be, one far
below that the noise is less than said.

Source: O. Talagrand, Objective validation and evaluation of data assimilation, ECMWF Seminar (2003) (chi^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from statistics import NormalDist

import torch
from torch import Tensor

from physics.assimilation.system import Fields, System, parameters_at

LOUD = 5.0  # standard deviations of chi^2 beyond which it is told
_BLIND = 0.9  # posterior over prior deviation above which a parameter counts as not determined


class AnalysisStatus(Enum):
    """How an assimilation ended; the value is a sentence that a person can act on."""

    CONVERGED = "The analysis fits the observations within their noise."
    MISFIT = "The analysis does not fit: check the sensors' noise and places, and what the model takes as known."
    NOT_CONVERGED = "The search ended before it settled: allow more iterations or a shorter window."
    DIVERGED = "The run left the range of finite numbers: shorten the window or narrow the prior."

    @property
    def ok(self) -> bool:
        """Whether the values may be used."""
        return self is AnalysisStatus.CONVERGED


@dataclass(frozen=True)
class Estimate:
    """A parameter: the median, the standard deviation of its logarithm, and the interval."""

    value: float
    deviation: float
    lower: float
    upper: float
    level: float


@dataclass(frozen=True)
class Field:
    """A field of the state: mean and standard deviation, of one shape."""

    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class Analysis:
    """The same report from every method.

    Attributes:
        method: "4D-Var" or "ensemble smoother".
        z: the analysis in control coordinates, (size,), and `covariance` about it.
        parameters: the unknown ones, by name.
        start, end: the fields that the system describes, at both ends of the window.
        predicted, residuals: at the sensors, (reads, sensors); residuals are NaN where nothing was read.
        chi_squared: of the minimum, and `points`, how many observations there were.
        signal: how many of the observations' worth went into the analysis (degrees of freedom for signal).
        model_deviation: the standard deviation that was added to the noise for the error of the model.
        iterations, marches: outer iterations, and marches of the coarse model through the window, derivatives among
            them.
        history: the cost after every outer iteration.
    """

    method: str
    z: Tensor
    covariance: Tensor
    parameters: dict[str, Estimate]
    start: dict[str, Field]
    end: dict[str, Field]
    predicted: Tensor
    residuals: Tensor
    chi_squared: float
    points: int
    signal: float
    model_deviation: float
    status: AnalysisStatus
    message: str
    warnings: tuple[str, ...]
    iterations: int
    marches: int
    history: tuple[float, ...] = field(default=(), repr=False)


def estimates(
    system: System, z: Tensor, covariance: Tensor, level: float, error: Tensor | None = None
) -> dict[str, Estimate]:
    """Return the unknown parameters with intervals that are normal in their logarithms.

    Args:
        error: what the model's own error may move z by, (size,); its square adds to the variance.
    """
    values, slopes = parameters_at(system, z)
    k = NormalDist().inv_cdf(0.5 + level / 2.0)
    found = {}
    for (name, value), slope in zip(values.items(), slopes, strict=True):
        systematic = 0.0 if error is None else float(slope @ error)
        deviation = math.sqrt(max(float(slope @ covariance @ slope), 0.0) + systematic**2)
        interval = (value * math.exp(-k * deviation), value * math.exp(k * deviation))
        found[name] = Estimate(value, deviation, *interval, level)
    return found


def moved_by(covariance: Tensor, slope: Tensor, weight: Tensor, error: Tensor) -> Tensor:
    """Return what an error of the predictions (n,) moves the analysis by, K error with K = C H'^T R^-1, (size,).

    Args:
        slope: H', (n, size).
        weight: of the observations, R^-1, (n,).
    """
    return covariance @ (slope.T @ (weight * error))


def spread(slopes: Fields, root: Tensor) -> Fields:
    """Return the standard deviations of fields with slopes (*shape, size), for a covariance root root^T."""
    return {name: torch.linalg.vector_norm(slope @ root, dim=-1) for name, slope in slopes.items()}


def verdict(
    system: System, found: dict[str, Estimate], chi_squared: float, points: int, settled: bool, finite: bool
) -> tuple[AnalysisStatus, str, list[str]]:
    """Return the status, a sentence with the numbers, and what a person should know besides."""
    warnings = [
        f"{name} is not determined by these observations: they narrow what was known of it by less than "
        f"{100 * (1 - _BLIND):.0f} %; add sensors or lengthen the window"
        for name, before in zip(system.unknown, system.prior_deviation, strict=True)
        if found and found[name].deviation > _BLIND * before
    ]
    excess = (chi_squared - points) / math.sqrt(2.0 * max(points, 1))
    told = f"chi^2 is {chi_squared:.4g} for {points} observations"
    if not finite:
        return AnalysisStatus.DIVERGED, "the misfit is not finite", warnings
    if excess > LOUD:
        ratio = math.sqrt(chi_squared / points)
        message = f"{told}: misfits are {ratio:.2g} times what noise and prior allow"
        return AnalysisStatus.MISFIT, message, warnings
    if excess < -LOUD:
        warnings.append(f"{told}, far below their number: the noise is less than said, and intervals are too wide")
    if not settled:
        return AnalysisStatus.NOT_CONVERGED, told, warnings
    return AnalysisStatus.CONVERGED, told, warnings


@dataclass(frozen=True)
class Agreement:
    """How far two analyses of the same observations lie apart.

    Attributes:
        parameters: the distance of each in units of the root of the sum of both variances (of logarithms).
        fields: for each field at the end the share of its points that lie apart by less than the interval's half
            width of the two together.
        inside: whether every parameter of each lies in the other's interval.
        level: of those intervals.
    """

    parameters: dict[str, float]
    fields: dict[str, float]
    inside: bool
    level: float


def agreement(one: Analysis, other: Analysis, level: float = 0.9) -> Agreement:
    """Compare two analyses, as a check of both: intervals that do not meet mean that one of them is not to be used."""
    k = NormalDist().inv_cdf(0.5 + level / 2.0)
    apart, inside = {}, True
    for name, a in one.parameters.items():
        b = other.parameters[name]
        distance = abs(math.log(a.value / b.value))
        apart[name] = distance / math.hypot(a.deviation, b.deviation)
        inside &= distance <= k * min(a.deviation, b.deviation)
    shares = {}
    for name, mine in one.end.items():
        theirs = other.end[name]
        width = k * torch.hypot(mine.deviation, theirs.deviation)
        shares[name] = float(((mine.mean - theirs.mean).abs() <= width).double().mean())
    return Agreement(apart, shares, inside, level)
