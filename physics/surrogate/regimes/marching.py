"""March a batch of runs from frame to frame, each with steps of its own, and read fields on another grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from physics import device
from physics.errors import SolverError

State = tuple[Tensor, ...]
_MOST = 1 << 16  # steps between two frames, beyond which a run counts as lost


def rungs(counts: Tensor) -> Tensor:
    """Round counts of steps up to 1, 2, 3, 4, 6, 8, 12, ..., so that runs of nearly equal counts march together."""
    power = 2.0 ** counts.clamp(min=1.0).log2().floor()
    return torch.where(counts <= power, power, torch.where(counts <= 1.5 * power, 1.5 * power, 2.0 * power)).ceil()


def march(
    equation: Any,
    state: State,
    parameters: State,
    interval: float,
    frames: int,
    read: Callable[[State], Tensor],
    longest: Callable[[State, State], Tensor],
) -> Tensor:
    """Return what is read of every frame after the first, shape (runs, frames - 1, channels, *points).

    Args:
        equation: has `advance(state, parameters, dt, steps)`.
        state, parameters: tensors whose first dimension is the run.
        read: the channels of a state.
        longest: the longest step that each run may take from here to the next frame, shape (runs,).
    """
    seen = []
    with torch.no_grad(), device.one_thread():
        for _ in range(frames - 1):
            counts = rungs(interval / longest(state, parameters) * (1.0 - 1e-9))
            counts = torch.where(counts <= _MOST, counts, 1.0)  # what is not finite stays so, and is told at the end
            parts = [torch.empty_like(part) for part in state]
            for count in counts.unique().tolist():
                at = (counts == count).nonzero()[:, 0]
                own = tuple(part[at] for part in state)
                given = tuple(each[at] for each in parameters)
                for whole, part in zip(parts, equation.advance(own, given, interval / count, int(count)), strict=True):
                    whole[at] = part
            state = tuple(parts)
            seen.append(read(state))
    return torch.stack(seen, 1)


def require_finite(name: str, values: Tensor, settings: Mapping[str, Tensor]) -> Tensor:
    """Return the frames (runs, frames, ...).

    Raises:
        SolverError: one of them is not finite; the message names the run, the frame and the settings.
    """
    sound = torch.isfinite(values).flatten(2).all(-1)
    if not bool(sound.all()):
        run = int((~sound).any(1).nonzero()[0])
        frame = int((~sound[run]).nonzero()[0])
        told = ", ".join(f"{key} = {float(value[run]):.4g}" for key, value in settings.items())
        raise SolverError(
            f"{name}: run {run} of {len(values)} ({told}) is not finite at frame {frame}; start from smoother fields, "
            "or bring the settings nearer to their ranges"
        )
    return values


def fourier(values: Tensor, points: Sequence[int], shift: float = 0.0) -> Tensor:
    """Read periodic fields (..., *axes) on grids of `points` along the last axes, by their Fourier sums.

    Waves that either grid cannot tell, its own wavenumber among them, are left out; means are kept.

    Args:
        shift: how far behind the first point given the first one read stands, over the period, along each axis.
    """
    for axis, count in zip(range(-len(points), 0), points, strict=True):
        before = values.shape[axis]
        if before == count and shift == 0.0:
            continue
        spectrum = torch.fft.rfft(values, dim=axis, norm="forward")
        spectrum = spectrum.narrow(axis, 0, (min(before, count) + 1) // 2)
        if shift:
            angle = 2.0 * math.pi * shift * torch.arange(spectrum.shape[axis], dtype=values.dtype)
            turn = torch.polar(torch.ones_like(angle), angle)
            spectrum = spectrum * turn.reshape([-1] + [1] * (-axis - 1))
        values = torch.fft.irfft(spectrum, n=count, dim=axis, norm="forward")
    return values


def spline(known: np.ndarray, values: Tensor, wanted: np.ndarray) -> Tensor:
    """Read values (..., known) at the places `wanted` by a cubic spline; rows that are not finite become NaN."""
    plain = values.numpy()
    sound = np.isfinite(plain).all(-1, keepdims=True)
    found = CubicSpline(known, np.where(sound, plain, 0.0), axis=-1)(wanted)
    return torch.from_numpy(np.where(sound, found, np.nan))


def waves(shares: Sequence[Tensor], most: int, slope: float, generator: torch.Generator) -> Tensor:
    """Return a random smooth periodic field of zero mean and unit variance on points given in shares of the periods.

    Args:
        shares: the points along each of one or two axes, from 0 to below 1.
        most: the largest wave number along an axis; amplitudes fall as |k|^-slope.
    """
    ranges = [torch.arange(-most, most + 1, dtype=torch.float64) for _ in shares]
    ranges[0] = ranges[0][most:]
    field = torch.zeros([len(each) for each in shares], dtype=torch.float64)
    for wave in torch.cartesian_prod(*ranges).reshape(-1, len(shares)):
        size = float(wave.norm())
        phase, weight = torch.rand((), generator=generator), torch.randn((), generator=generator)
        if 0.0 < size <= most:
            angle = 2.0 * math.pi * phase.double()
            for axis, each in enumerate(shares):
                angle = angle + 2.0 * math.pi * wave[axis] * each.reshape([-1] + [1] * (len(shares) - 1 - axis))
            field = field + weight.double() * size**-slope * torch.cos(angle)
    return field / field.square().mean().sqrt()


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """Return one number from `low` to `high`."""
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
