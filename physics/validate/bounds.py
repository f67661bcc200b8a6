"""Bounds on a value: positivity, a maximum principle, a plateau."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from physics.validate.law import Kind, Law, Sample, worst

Bound = float | Callable[[Sample], float | Tensor] | None
"""A number, a function of the sample that gives a number or shape (batch,), or None for no bound."""


def outside(values: Tensor, lower: float | Tensor | None, upper: float | Tensor | None) -> Tensor:
    """Return how far the worst value of each member lies outside, shape (batch,); zero where none does."""
    over = torch.zeros_like(values)
    if lower is not None:
        over = torch.maximum(over, _wide(lower, values) - values)
    if upper is not None:
        over = torch.maximum(over, values - _wide(upper, values))
    return worst(torch.where(torch.isnan(values), torch.inf, over))


def bounded(
    output: str,
    lower: Bound = None,
    upper: Bound = None,
    *,
    slack: Bound = None,
    name: str = "",
    unit: str = "",
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """Every value lies from `lower` to `upper`, but for `slack` (the sample's tolerance if left out)."""

    def departure(sample: Sample) -> Tensor | None:
        if where is not None and not where(sample):
            return None
        return outside(sample.values(output), resolve(lower, sample), resolve(upper, sample))

    ends = " and ".join(
        f"{word} {bound:g}" if isinstance(bound, float | int) else f"{word} its bound"
        for word, bound in (("above", lower), ("below", upper))
        if bound is not None
    )
    return Law(
        name or f"{output} within bounds",
        Kind.POSITIVITY,
        unit,
        f"how far a value of {output} fails to lie {ends}",
        departure,
        slack_of(slack),
        (output,),
    )


def resolve(bound: Bound, sample: Sample) -> float | Tensor | None:
    """Return the bound for this sample."""
    return bound(sample) if callable(bound) else bound


def slack_of(slack: Bound) -> Callable[[Sample], float | Tensor]:
    """Turn a slack into a limit: the sample's tolerance where none is given."""

    def limit(sample: Sample) -> float | Tensor:
        found = resolve(slack, sample)
        return sample.tolerance if found is None else found

    return limit


def _wide(bound: float | Tensor, values: Tensor) -> Tensor:
    """Give a bound of shape () or (batch,) the dimensions of the values."""
    tensor = torch.as_tensor(bound, dtype=values.dtype, device=values.device)
    return tensor.reshape(-1, *[1] * (values.dim() - 1))
