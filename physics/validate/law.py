"""Laws that an output must keep, and the verdicts on it: conservation, symmetry, monotonicity, positivity.

A law reads settings and outputs alone, never a solver's insides, so that the output of a solver and that of a
surrogate are judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from physics.solution import Output


class Kind(StrEnum):
    """What sort of law it is."""

    CONSERVATION = "conservation"
    SYMMETRY = "symmetry"
    MONOTONICITY = "monotonicity"
    POSITIVITY = "positivity"  # and every other bound on a value
    CONSTRAINT = "constraint"  # for example a velocity without divergence


@dataclass(frozen=True)
class Sample:
    """One batch of outputs to be judged, with the complete SI settings that they belong to."""

    settings: Mapping[str, Any]
    outputs: Mapping[str, Output]
    tolerance: float  # the error that the outputs claim, absolute, in the unit of the first curve


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
        departure: `departure(sample)`, how far each member is from keeping the law, shape (batch,), zero or more;
            None where the law says nothing about these settings.
        limit: `limit(sample)`, the largest departure of a sound output, in the same unit.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    departure: Callable[[Sample], Tensor | None]
    limit: Callable[[Sample], float]


@dataclass(frozen=True)
class Verdict:
    """What a law says of a batch: the worst member's departure against the limit."""

    name: str
    kind: Kind
    ok: bool
    value: float
    limit: float
    unit: str
    detail: str
    member: int


def validate(
    laws: tuple[Law, ...], settings: Mapping[str, Any], outputs: Mapping[str, Output], *, tolerance: float
) -> list[Verdict]:
    """Judge outputs by every law that applies to them; one verdict a law, that of the worst member.

    A departure that is not a finite number breaks the law, whatever the limit.
    """
    sample = Sample(settings, outputs, tolerance)
    verdicts = [_finite(sample)]
    for law in laws:
        departure = law.departure(sample)
        if departure is not None:
            verdicts.append(_verdict(law, departure, law.limit(sample)))
    return verdicts


def _verdict(law: Law, departure: Tensor, limit: float) -> Verdict:
    worst = torch.where(torch.isfinite(departure), departure, torch.inf).detach().reshape(-1)
    member = int(worst.argmax())
    value = float(worst[member])
    return Verdict(law.name, law.kind, value <= limit, value, limit, law.unit, law.meaning, member)


def _finite(sample: Sample) -> Verdict:
    """Count what is not a finite number."""
    count = sum(int((~torch.isfinite(output.values)).sum()) for output in sample.outputs.values())
    return Verdict(
        "finite values", Kind.CONSTRAINT, count == 0, float(count), 0.0, "", "values that are not finite numbers", 0
    )
