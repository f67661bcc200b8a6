"""A candidate run: settings that could be chosen, and what is not known about them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import norm

from physics.errors import ParameterError


@dataclass(frozen=True)
class Unknown:
    """A log-normal prior: the median (SI) and the standard deviation of the logarithm."""

    median: float
    log_deviation: float

    def __post_init__(self) -> None:
        if not (self.median > 0 and math.isfinite(self.median) and 0 <= self.log_deviation < math.inf):
            raise ParameterError(f"a prior of median {self.median:g} and spread {self.log_deviation:g} is not usable")


@dataclass(frozen=True)
class Candidate:
    """One way to run the experiment.

    Attributes:
        settings: what the experimenter would set, as the caller wants to see it again.
        known: the model's parameters that are certain, SI.
        unknown: the model's parameters that are uncertain; all are estimated together.
        duration: of the run, seconds.
        own_time: seconds that stand for one unit of this run's own time, for example a pore volume.
        input_duration: how long tracer is fed, seconds; infinite for a step.
        material_rate: tracer solution used per second of feeding, in the caller's unit.
        model: which of the caller's models describes it.
    """

    settings: Mapping[str, Any]
    known: Mapping[str, float]
    unknown: Mapping[str, Unknown]
    duration: float
    own_time: float
    input_duration: float = math.inf
    material_rate: float = 0.0
    model: str = "step"

    def material(self, duration: float) -> float:
        """Tracer solution that a run of `duration` seconds uses."""
        return self.material_rate * min(self.input_duration, duration)


@dataclass(frozen=True)
class Limits:
    """What the laboratory allows; times in seconds, bounds included."""

    duration: float
    samples: int
    interval: float = 0.0
    first: float = 0.0
    material: float = math.inf
    raster: Sequence[float] = field(
        default=(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
    )

    def __post_init__(self) -> None:
        if not self.duration > 0 or not self.interval >= 0 or not self.first >= 0:
            raise ParameterError("limits: duration must be above zero, interval and first sample not below zero")
        if self.samples < 1:
            raise ParameterError(f"limits: {self.samples} samples cannot determine anything; allow at least one")


def grid(**choices: Sequence[Any]) -> list[dict[str, Any]]:
    """Every combination of the choices, in their order."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def scenarios(unknown: Mapping[str, Unknown], level: float = 0.8) -> list[dict[str, float]]:
    """The medians, then each parameter alone at the two ends of its central `level` interval, SI.

    These are the points of a star design in the logarithms: 1 + 2 P of them, fewer where a spread is zero.
    """
    median = {name: prior.median for name, prior in unknown.items()}
    found = [median]
    z = float(norm.ppf(0.5 + level / 2))
    for name, prior in unknown.items():
        for sign in (-1.0, 1.0):
            if prior.log_deviation > 0:
                found.append({**median, name: prior.median * math.exp(sign * z * prior.log_deviation)})
    return found
