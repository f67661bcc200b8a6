"""Curves of the experiments as traces: the runs of each family, read at even times of a record that somebody stopped.

A record begins with the run and ends, at random, between the time at which the curve has come to `RISEN` of its largest
value and the last time of its family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.surrogate.curves.families import get
from physics.surrogate.curves.family import Family
from physics.surrogate.curves.surrogate import Surrogate, target_band
from physics.surrogate.embedding.trace import Trace
from physics.surrogate.embedding.views import noisy

RISEN = 0.95
READINGS = (30, 240)
NOISE = 0.01  # of the curve's deviation, at most
_LEVEL = 0.9


@dataclass(frozen=True)
class Curves:
    """Records of one family: a trace each, the dimensionless numbers, and those from -1 to 1 over their ranges."""

    family: Family
    traces: list[Trace]
    numbers: dict[str, Tensor]
    scaled: Tensor


def curves(name: str, split: str, count: int, seed: int, *, solve: bool = False, noise: float = NOISE) -> Curves:
    """Return `count` records of a family, fewer where a run has no result.

    Args:
        name: of the family.
        split: other splits are other runs.
        count, seed: how many, and of everything drawn.
        solve: by the solver; else by the surrogate of curves that ships, which takes milliseconds.
        noise: of the readings, at most, over the curve's deviation.
    """
    family = get(name)
    numbers = family.draw(split, count, seed)
    target = next(each for each in family.targets if each.nodes > 1)
    if solve:
        values = family.solve(numbers, max(family.tolerance, 1e-4))[target.name]
    else:
        inputs, groups = family.scaled(numbers), family.groups(numbers)
        values = target_band(target, Surrogate.load(family).emulators[target.name], inputs, groups, _LEVEL)[0].value
    sound = torch.isfinite(values).all(1)
    values, numbers = values[sound], {key: value[sound] for key, value in numbers.items()}
    times = family.times(numbers, torch.linspace(0.0, 1.0, target.nodes, dtype=torch.float64))
    generator = torch.Generator().manual_seed(seed + 7919 * len(split))
    traces = [_record(at, curve, noise, generator) for at, curve in zip(times, values, strict=True)]
    return Curves(family, traces, numbers, family.scaled(numbers))


def _record(times: Tensor, curve: Tensor, noise: float, generator: torch.Generator) -> Trace:
    """Return readings of one curve (nodes,) at even times from zero."""
    risen = times[int((curve >= RISEN * curve.max()).double().argmax())]
    span = math.log(float(times[-1] / risen.clamp_min(1e-12)))
    end = float(risen) * math.exp(span * float(torch.rand((), generator=generator)))
    count = int(torch.randint(*READINGS, (), generator=generator))
    at = torch.linspace(0.0, end, count, dtype=torch.float64)
    right = torch.searchsorted(times, at).clamp(1, len(times) - 1)
    low, high = times[right - 1], times[right]
    weight = ((at - low) / (high - low)).clamp(0.0, 1.0)
    read = curve[right - 1] * (1.0 - weight) + curve[right] * weight
    level = noise * float(torch.rand((), generator=generator))
    return Trace(noisy(read[:, None], level, generator), at)
