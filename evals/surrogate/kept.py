"""Do conserved quantities hold in what the surrogate of fields shows? Counted over many predictions of all regimes.

A prediction is one frame that is shown, of a rollout from a random start with random settings, half of the runs with
settings outside what was learned, which is where a model is furthest from any balance. A frame violates where the
defect of an invariant exceeds the limit that the validator has for it, which is that for frames of the solver, or a
channel leaves its bounds. Rollouts that the surrogate itself withholds for a broken law are counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from physics.surrogate.fields.trusted import Prediction, Trusted
from physics.surrogate.generate import one
from physics.surrogate.regime import Regime

SPLIT = "kept"
BOUNDS = "bounds"
_BATCH = 32
_ROUNDING = 1e-9  # of the span between bounds


class Kept(NamedTuple):
    """One regime.

    Attributes:
        predictions: frames shown; violations: those of them that break anything.
        withheld: frames that were not shown since a law would be broken.
        worst: the largest defect by invariant, and of `BOUNDS` what left them over their span; limits: of each.
    """

    regime: str
    predictions: int
    violations: int
    withheld: int
    worst: dict[str, float]
    limits: dict[str, float]


def kept(trusted: Trusted, predictions: int, seed: int = 0) -> list[Kept]:
    """Return what `predictions` frames or a few more, spread evenly over the calibrated regimes, keep."""
    names = list(trusted.calibrations)
    return [_kept(trusted, trusted.model.regimes[name], math.ceil(predictions / len(names)), seed) for name in names]


def piece(folder: Path, name: str, *, weights: Path, predictions: int, seed: int) -> dict[str, Any]:
    """Return what calibrated weights keep, as a piece of the study."""
    found = kept(Trusted.load(weights), predictions, seed)
    return {**total(found), "regimes": [each._asdict() for each in found]}


def total(found: list[Kept]) -> dict[str, int]:
    """Return predictions, violations and withheld frames of all regimes."""
    return {name: sum(getattr(each, name) for each in found) for name in ("predictions", "violations", "withheld")}


def _kept(trusted: Trusted, regime: Regime, predictions: int, seed: int) -> Kept:
    frames = trusted.calibrations[regime.name].intervals.frames[-1]
    shown = violations = withheld = 0
    worst: dict[str, float] = {}
    for runs, beyond in _batches(math.ceil(predictions / frames)):
        given = one(regime, SPLIT, runs, seed, beyond, trusted.model.shape.history)
        found = trusted.predict(regime, given.values, given.settings, frames)
        good = ~_unlawful(found)
        withheld += frames * int((~good).sum())
        if not bool(good.any()):
            continue
        settings = {name: value[good] for name, value in given.settings.items()}
        broken = torch.zeros(int(good.sum()), frames, dtype=torch.bool)
        for name, (defect, limit) in _defects(regime, found.values[good], given.values[good, :1], settings).items():
            broken |= ~(defect <= limit)
            worst[name] = max(worst.get(name, 0.0), float(defect.amax()))
        shown, violations = shown + broken.numel(), violations + int(broken.sum())
    return Kept(regime.name, shown, violations, withheld, worst, _limits(regime))


def _batches(runs: int) -> Iterator[tuple[range, bool]]:
    """Return batches of runs, half of the runs inside the ranges and half of them beyond."""
    for count, beyond in ((runs - runs // 2, False), (runs // 2, True)):
        for first in range(0, count, _BATCH):
            yield range(first, min(first + _BATCH, count)), beyond


def _unlawful(found: Prediction) -> Tensor:
    flags = torch.zeros(len(found.values), dtype=torch.bool)
    for doubt in found.doubts:
        if doubt.kind == "law":
            flags |= doubt.members
    return flags


def _limits(regime: Regime) -> dict[str, float]:
    bounded = any(channel.bounds is not None for channel in regime.channels)
    return {each.name: each.tolerance for each in regime.invariants} | ({BOUNDS: _ROUNDING} if bounded else {})


def _defects(
    regime: Regime, values: Tensor, start: Tensor, settings: dict[str, Tensor]
) -> dict[str, tuple[Tensor, float]]:
    """Return the defects (runs, frames) and the limit of everything that the frames should keep."""
    found = {each.name: (each.defect(values, start.double(), settings), each.tolerance) for each in regime.invariants}
    for index, channel in enumerate(regime.channels):
        if channel.bounds is not None:
            own = values[:, :, index].flatten(2)
            over = (own - own.clamp(*channel.bounds)).abs().amax(2) / (channel.bounds[1] - channel.bounds[0])
            before = found.get(BOUNDS, (torch.zeros_like(over), 0.0))[0]
            found[BOUNDS] = (torch.maximum(before, over), _ROUNDING)
    return found
