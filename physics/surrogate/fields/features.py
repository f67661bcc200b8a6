"""What is seen of a run without its truth: how it starts, and how the predicted frames look.

The start tells how far a run lies from those that were learned; both tell how large its error will be. Numbers are
relative to the channels' deviations in training, amplitudes as logarithms. The steepness of a field is the mean over
a few points of its difference from point to point: fronts that come too late or too early err there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from physics.surrogate import metrics
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.regime import Regime

_LEAST = 1e-4  # of a deviation, below which amplitudes count as none
_WIDE = 3  # points on either side over which steepness is taken


class Look(NamedTuple):
    """Of a batch of runs predicted over `frames` frames.

    Attributes:
        start: shape (runs, features).
        answer: of the frames up to each of some horizons, shape (runs, horizons, features).
        steep: the mean steepness, shape (runs, frames, channels), in the channels' units.
        moved: how far the projection onto what is kept moved a frame, over the change of an interval, (runs, frames).
        excess: how far values left their bounds before they were held there, over the deviation, (runs, frames).
    """

    start: Tensor
    answer: Tensor
    steep: Tensor
    moved: Tensor
    excess: Tensor


class Watched(nn.Module):
    """A model of the same frames that notes what its projections and bounds had to mend, frame by frame."""

    def __init__(self, model: Surrogate) -> None:
        super().__init__()
        self.model = model
        self.moved: list[Tensor] = []
        self.excess: list[Tensor] = []

    def forward(self, history: Tensor, settings: Mapping[str, Tensor], name: str, start: Tensor) -> Tensor:
        """Return the frame that follows, as the model does."""
        regime, adapter = self.model.regimes[name], self.model.adapter(name)
        free = self.model.free(history, settings, name)
        kept = regime.kept(free[:, None], start[:, None], settings)[:, 0]
        space = tuple(range(2, kept.dim()))
        self.moved.append(((kept - free).square().mean(space).sqrt() / adapter.change).amax(1))
        over = torch.zeros_like(self.moved[-1])
        for index, channel in enumerate(regime.channels):
            if channel.bounds is not None:
                values = kept[:, index]
                out = (values - values.clamp(*channel.bounds)).abs().flatten(1).amax(1)
                over = torch.maximum(over, out / adapter.deviation[index])
        self.excess.append(over)
        return kept


def predicted(
    model: Surrogate,
    regime: Regime,
    history: Tensor,
    settings: Mapping[str, Tensor],
    frames: int,
    start: Tensor,
    horizons: tuple[int, ...],
) -> tuple[Tensor, Look]:
    """Return the frames of a rollout (runs, frames, channels, *points), in double precision, and how they look."""
    watched = Watched(model).eval()
    made = rollout(watched, regime, history, settings, frames, start)
    adapter = model.adapter(regime.name)
    deviation = adapter.deviation.double()
    steep = steepness(made.float(), regime).flatten(3).mean(3).double()
    seen = history.double()
    look = Look(
        of_start(seen, settings, regime, adapter.mean.double(), deviation),
        torch.stack([_of_answer(made[:, :h], steep[:, :h], seen[:, -1], deviation) for h in horizons], 1),
        steep,
        torch.stack(watched.moved, 1).double(),
        torch.stack(watched.excess, 1).double(),
    )
    return made, look


def of_start(
    history: Tensor, settings: Mapping[str, Tensor], regime: Regime, mean: Tensor, deviation: Tensor
) -> Tensor:
    """Return the settings over their ranges, then of each channel mean, amplitude, extremes, change and spectrum.

    Args:
        history: (runs, frames, channels, *points).
        mean, deviation: of the channels in training, (channels,).
    """
    axes = len(regime.axes)
    space = tuple(range(-axes, 0))
    normal = (history - mean.reshape(-1, *(1,) * axes)) / deviation.reshape(-1, *(1,) * axes)
    last = normal[:, -1]
    centre, amplitude = last.mean(space), last.std(space, correction=0)
    change = (last - normal[:, -2]).square().mean(space).sqrt() if history.shape[1] > 1 else torch.zeros_like(centre)
    bands = metrics.band_rmse(last, torch.zeros_like(last), axes)[..., 1:]
    parts = [centre, _log(amplitude), last.amax(space) - centre, centre - last.amin(space), _log(change)]
    found = torch.cat([*parts, _log(bands).flatten(1)], 1)
    return torch.cat([regime.scaled(settings).to(found), found], 1)


def _of_answer(made: Tensor, steep: Tensor, last: Tensor, deviation: Tensor) -> Tensor:
    """Return of each channel its steepness at the end, how far it came, and its fastest change."""
    gone = (made[:, -1] - last).flatten(2).square().mean(2).sqrt() / deviation
    steps = torch.cat([last[:, None], made], 1).diff(dim=1).flatten(3).square().mean(3).sqrt().amax(1) / deviation
    return torch.cat([_log(steep[:, -1] / deviation), _log(gone), _log(steps)], 1)


def steepness(fields: Tensor, regime: Regime) -> Tensor:
    """Return the differences of fields (..., *points) from point to point, averaged over a few points."""
    dims = range(-len(regime.axes), 0)
    square = torch.zeros_like(fields)
    for dim, axis in zip(dims, regime.axes, strict=True):
        around = _padded(fields, dim, 1, axis.boundary == "periodic")
        count = fields.shape[dim]
        square += (0.5 * (around.narrow(dim, 2, count) - around.narrow(dim, 0, count))) ** 2
    found = square.sqrt()
    for dim, axis in zip(dims, regime.axes, strict=True):
        around = _padded(found, dim, _WIDE, axis.boundary == "periodic")
        count = found.shape[dim]
        found = sum((around.narrow(dim, k, count) for k in range(1, 2 * _WIDE + 1)), around.narrow(dim, 0, count))
        found = found / (2 * _WIDE + 1)
    return found


def _padded(fields: Tensor, dim: int, wide: int, periodic: bool) -> Tensor:
    count = fields.shape[dim]
    if periodic:
        ends = [fields.narrow(dim, count - wide, wide), fields, fields.narrow(dim, 0, wide)]
    else:
        shape = [-1] * fields.dim()
        shape[dim] = wide
        ends = [fields.narrow(dim, 0, 1).expand(shape), fields, fields.narrow(dim, count - 1, 1).expand(shape)]
    return torch.cat(ends, dim)


def _log(values: Tensor) -> Tensor:
    return (values + _LEAST).log()
