"""`Family`: runs of one experiment that a surrogate of curves answers, in the numbers that the equation knows.

A family draws dimensionless numbers from ranges named in advance, solves them, and leads from a person's settings to
those numbers and back to outputs in the experiment's own units. A curve is known at places u from 0 to 1, which the
family lays over the times that show the run.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from physics.solution import Output
from physics.surrogate.regime import Range

Numbers = Mapping[str, Tensor]
Report = Callable[[float], None]
ON_EDGE = 1.0 / 3.0


@dataclass(frozen=True)
class Target:
    """What is learned of a run: a curve at evenly spaced places, or a number.

    Attributes:
        nodes: places of a curve; 1 for a number.
        log: learn the logarithm, so that errors count relative to the value.
        lower, upper: what no value of a run leaves.
        rising: whether a curve only rises.
        budget: the half-width, relative, that a person would accept: of a number over itself, of a curve over its
            largest value.
    """

    name: str
    nodes: int = 1
    log: bool = False
    lower: float | None = None
    upper: float | None = None
    rising: bool = False
    budget: float = 0.01

    @property
    def limit(self) -> float | None:
        """What a curve may still rise to after its last place: its upper bound, where it only rises."""
        return self.upper if self.rising and self.nodes > 1 else None

    def sound(self, values: Tensor) -> Tensor:
        """Return solved values (runs, nodes) held to what is known of the truth, which only takes from their error."""
        held = values if self.lower is None and self.upper is None else values.clamp(self.lower, self.upper)
        return held.cummax(1).values if self.rising else held

    def to_learn(self, values: Tensor) -> Tensor:
        """Return solved values (runs, nodes) as they are learned."""
        return self.sound(values).log() if self.log else self.sound(values)

    def learned(self, values: Tensor) -> Tensor:
        """Return values from what is learned."""
        return values.exp() if self.log else values


class Band(NamedTuple):
    """A prediction with its interval, each of shape (batch,) or (batch, times)."""

    value: Tensor
    lower: Tensor
    upper: Tensor

    def scaled(self, factor: Tensor) -> Band:
        """Return the band in another unit; the factor is positive, shape (batch,)."""
        wide = factor.reshape(-1, *[1] * (self.value.dim() - 1))
        return Band(*(part * wide for part in self))


class Answer(NamedTuple):
    """One output with the ends of its interval, of the shape of its values."""

    output: Output
    lower: Tensor
    upper: Tensor


class Part(NamedTuple):
    """One term of a curve by superposition: `factor` times the learned curve, `shift` (batch,) seconds later."""

    factor: float
    shift: Tensor | None = None


class Counts(NamedTuple):
    """How many runs each split has unless somebody says otherwise."""

    train: int
    calibration: int
    coverage: int
    beyond: int


class Family(ABC):
    """One family of runs.

    Attributes:
        name: as the file's.
        experiment: whose runs they are.
        title: in words.
        ranges: of the dimensionless numbers.
        targets: what is learned.
        grouped: the number by which intervals are calibrated apart, and into how many parts of its range.
        edges: numbers that usually stand at the low end of their range, as a decay of zero does: a third of the runs
            have it there, and intervals are calibrated apart for those, since an edge is harder than the inside.
        counts: of runs.
        tolerance: of the solver's error in the runs learned from.
        accuracy: the smallest tolerance that is asked of the solver where its speed is compared.
        modelled: whether the experiment's `model` gives all that is learned, and so competes with its `simulate`.
        kind: of the regressor that measured better, "gaussian" or "network".
        settles: whether a curve keeps its last value after the places end.
    """

    name: str
    experiment: str
    title: str
    ranges: tuple[Range, ...]
    targets: tuple[Target, ...]
    grouped: tuple[str, int]
    counts: Counts
    tolerance: float
    edges: tuple[str, ...] = ()
    accuracy: float = 1e-9
    modelled: bool = False
    kind: str = "gaussian"
    settles: bool = False

    @abstractmethod
    def unknown(self, settings: Mapping[str, Any]) -> str:
        """Return why complete SI settings are no run of this family, in one clause; "" where they are."""

    @abstractmethod
    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the dimensionless numbers of complete SI settings, shape (batch,) each."""

    @abstractmethod
    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """Return settings of the experiment, numbers or (batch,), that have these numbers."""

    @abstractmethod
    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """Return the targets of runs, shape (runs, nodes) each; not a number where a run has no usable result."""

    @abstractmethod
    def clock(self, settings: Mapping[str, Any]) -> Tensor:
        """Return the unit of the dimensionless time in that of the outputs' times, shape (batch,)."""

    @abstractmethod
    def times(self, numbers: Numbers, places: Tensor) -> Tensor:
        """Return the dimensionless times at places u (n,) from 0 to 1, shape (batch, n)."""

    @abstractmethod
    def places(self, numbers: Numbers, times: Tensor) -> Tensor:
        """Return the places u of dimensionless times (batch, n); beyond 0 and 1 where the curve is not known."""

    @abstractmethod
    def answers(
        self, settings: Mapping[str, Any], numbers: Numbers, bands: Mapping[str, Band], nodes: Mapping[str, Band],
        times: Tensor,
    ) -> list[Answer]:  # fmt: skip
        """Return the outputs, in the experiment's units.

        Args:
            settings, numbers: complete and in SI; dimensionless, (batch,).
            bands: of the targets, numbers (batch,) and curves read at the output times (batch, times).
            nodes: of the targets at their nodes, (batch, nodes).
            times: of the outputs, shape (times,).
        """

    def parts(self, settings: Mapping[str, Any]) -> tuple[float, list[Part]]:
        """Return the offset and the terms of which the curve for these settings is the sum."""
        return 0.0, [Part(1.0)]

    def scaled(self, numbers: Numbers) -> Tensor:
        """Return the numbers from -1 to 1 over their ranges, shape (batch, ranges)."""
        return torch.stack([each.scaled(numbers[each.name]) for each in self.ranges], -1)

    def groups(self, numbers: Numbers) -> Tensor:
        """Return the group of each run, shape (batch,)."""
        name, count = self.grouped
        by = next(each for each in self.ranges if each.name == name)
        found = ((by.scaled(numbers[name]) + 1.0) / 2.0 * count).long().clamp(0, count - 1)
        for k, edge in enumerate(self.edges):
            low = next(each for each in self.ranges if each.name == edge).low
            found = found + count * 2**k * (numbers[edge] <= low).long()
        return found

    def draw(self, split: str, count: int, seed: int) -> dict[str, Tensor]:
        """Draw the numbers of a split: evenly spread to train on, at random to judge by, and beyond the ranges."""
        own = hashlib.sha256(f"{self.name}/{split}/{seed}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(own[:7], "big"))
        if split == "train":
            spread = torch.quasirandom.SobolEngine(len(self.ranges), True, seed).draw(count, dtype=torch.float64)
            placed = {each.name: _placed(each, spread[:, k]) for k, each in enumerate(self.ranges)}
            return self._on_edges(placed, generator)
        outside = torch.zeros(len(self.ranges), count, dtype=torch.bool)
        if split == "beyond":
            ends = torch.tensor([float(each.reach != (each.low, each.high)) for each in self.ranges])
            lead = torch.multinomial(ends, count, replacement=True, generator=generator)
            outside[lead, torch.arange(count)] = True
        drawn = {each.name: each.draw(count, generator, outside[k]) for k, each in enumerate(self.ranges)}
        return drawn if split == "beyond" else self._on_edges(drawn, generator)

    def _on_edges(self, numbers: Numbers, generator: torch.Generator) -> dict[str, Tensor]:
        """Put the share `ON_EDGE` of the runs on each edge."""
        found = dict(numbers)
        for each in self.ranges:
            if each.name in self.edges:
                chosen = torch.rand(len(found[each.name]), generator=generator) < ON_EDGE
                found[each.name] = torch.where(chosen, each.low, found[each.name])
        return found


def _placed(each: Range, share: Tensor) -> Tensor:
    return each.low * (each.high / each.low) ** share if each.log else each.low + (each.high - each.low) * share


def batch_of(settings: Mapping[str, Any]) -> int:
    """Return how many members settings have: the largest batch among their tensors."""
    return max((value.numel() for value in settings.values() if isinstance(value, Tensor)), default=1)
