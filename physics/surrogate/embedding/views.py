"""Views of a run: windows in time and space, other units, noise, fewer channels. Views of one run are to look alike.

A view of a field may be cropped freely, a curve only a little and at its end: when it begins to rise, counted from the
start of the run, and how it goes on are what tells its transport apart.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.surrogate.embedding.trace import FEWEST, Trace

_FIELD, _CURVE = 0.6, 0.9  # the least share of a run, and of an axis, that a view keeps
_NOISE = (0.03, 0.01)  # of the deviation of a channel, at most: fields, curves
_MOST = 2  # channels


def view(trace: Trace, generator: torch.Generator) -> Trace:
    """Return a random view of a trace."""
    field = trace.axes > 0
    values, times = trace.values, trace.times
    first, last = _window(len(values), _FIELD if field else _CURVE, generator, 2 if field else FEWEST)
    first, last = (first, last) if field else (0, last - first)
    values, times = values[first:last], None if times is None else times[first:last]
    for axis in range(2, values.dim()):
        if _share(generator) < 0.5:
            low, high = _window(values.shape[axis], _FIELD, generator, 8)
            values = values.narrow(axis, low, high - low)
    if values.shape[1] > 1:
        kept = 1 + int(torch.randint(min(_MOST, values.shape[1]), (), generator=generator))
        values = values[:, torch.randperm(values.shape[1], generator=generator)[:kept]]
    return Trace(noisy(values, _NOISE[0 if field else 1] * _share(generator) ** 2, generator), times)


def noisy(values: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Return values with normal noise of `level` times the deviation of each channel."""
    over = [0, *range(2, values.dim())]
    return values + level * values.std(over, keepdim=True) * torch.randn(values.shape, generator=generator)


def _window(count: int, least: float, generator: torch.Generator, fewest: int) -> tuple[int, int]:
    length = min(count, max(fewest, round(count * (least + (1.0 - least) * _share(generator)))))
    first = int(torch.randint(count - length + 1, (), generator=generator))
    return first, first + length


def _share(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))
