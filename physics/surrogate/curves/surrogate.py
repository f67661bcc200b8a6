"""`Surrogate`: what a trained family answers to settings: outputs with simultaneous intervals, and its doubts.

A curve is predicted at the places of its family, held within its bounds and to its direction there, and read at the
output times. What bounds and direction say of the truth also narrows the band, which loses no coverage by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from physics import experiments
from physics.experiment import Experiment
from physics.solution import Output
from physics.surrogate import trust
from physics.surrogate.conformal import check_level
from physics.surrogate.curves import weights
from physics.surrogate.curves.basis import read, risen
from physics.surrogate.curves.emulator import Emulator
from physics.surrogate.curves.family import Answer, Band, Family, Target
from physics.surrogate.trust import Doubt
from physics.validate.law import FINITE, Sample

BEYOND = 1e-9  # of a place: what rounding may add to the last time


@dataclass(frozen=True)
class Prediction:
    """The answers to a batch of settings, the level of their intervals, and every reason not to trust them.

    `tolerance` is the largest half-width of the first curve, what the laws of the experiment take its error to be.
    """

    answers: tuple[Answer, ...]
    level: float
    doubts: tuple[Doubt, ...]
    tolerance: float

    @property
    def outputs(self) -> dict[str, Output]:
        """The predicted outputs by name."""
        return {answer.output.name: answer.output for answer in self.answers}

    @property
    def batch(self) -> int:
        """How many members it has."""
        return len(self.answers[0].output.values)

    def abstained(self) -> Tensor:
        """Return which members should be handed to the solver, shape (batch,)."""
        return trust.abstained(self.doubts, self.batch)


@dataclass(frozen=True)
class Surrogate:
    """A trained family with its card."""

    family: Family
    emulators: Mapping[str, Emulator]
    card: Mapping[str, Any]

    @classmethod
    def load(cls, family: Family, folder: Path = weights.FOLDER) -> Surrogate:
        """Return the surrogate of a family.

        Raises:
            DataError: its weights are missing or cannot be used.
        """
        return cls(family, *weights.read(family, folder))

    @property
    def experiment(self) -> Experiment:
        """The experiment whose runs it predicts."""
        return experiments.get(self.family.experiment)

    @torch.no_grad()
    def predict(
        self, settings: Mapping[str, Any], times: Tensor, *, level: float = 0.9, budget: float | None = None,
        judge: bool = True,
    ) -> Prediction:  # fmt: skip
        """Predict runs.

        Args:
            settings: complete SI settings that the family knows (`Family.unknown` says nothing of them).
            times: output times, shape (times,).
            level: probability with which an interval holds the whole of an output.
            budget: relative half-width that is accepted of every output; each target's own if left out.
            judge: apply the experiment's laws to the answers.

        Raises:
            ParameterError: the level is none.
        """
        check_level(level)
        family, numbers = self.family, self._numbers(settings)
        batch = len(next(iter(numbers.values())))
        doubts = trust.outside(family.ranges, numbers)
        inputs, groups = family.scaled(numbers), family.groups(numbers)
        clock = family.clock(settings)
        bands: dict[str, Band] = {}
        known: dict[str, Band] = {}
        for target in family.targets:
            emulator = self.emulators[target.name]
            nodes, apart = target_band(target, emulator, inputs, groups, level)
            known[target.name] = nodes
            doubts.append(trust.far(apart, emulator.most))
            band = nodes if target.nodes == 1 else self._read(target, nodes, settings, numbers, times, clock)
            bands[target.name] = Band(*(part[:, 0] for part in band)) if target.nodes == 1 else band
            limit = target.budget if budget is None else budget
            doubts.append(trust.wide(target.name, relative_width(bands[target.name]), limit, level))
        doubts += self._late(numbers, times.max() / clock)
        answers = tuple(family.answers(settings, numbers, bands, known, times))
        tolerance = _tolerance(answers)
        if judge:
            sample = Sample(settings, {answer.output.name: answer.output for answer in answers}, tolerance)
            doubts += trust.broken((FINITE, *self.experiment.laws), sample, batch)
        return Prediction(answers, level, tuple(doubts), tolerance)

    def outside(self, settings: Mapping[str, Any]) -> list[Doubt]:
        """Return the doubts about members whose numbers lie outside the ranges."""
        return trust.outside(self.family.ranges, self._numbers(settings))

    def slow(self) -> str:
        """Return why the solver should answer instead, from the measured table of the card; "" where it need not."""
        return trust.slow(self.card.get("speed"))

    def _numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the numbers of every member, (batch,) each."""
        numbers = self.family.numbers(settings)
        batch = max(len(value) for value in numbers.values())
        return {name: value.expand(batch) for name, value in numbers.items()}

    def _read(
        self, target: Target, nodes: Band, settings: Mapping[str, Any], numbers: Mapping[str, Tensor], times: Tensor,
        clock: Tensor,
    ) -> Band:  # fmt: skip
        """Read a curve's band at the output times, as the sum of its parts."""
        offset, parts = self.family.parts(settings)
        value = lower = upper = torch.full((1, 1), offset, dtype=torch.float64)
        for part in parts:
            at = times if part.shift is None else times - part.shift[:, None]
            places = self.family.places(numbers, (at / clock[:, None]).expand(len(nodes.value), -1))
            found = Band(*read(torch.stack(nodes), places))
            if not self.family.settles and (limit := target.limit) is not None:
                found = found._replace(upper=torch.where(places > 1.0, limit, found.upper))
            if part.shift is not None:  # before it begins there is nothing
                found = Band(*(torch.where(at > 0, each, 0.0) for each in found))
            low, high = (found.lower, found.upper) if part.factor > 0 else (found.upper, found.lower)
            value = value + part.factor * found.value
            lower, upper = lower + part.factor * low, upper + part.factor * high
        held = _held(target, Band(value, lower, upper))
        return held._replace(lower=torch.minimum(*held[:2]), upper=torch.maximum(held.value, held.upper))

    def _late(self, numbers: Mapping[str, Tensor], last: Tensor) -> list[Doubt]:
        """Doubt members of which a time after the end of the learned curve is asked."""
        if self.family.settles or all(each.nodes == 1 or each.limit is not None for each in self.family.targets):
            return []
        batch = len(next(iter(numbers.values())))
        over = self.family.places(numbers, last[:, None].expand(batch, 1))[:, 0] > 1.0 + BEYOND
        return [Doubt("time", over, lambda member: "an output time lies after the end of the curves that were learned")]


def target_band(
    target: Target, emulator: Emulator, inputs: Tensor, groups: Tensor, level: float
) -> tuple[Band, Tensor]:
    """Return the band of a target at its nodes, (batch, nodes) each, and the distance to the nearest known run."""
    if emulator.conformal is None:
        raise ValueError(f"{target.name} was not calibrated")
    learned, expected, apart = emulator.predict(inputs)
    half = (emulator.conformal.radius(level, groups) * expected)[:, None] * emulator.profile
    parts = target.learned(torch.stack([learned, learned - half, learned + half]))
    if target.lower is not None or target.upper is not None:
        parts = parts.clamp(target.lower, target.upper)
    return Band(*(risen(parts) if target.rising else parts)), apart


def _held(target: Target, band: Band) -> Band:
    """Hold a band within the bounds of its target."""
    if target.lower is None and target.upper is None:
        return band
    return Band(*(part.clamp(target.lower, target.upper) for part in band))


def relative_width(band: Band) -> Tensor:
    """Return the largest half-width over the largest value of an output, (batch,) or (batch, times), shape (batch,)."""
    half = 0.5 * (band.upper - band.lower)
    if half.dim() == 1:
        return half / band.value.abs().clamp_min(1e-300)
    return half.amax(1) / band.value.abs().amax(1).clamp_min(1e-300)


def _tolerance(answers: Sequence[Answer]) -> float:
    first = next((answer for answer in answers if answer.output.time is not None), answers[0])
    found = 0.5 * float((first.upper - first.lower).amax())
    return found if found < float("inf") else 1.0
