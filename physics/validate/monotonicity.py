"""Curves that may only rise, only fall, or rise once and then fall."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from physics.validate.bounds import Bound, slack_of
from physics.validate.law import Kind, Law, Sample, worst


def fall(values: Tensor) -> Tensor:
    """Return how far each value lies below the highest one before it, shape (batch, times)."""
    return values.cummax(1).values - values


def reversal(values: Tensor, rising: bool = True) -> Tensor:
    """Return the deepest fall of a rising curve, or the highest rise of a falling one, shape (batch,)."""
    return worst(fall(values if rising else -values))


def second_rise(values: Tensor) -> Tensor:
    """Return the worst departure of curves (batch, times) from one rise to the maximum and one fall after it.

    Before its maximum a curve may not fall, after it not rise.
    """
    top = torch.nan_to_num(values, nan=-torch.inf).argmax(1, keepdim=True)
    before = torch.arange(values.shape[1], device=values.device)[None] <= top
    rising = fall(torch.where(before, values, values.amax(1, keepdim=True)))
    falling = fall(torch.where(before, values.amax(1, keepdim=True), values).mul(-1.0))
    return worst(torch.maximum(rising, falling))


def monotone(
    output: str,
    *,
    rising: bool = True,
    slack: Bound = None,
    name: str = "",
    unit: str = "",
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """The curve never turns back by more than `slack` (twice the sample's tolerance if left out)."""
    word = "rises" if rising else "falls"

    def departure(sample: Sample) -> Tensor | None:
        return None if where is not None and not where(sample) else reversal(sample.values(output), rising)

    return Law(
        name or f"{output} only {word}",
        Kind.MONOTONICITY,
        unit,
        f"how far {output} turns back where it only {word}",
        departure,
        slack_of(_twice if slack is None else slack),
        (output,),
    )


def single_peak(
    output: str,
    *,
    slack: Bound = None,
    name: str = "",
    unit: str = "",
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """The curve rises to one maximum and falls after it, but for `slack` (twice the sample's tolerance)."""

    def departure(sample: Sample) -> Tensor | None:
        return None if where is not None and not where(sample) else second_rise(sample.values(output))

    return Law(
        name or f"{output} has one peak",
        Kind.MONOTONICITY,
        unit,
        f"how far {output} falls before its maximum or rises after it",
        departure,
        slack_of(_twice if slack is None else slack),
        (output,),
    )


def _twice(sample: Sample) -> float:
    """Two values may each be wrong by the tolerance."""
    return 2.0 * sample.tolerance
