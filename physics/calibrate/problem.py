"""What is to be calibrated: measured curves, the parameters that are free, what the instrument adds, the noise.

    y_ki = b_k + g_k f_k(t_ki - delta_k; theta) + m_k t_ki + e_ki,    e_ki ~ (0, sigma_k^2 / w_ki)

for the points i of the sets k. The models f_k differ in what is fixed (the depth of a sensor); the parameters theta
are shared by the sets unless they are `separate`. Baseline b, gain g, drift m (1/s) and delay delta (s) are there
only where a `Nuisance` asks for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.errors import DataError, ParameterError

Kind = Literal["baseline", "gain", "drift", "delay"]
Loss = Literal["squares", "huber", "student"]
NEUTRAL: dict[Kind, float] = {"baseline": 0.0, "gain": 1.0, "drift": 0.0, "delay": 0.0}
"""The value of each nuisance at which it does nothing."""


@dataclass(frozen=True)
class DataSet:
    """One measured curve.

    Attributes:
        name: as it is told in words, for example the file's name.
        times, values: shapes (n,); seconds and the unit of the curve.
        model: `model(parameters (batch,), times (n,))` -> (batch, n), of this set's settings.
        fixed: what that model takes besides the free parameters.
        weights: shape (n,), proportional to 1/variance; 0 leaves a point out; all one when left out.
        deviation: the standard deviation of the noise where the weight is one, a number or shape (n,); None: it is
            estimated.
        start: where a search for values of this set alone begins; a name left out begins where `Free` says.
    """

    name: str
    times: Tensor
    values: Tensor
    model: Model
    fixed: Mapping[str, float]
    weights: Tensor | None = None
    deviation: float | Tensor | None = None
    start: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prior:
    """A normal distribution of u, which is ln(theta) where the parameter is positive.

    Attributes:
        centre: theta at the centre, the median.
        deviation: the standard deviation of u.
    """

    centre: float
    deviation: float


@dataclass(frozen=True)
class Free:
    """A parameter that is to be found.

    Attributes:
        start: where the search begins.
        lower, upper: bounds; a parameter is positive, and fitted as its logarithm, unless `lower` is below zero.
        prior: what is known of it beforehand.
        separate: one value for each data set, named "dispersion[FILE]" in the results.
        unit: the unit in which sentences tell it, and `size`, one of that unit in SI.
    """

    name: str
    start: float
    lower: float = 0.0
    upper: float = math.inf
    prior: Prior | None = None
    separate: bool = False
    unit: str = ""
    size: float = 1.0


@dataclass(frozen=True)
class Nuisance:
    """Something that the instrument adds, one value for each set unless `shared`.

    The prior of a gain is one of its logarithm, those of the others are in the curve's unit, 1/s and s.
    """

    kind: Kind
    prior: Prior | None = None
    shared: bool = False


@dataclass(frozen=True)
class Problem:
    """Data sets that are fitted together; `noise` says how it is estimated where it is not known."""

    sets: tuple[DataSet, ...]
    free: tuple[Free, ...]
    nuisance: tuple[Nuisance, ...] = ()
    loss: Loss = "squares"
    noise: Literal["common", "separate"] = "common"

    def label(self, name: str, of: int, *, separate: bool = True) -> str:
        """Return what parameter `name` of data set `of` is called in the results; alone, a set has no brackets."""
        return f"{name}[{self.sets[of].name}]" if separate and len(self.sets) > 1 else name

    def told(self, name: str, value: float) -> str:
        """Write a value of a free parameter for people, in the unit that it is told in."""
        free = next((each for each in self.free if each.name == name.partition("[")[0]), None)
        return f"{value:.4g}" if free is None else f"{value / free.size:.4g} {free.unit}".strip()

    def check(self) -> None:
        """Raise at the first thing that cannot be fitted.

        Raises:
            DataError: a set whose numbers are not finite or whose shapes differ, or two sets of one name.
            ParameterError: nothing or the same thing twice to fit, a start or a prior that cannot be.
        """
        if not self.sets:
            raise DataError("no data set to fit; give at least one measured curve")
        names = [one.name for one in self.sets]
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"two data sets are called {name}; give each its own name")
        for one in self.sets:
            _check_set(one)
        _check_names(self)
        for free in self.free:
            _check_free(free)
        for nuisance in self.nuisance:
            if nuisance.kind not in NEUTRAL:
                raise ParameterError(f"{nuisance.kind!r} is no nuisance; choose {', '.join(NEUTRAL)}")
            _check_prior(nuisance.kind, nuisance.prior, positive=nuisance.kind == "gain")


def _check_set(one: DataSet) -> None:
    times, values = one.times, one.values
    if times.ndim != 1 or times.shape != values.shape or times.numel() == 0:
        raise DataError(f"{one.name}: times {tuple(times.shape)} and values {tuple(values.shape)} must both be (n,)")
    for what, numbers in (("time", times), ("value", values)):
        if not bool(torch.isfinite(numbers).all()):
            bad = int(torch.nonzero(~torch.isfinite(numbers))[0, 0])
            raise DataError(f"{one.name}, point {bad + 1}: the {what} is not a finite number; leave the point out")
    weights = one.weights
    if weights is not None:
        if weights.shape != times.shape or not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
            raise DataError(f"{one.name}: weights must be finite, not below zero, and one for each point")
        if not bool((weights > 0).any()):
            raise DataError(f"{one.name}: every point is left out; leave the set out or keep some points")
    if one.deviation is not None:
        noise = torch.as_tensor(one.deviation, dtype=torch.float64)
        if noise.ndim > 1 or (noise.ndim == 1 and noise.shape != times.shape):
            raise DataError(f"{one.name}: the noise must be one number, or one for each point")
        if not bool((torch.isfinite(noise) & (noise > 0)).all()):
            raise DataError(f"{one.name}: the standard deviation of the noise must be above zero")


def _check_names(problem: Problem) -> None:
    if not problem.free:
        raise ParameterError("nothing to fit; name at least one parameter")
    for what in ([free.name for free in problem.free], [str(nuisance.kind) for nuisance in problem.nuisance]):
        for name in what:
            if what.count(name) > 1:
                raise ParameterError(f"{name} is to be fitted twice; name it once")
    if problem.loss not in ("squares", "huber", "student"):
        raise ParameterError(f"loss = {problem.loss!r} is not one of squares, huber, student")
    if problem.noise not in ("common", "separate"):
        raise ParameterError(f"noise = {problem.noise!r} is not one of common, separate")


def _check_free(free: Free) -> None:
    if not math.isfinite(free.start):
        raise ParameterError(f"{free.name}: the starting value is not finite")
    if not free.lower < free.upper:
        raise ParameterError(f"{free.name}: its lower bound {free.lower:g} is not below its upper bound {free.upper:g}")
    if free.lower >= 0 and free.start <= 0:
        raise ParameterError(f"{free.name}: the starting value must be above zero")
    _check_prior(free.name, free.prior, positive=free.lower >= 0)


def _check_prior(name: str, prior: Prior | None, *, positive: bool) -> None:
    if prior is None:
        return
    if not (math.isfinite(prior.centre) and prior.deviation > 0 and math.isfinite(prior.deviation)):
        raise ParameterError(f"{name}: a prior needs a finite centre and a deviation above zero")
    if positive and prior.centre <= 0:
        raise ParameterError(f"{name}: the centre of its prior must be above zero, as the parameter is")
