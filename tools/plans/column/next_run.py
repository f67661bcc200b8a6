"""What is known before the run that follows measured ones, and the run that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student
from torch import Tensor

from physics.design.candidate import Limits
from physics.design.predict_interval import Band
from physics.design.propose import Proposal, Run
from physics.solution import Solution
from tools.plans.column.facts import LEVEL


@dataclass(frozen=True)
class Bench:
    """What is known before the next run: the apparatus, what the data say, and the limits (SI)."""

    base: dict[str, Any]
    names: tuple[str, ...]
    median: dict[str, float]
    factor: float  # by what velocity and dispersion are larger than in the past run
    covariance: Tensor  # of the logarithms, shape (P, P)
    freedom: int
    noise: float
    limits: Limits
    target: str
    wanted: float  # relative half-width
    asked: bool  # whether that precision was asked for; else the run comes as near to it as it can
    most_runs: int  # how often a run may be made
    settings: Mapping[str, str]

    @property
    def position(self) -> float:
        """Where the sensor stands."""
        return float(self.base.get("position", self.base["length"]))

    def half_width(self, covariance: Tensor, readings: int) -> dict[str, float]:
        """Return the relative half-width of each parameter's interval after `readings` more."""
        quantile = float(student.ppf(0.5 + LEVEL / 2, self.freedom + readings))
        deviation = covariance.diagonal().sqrt()
        return {name: quantile * float(deviation[j]) for j, name in enumerate(self.names)}


@dataclass(frozen=True)
class Next:
    """The next run with what it and its neighbours are expected to bring, relative half-widths by parameter."""

    bench: Bench
    proposal: Proposal
    band: Band
    solution: Solution
    before: dict[str, float]
    after: dict[str, float]
    others: dict[str, tuple[Run, dict[str, float]]]
    repeated: dict[str, float]
    runs: int  # how often the recommended run is to be made
    asked: Mapping[str, str]  # the settings of the request
    same_place: bool  # whether the sensor stands where it stood

    @property
    def chosen(self) -> Run:
        """The recommended run."""
        return self.proposal.recommended
