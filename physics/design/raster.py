"""Times that a person can keep: a raster with a round step, and schedules that keep every limit to the last digit.

A step is one of 1, 2, 5, 10, 15, 20, 30 s, 1, 2, 5, 10, 15, 20, 30 min, 1, 2, 4, 8, 24 h, below a second and above a
day a power of ten times 1, 2 or 5; where the least interval between two samples is longer than such a step, it is a
whole part of that interval. Products of a whole number and a step are rounded as numbers of a computer are, so that a
gap may come out short by one unit of the last digit: `exact` pushes times apart until every gap, the first and the
last time keep their limits as the computer compares them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from physics.design.candidate import Limits

SLOTS = 240  # most slots of a raster
_PARTS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240)


def raster_of(window: float, limits: Limits, slots: int = SLOTS) -> float:
    """Return the finest round step that divides the window into no more than `slots`."""
    least = window / slots
    if limits.interval >= least:
        parts = max(part for part in _PARTS if limits.interval / part >= least)
        return limits.interval / parts
    listed = [float(step) for step in limits.raster if step >= least]
    if least >= min(limits.raster) / 10 and listed:
        return min(listed)
    power = 10.0 ** math.floor(math.log10(least))
    # Written as a decimal, so that 0.0002 is the number that people mean by it.
    return next(float(f"{k * power:.3g}") for k in (1, 2, 5, 10) if k * power >= least * (1 - 1e-12))


def gap_of(step: float, interval: float) -> int:
    """Slots between two samples."""
    return max(math.ceil(interval / step * (1 - 1e-12)), 1)


def exact(times: Tensor, limits: Limits, last: float) -> Tensor:
    """Move rising times by as little as it takes to keep `first`, `interval` and the last time; drop what does not fit.

    Every comparison that a reader may make with the limits then holds in floating-point numbers.
    """
    found: list[float] = []
    end = min(last, limits.duration)
    for time in times.tolist():
        at = max(time, limits.first)
        if found:
            while at - found[-1] < limits.interval:
                at = math.nextafter(max(at, found[-1] + limits.interval), math.inf)
        found.append(at)
    for k in reversed(range(len(found))):
        most = end if k == len(found) - 1 else found[k + 1] - limits.interval
        found[k] = min(found[k], most)
        while k + 1 < len(found) and found[k + 1] - found[k] < limits.interval:
            found[k] = math.nextafter(found[k], -math.inf)
    while found and (found[0] < limits.first or found[0] <= 0 < limits.first):
        found.pop(0)
    return torch.tensor(found[: limits.samples], dtype=torch.float64)
