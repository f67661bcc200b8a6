"""`Trace`: what a run showed, and the same on the few points that the encoder sees.

    z = (u - mean(u)) / std(u)      of each channel over the whole run

so that a run in other units is the same trace. A series at one place is cut into frames of its own: FRAMES[0] of them
with eight points each, which makes a patch of each frame; and it is seen twice, as a whole and where it rises or falls,
since how sharp a front is says more of it than how long somebody watched. A plane is seen on a square, whatever its
sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from physics.errors import DataError
from physics.surrogate.fields.tokens import PATCH
from physics.surrogate.frames import Frames

FRAMES = (16, 16, 8)  # at most, by the number of axes
POINTS = ((PATCH, 1), (128, 1), (32, 32))
FEWEST = 4  # readings of a series, below which nothing can be said of its shape
_MOST = 512  # points along an axis that are read at all, and 64 times as many readings of a series


@dataclass(frozen=True)
class Trace:
    """What a run showed.

    Attributes:
        values: shape (frames, channels, *points), with no axis (a series at one place), one or two.
        times: shape (frames,), rising; even ones if left out.
    """

    values: Tensor
    times: Tensor | None = None

    @property
    def axes(self) -> int:
        """Of space."""
        return self.values.dim() - 2

    @property
    def channels(self) -> int:
        """How many there are."""
        return int(self.values.shape[1])


def series(times: Tensor, *values: Tensor) -> Trace:
    """Return the trace of curves read at the same times, shape (n,) each."""
    return Trace(torch.stack([value.reshape(-1) for value in values], -1), times)


def of_frames(frames: Frames) -> list[Trace]:
    """Return the runs of a regime as traces."""
    return [Trace(run) for run in frames.values]


def checked(trace: Trace, name: str = "the trace") -> Trace:
    """Return a trace that can be encoded.

    Raises:
        DataError: it has too many axes, too few readings, a number that is not finite, or times that do not rise.
    """
    values, times = trace.values, trace.times
    if not 0 <= trace.axes <= 2:
        raise DataError(f"{name} has {trace.axes} axes; cut it to a series, a line or a plane over time")
    if values.numel() == 0:
        raise DataError(f"{name} is empty; give one with values")
    if trace.axes == 0 and len(values) < FEWEST:
        raise DataError(f"{name} has {len(values)} reading{'s' * (len(values) != 1)}; give {FEWEST} or more")
    if trace.axes and min(values.shape[2:]) < 2:
        raise DataError(f"{name} has one point along an axis; leave that axis out")
    if not bool(torch.isfinite(values).all()):
        frame, channel = torch.nonzero(~torch.isfinite(values))[0][:2].tolist()
        where = f"{'reading' if trace.axes == 0 else 'frame'} {frame + 1}, channel {channel + 1}"
        raise DataError(f"{name} holds a value that is not finite ({where}); mend it or leave it out")
    if times is not None and (len(times) != len(values) or not bool((times.diff() > 0).all())):
        raise DataError(f"{name} has times that do not rise with its frames; sort it by time")
    return trace


def resampled(trace: Trace) -> Tensor:
    """Return the values on the points that the encoder sees, shape (rows, frames, nx, ny), single precision.

    There is a row for each channel; of a series then follows one more for each, of its front.
    """
    values = trace.values.to("cpu")
    # One unit after another may lie at the end of single precision, and its squares beyond it.
    values = (values / values.abs().amax().clamp_min(1e-300)).float() if values.dtype == torch.float64 else values
    if trace.axes == 0:
        curves, share = _binned(values.T, trace.times, 16 * FRAMES[0] * PATCH)
        whole = _read(curves, share, 0.0, 1.0)
        fronts = [_read(row[None], share, *_front(row, share)) for row in curves]
        return torch.cat([whole, *fronts]).reshape(-1, FRAMES[0], PATCH, 1)
    picked = values[_spread(trace)].transpose(0, 1)  # (channels, frames, *points)
    steps = [max(1, -(-points // _MOST)) for points in picked.shape[2:]]
    picked = picked[:, :, :: steps[0]] if trace.axes == 1 else picked[:, :, :: steps[0], :: steps[1]]
    flat = picked.float().unsqueeze(-1) if trace.axes == 1 else picked.float()
    seen: Tensor = functional.interpolate(flat, size=POINTS[trace.axes], mode="bilinear", antialias=True)
    return seen


def standard(values: Tensor) -> Tensor:
    """Return z of each channel, shape (channels, frames, nx, ny); zero where a channel does not vary."""
    centred = values - values.mean((1, 2, 3), keepdim=True)
    deviation = centred.square().mean((1, 2, 3), keepdim=True).sqrt()
    size = values.abs().amax((1, 2, 3), keepdim=True)
    return torch.where(deviation > 1e-6 * size, centred / deviation.clamp_min(1e-30), torch.zeros_like(centred))


def grouped(traces: Sequence[Trace]) -> dict[tuple[int, ...], list[int]]:
    """Return which traces can be encoded together, by axes and frames."""
    found: dict[tuple[int, ...], list[int]] = {}
    for k, trace in enumerate(traces):
        frames = FRAMES[0] if trace.axes == 0 else min(len(trace.values), FRAMES[trace.axes])
        found.setdefault((trace.axes, frames), []).append(k)
    return found


def _spread(trace: Trace) -> Tensor:
    """Return the frames that lie nearest to evenly spread times."""
    count, most = len(trace.values), FRAMES[trace.axes]
    if count <= most:
        return torch.arange(count)
    if trace.times is None:
        return torch.linspace(0, count - 1, most, dtype=torch.float64).round().long()
    times = trace.times.double()
    places = torch.linspace(float(times[0]), float(times[-1]), most, dtype=torch.float64)
    return (times[None] - places[:, None]).abs().argmin(1)


def _binned(curves: Tensor, times: Tensor | None, most: int) -> tuple[Tensor, Tensor]:
    """Return curves (channels, n) and their times from 0 to 1, means of neighbours where there are more than `most`."""
    n = curves.shape[1]
    at = torch.arange(n, dtype=torch.float64) if times is None else times.double()
    share = (at - at[0]) / (at[-1] - at[0])
    if n <= most:
        return curves, share
    bins = (share * most).long().clamp_max(most - 1)
    held = torch.bincount(bins, minlength=most)
    kept, held = held > 0, held.clamp_min(1)
    means = torch.zeros(len(curves), most, dtype=torch.float64).index_add_(1, bins, curves.double()) / held
    places = torch.zeros(most, dtype=torch.float64).index_add_(0, bins, share) / held
    return means[:, kept], places[kept]


def _front(curve: Tensor, share: Tensor) -> tuple[float, float]:
    """Return when a curve leaves its first value and comes to the one that is farthest from it, with room about."""
    away = (curve - curve[: max(1, len(curve) // 64)].mean()).abs()
    most = float(away.max())
    if most == 0.0:
        return 0.0, 1.0
    begin, end = (float(share[int((away >= level * most).double().argmax())]) for level in (0.1, 0.85))
    width = max(end - begin, 2.0 / len(curve))
    return max(0.0, begin - 0.75 * width), min(1.0, end + width)


def _read(curves: Tensor, share: Tensor, begin: float, end: float) -> Tensor:
    """Return curves (channels, n) at even times of a window, joined by lines, or averaged where there are more."""
    count = FRAMES[0] * PATCH
    fine = torch.linspace(begin, end, 4 * count, dtype=torch.float64)
    right = torch.searchsorted(share, fine).clamp(1, len(share) - 1)
    low, high = share[right - 1], share[right]
    weight = ((fine - low) / (high - low)).clamp(0.0, 1.0).to(curves.dtype)
    read = curves[:, right - 1] * (1 - weight) + curves[:, right] * weight
    return read.reshape(len(curves), count, 4).mean(2).float()
