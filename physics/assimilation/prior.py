"""Priors of positive parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from physics.errors import ParameterError


@dataclass(frozen=True)
class LogNormal:
    """A positive number that is known up to a factor: its median and the standard deviation of its logarithm."""

    median: float
    deviation: float

    def checked(self, name: str) -> LogNormal:
        """Return self, or say what cannot be.

        Raises:
            ParameterError: the median is not positive, or the deviation not between 0 and 3.
        """
        if math.isfinite(self.median) and self.median > 0 and 0 < self.deviation < 3:
            return self
        raise ParameterError(
            f"{name}: a prior with median {self.median:g} and deviation {self.deviation:g} of the logarithm cannot be; "
            "give a positive median and a deviation below 3"
        )


def median_of(value: LogNormal | float) -> float:
    """Return the number, or the median of what is known of it."""
    return value.median if isinstance(value, LogNormal) else float(value)
