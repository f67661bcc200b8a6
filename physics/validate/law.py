"""Laws that an output must keep, and the verdicts on it: conservation, symmetry, monotonicity, positivity.

A law reads settings and outputs alone, never a solver's insides, so that the output of a solver and that of a
surrogate are judged alike. What several experiments share stands beside this file (`bounds`, `conservation`,
`divergence`, `monotonicity`, `symmetry`): each function there makes one law.
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

    def values(self, name: str) -> Tensor:
        """Return the values of the output `name`, shape (batch, ...)."""
        return self.outputs[name].values.detach()

    def number(self, name: str, default: float | None = None) -> Tensor:
        """Return a numeric setting in SI, shape () or (batch,); `default` where it is not set."""
        value = self.settings.get(name)
        return torch.as_tensor(default if value is None else value, dtype=torch.float64).detach()

    def axis(self, name: str, axis: str) -> int:
        """Return the dimension of the field `name` that runs along the coordinate `axis`."""
        return 2 + list(self.outputs[name].coordinates).index(axis)


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
        departure: `departure(sample)`, how far each member is from keeping the law, shape (batch,), zero or more;
            None where the law says nothing about these settings.
        limit: `limit(sample)`, the largest departure of a sound output, in the same unit: a number, or shape
            (batch,).
        needs: the outputs that the law reads; it says nothing where one of them is missing.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    departure: Callable[[Sample], Tensor | None]
    limit: Callable[[Sample], float | Tensor]
    needs: tuple[str, ...] = ()


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
    applies: bool = True  # False where the law says nothing about these settings and outputs


@dataclass(frozen=True)
class Finding:
    """What one law says of every member; `departure` and `limit` have shape (batch,)."""

    law: Law
    departure: Tensor
    limit: Tensor

    @property
    def kept(self) -> Tensor:
        """Whether each member keeps the law; a departure that is no number breaks it, whatever the limit."""
        return self.departure <= self.limit

    @property
    def verdict(self) -> Verdict:
        """The verdict on the worst member: the one that is furthest over its limit."""
        share = self.departure / self.limit.clamp_min(1e-300)
        member = int(torch.where(self.kept, share, share + 1e300).argmax())
        value, limit = float(self.departure[member]), float(self.limit[member])
        ok = bool(self.kept.all())
        return Verdict(self.law.name, self.law.kind, ok, value, limit, self.law.unit, self.law.meaning, member)


def worst(values: Tensor) -> Tensor:
    """Return the largest value of each member, shape (batch,); what is not a number counts as infinite."""
    flat = values.detach().reshape(values.shape[0], -1)
    return torch.where(torch.isnan(flat), torch.inf, flat).amax(-1)


def find(law: Law, sample: Sample) -> Finding | None:
    """Apply one law to every member; None where it says nothing."""
    if any(name not in sample.outputs for name in law.needs):
        return None
    departure = law.departure(sample)
    if departure is None:
        return None
    departure = departure.detach().reshape(-1)
    limit = torch.as_tensor(law.limit(sample), dtype=departure.dtype, device=departure.device).detach().reshape(-1)
    return Finding(law, torch.where(torch.isfinite(departure), departure, torch.inf), limit.expand_as(departure))


def validate(
    laws: tuple[Law, ...], settings: Mapping[str, Any], outputs: Mapping[str, Output], *, tolerance: float
) -> list[Verdict]:
    """Judge outputs by every law; one verdict a law, that of the worst member."""
    sample = Sample(settings, outputs, tolerance)
    verdicts = []
    for law in (FINITE, *laws):
        found = find(law, sample)
        if found is None:
            verdicts.append(Verdict(law.name, law.kind, True, 0.0, 0.0, law.unit, law.meaning, 0, applies=False))
        else:
            verdicts.append(found.verdict)
    return verdicts


def broken(
    laws: tuple[Law, ...], settings: Mapping[str, Any], outputs: Mapping[str, Output], *, tolerance: float
) -> dict[str, Tensor]:
    """Return, for every law that applies, which members break it: name -> shape (batch,)."""
    sample = Sample(settings, outputs, tolerance)
    found = [find(law, sample) for law in (FINITE, *laws)]
    return {each.law.name: ~each.kept for each in found if each is not None}


def _not_finite(sample: Sample) -> Tensor:
    """Count what is not a finite number."""
    counts = [
        (~torch.isfinite(output.values)).reshape(output.values.shape[0], -1).sum(-1).to(torch.float64)
        for output in sample.outputs.values()
    ]
    return torch.stack(counts).sum(0)


FINITE = Law(
    "finite values", Kind.CONSTRAINT, "", "values that are not finite numbers", _not_finite, lambda sample: 0.0
)
