"""Priors of positive parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

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


def numbers_of(given: Iterable[float | LogNormal], z: Tensor) -> list[Tensor]:
    """Return each number for every member of z, (batch, m), as (batch,); unknown ones take its first columns."""
    values, k = [], 0
    for value in given:
        if isinstance(value, LogNormal):
            values.append(value.median * torch.exp(value.deviation * z[:, k]))
            k += 1
        else:
            values.append(torch.full_like(z[:, 0], value))
    return values
