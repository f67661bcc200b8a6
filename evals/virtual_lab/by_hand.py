"""A flash curve evaluated as it is done by hand: baseline, maximum, half-rise time, and a correction for the loss.

    alpha = K L^2 / (t_half - w / 2)

K after Parker, Cowan (five or ten half-rise times) or Clark and Taylor (`physics.equations.flash.corrections`); w / 2
is the centre of gravity of the pulse, from which all times are counted. Noise is smoothed by local polynomials: over
two half-rise times for the maximum, a fifth of one where the curve rises, and by a mean over half of one in the tail.

Source: ASTM E1461, Standard Test Method for Thermal Diffusivity by the Flash Method (what is read); A. Savitzky and
M. J. E. Golay, Anal. Chem. 36 (1964) 1627, doi:10.1021/ac60214a047 (the smoothing).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from torch import Tensor

from physics.equations.flash.corrections import PARKER, constant, pulse_delay

Array = NDArray[np.float64]
METHODS = ("parker", "five", "ten", "clark-taylor")
_PEAK, _RISE, _TAIL = 2.0, 0.2, 0.5  # of a half-rise time, over which the curve is smoothed


def diffusivities(
    times: Tensor, curves: Tensor, thickness: float, pulse_width: float, expected_half: float
) -> dict[str, Tensor]:
    """Return the diffusivity by every method, shape (batch,).

    Args:
        times: even, from before the pulse to twelve half-rise times, s, shape (n,).
        curves: readings, shape (batch, n).
        thickness, pulse_width: m, s.
        expected_half: about the half-rise time, s; windows are taken from it.
    """
    t, raw = times.numpy(), curves.numpy()
    step = float(t[1] - t[0])
    y = raw - raw[:, t < 0].mean(1, keepdims=True)
    smooth = _smoothed(y, _RISE * expected_half / step, 3)
    top = _smoothed(y, _PEAK * expected_half / step, 4)[:, t > 0.5 * expected_half].max(1)
    delay = pulse_delay(pulse_width)
    reached = {share: _crossing(t, smooth, share * top) - delay for share in (0.25, 0.5, 0.75)}
    half = reached[0.5]
    ratios = {
        "five": _level(t, y, delay + 5 * half, _TAIL * expected_half) / (0.5 * top),
        "ten": _level(t, y, delay + 10 * half, _TAIL * expected_half) / (0.5 * top),
        "clark-taylor": reached[0.75] / reached[0.25],
    }
    factor = {name: constant(name, torch.as_tensor(ratio)) for name, ratio in ratios.items()}
    factor["parker"] = torch.full((len(y),), PARKER, dtype=torch.float64)
    return {name: factor[name] * thickness**2 / torch.as_tensor(half) for name in METHODS}


def _smoothed(y: Array, points: float, order: int) -> Array:
    window = max(2 * round(points / 2) + 1, order + 2 - order % 2)
    return np.asarray(savgol_filter(y, window, order, axis=1))


def _crossing(t: Array, y: Array, level: Array) -> Array:
    """When each curve first reaches its level and stays there for a while, by a straight line between points."""
    above = y >= level[:, None]
    first = np.argmax(above & np.roll(above, -1, axis=1) & (t > 0), axis=1)
    rows = np.arange(len(y))
    low, high = y[rows, first - 1], y[rows, first]
    return np.asarray(t[first - 1] + (level - low) / (high - low) * (t[first] - t[first - 1]))


def _level(t: Array, y: Array, at: Array, width: float) -> Array:
    """The mean of each curve over `width` around its own time."""
    near = np.abs(t[None] - at[:, None]) <= width / 2
    return np.asarray((y * near).sum(1) / near.sum(1))
