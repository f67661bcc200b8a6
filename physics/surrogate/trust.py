"""Why a surrogate should not answer: the reasons, member by member of a batch, each with its sentence.

Every function here gives a `Doubt`: which members it concerns and what to say of one. A member with any doubt goes
to the solver. The kinds:

    setting    a setting that the surrogate was not trained with, or a file as input
    range      outside the trained ranges: which, and the range
    time       beyond the times, or the horizon of a rollout, that it was trained on
    distance   far from every training run, though within the ranges
    width      an interval wider than the budget asked for
    law        a balance, a bound or a residual of the equation that its answer breaks
    speed      the solver is as fast for the same error
    weights    its weights are missing, cut short, or those of another model
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from physics.surrogate.regime import Range
from physics.validate.law import Law, Sample, find

FASTER = 100.0  # than the solver at the same error, or the solver answers
ROUNDING = 1e-9  # of a range: what a conversion of units may add to a value at its end


@dataclass(frozen=True)
class Doubt:
    """One reason: whether it concerns each member, shape (batch,), and the sentence for a member."""

    kind: str
    members: Tensor
    sentence: Callable[[int], str]


def reasons(doubts: Iterable[Doubt], member: int = 0) -> list[tuple[str, str]]:
    """Return the kind and the sentence of every doubt about one member."""
    return [(doubt.kind, doubt.sentence(member)) for doubt in doubts if bool(doubt.members[member])]


def abstained(doubts: Sequence[Doubt], batch: int) -> Tensor:
    """Return which members any doubt concerns, shape (batch,)."""
    found = torch.zeros(batch, dtype=torch.bool)
    for doubt in doubts:
        found |= doubt.members.cpu()
    return found


def everyone(kind: str, sentence: str, batch: int) -> Doubt:
    """A reason that concerns the whole batch."""
    return Doubt(kind, torch.ones(batch, dtype=torch.bool), lambda member: sentence)


def outside(ranges: Sequence[Range], numbers: Mapping[str, Tensor]) -> list[Doubt]:
    """Doubt members with a number, each of shape (batch,), outside its trained range; one doubt a range."""
    return [_outside(each, numbers[each.name]) for each in ranges]


def _outside(asked: Range, values: Tensor) -> Doubt:
    room = ROUNDING * max(abs(asked.low), abs(asked.high))
    within = (values >= asked.low - room) & (values <= asked.high + room)

    def sentence(member: int) -> str:
        span = f"{asked.low:g} to {asked.high:g} {asked.unit}".strip()
        shown = f"{float(values[member]):.4g} {asked.unit}".strip()
        return f"{asked.name} = {shown} lies outside the trained range, {span}"

    return Doubt("range", ~within, sentence)


def above(kind: str, what: str, values: Tensor, limit: float) -> Doubt:
    """Doubt members of which something, shape (batch,), exceeds its limit: a residual, a defect, a number of steps."""
    return Doubt(
        kind,
        ~(values <= limit),
        lambda member: f"{what} is {float(values[member]):.3g}, at most {limit:.3g} is trusted",
    )


def far(distance: Tensor, most: float) -> Doubt:
    """Doubt members whose distance (batch,) to the nearest training run exceeds the most seen in calibration."""
    return Doubt(
        "distance",
        ~(distance <= most),
        lambda member: f"no training run is near: distance {float(distance[member]):.2g}, at most {most:.2g}",
    )


def wide(name: str, width: Tensor, budget: float, level: float, than: str = "the budget") -> Doubt:
    """Doubt members whose half-width (batch,), relative to the output's scale, exceeds the budget, or what is usual."""
    return Doubt(
        "width",
        ~(width <= budget),
        lambda member: (
            f"the {level:.0%} interval of {name} is +-{float(width[member]):.2g} of its scale, "
            f"wider than {than}, {budget:.3g}"
        ),
    )


def broken(laws: Sequence[Law], sample: Sample, batch: int) -> list[Doubt]:
    """Doubt members that break a law of their experiment; one doubt a law that is broken."""
    found = []
    for law in laws:
        finding = find(law, sample)
        if finding is None or bool(finding.kept.all()):
            continue
        broke = (~finding.kept).expand(batch)
        found.append(Doubt("law", broke, lambda member, name=law.name: f"its answer breaks the law '{name}'"))  # type: ignore[misc]
    return found


def slow(speed: Mapping[str, Any] | None) -> str:
    """Return why the solver should answer instead, from the measured speeds of a card; "" where it need not."""
    if not speed:
        return "its speed against the solver was never measured"
    if speed["ratio"] >= FASTER:
        return ""
    return (
        f"at the surrogate's own error the solver takes {speed['solver_us']:.3g} us a run in batches of "
        f"{speed['batch']} and the surrogate {speed['surrogate_us']:.3g} us: {speed['ratio']:.3g} times as fast, "
        f"less than {FASTER:g}"
    )
