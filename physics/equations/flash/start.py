"""Starting values for a flash fit from the measured curve alone.

    alpha = K L^2 / t_half,    K of the pulse and of the loss
    Bi = mu tan(mu / 2),       mu^2 = k L^2 / alpha,   k the decay rate of the tail

The second is the slowest mode of a disc with the same Biot number on both faces. Half-rise time and tail are read
off a running mean, so that noise does not decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from physics.equations.flash.disc import NUMBERS, disc_of, peak_and_half
from physics.equations.flash.heat_modes import modes
from physics.errors import DataError

_DEGREE = 36
_ROUNDS = 3
_BIOT = (1e-3, 5.0)


def start_flash(times: Any, values: Any, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return `diffusivity`, `biot` and `amplitude` to start a fit from, SI.

    Args:
        times, values: the measured curve, shapes (n,), times in seconds and increasing.
        settings: `thickness`, and what else is known.

    Raises:
        DataError: the curve does not rise, so that nothing can be said.
    """
    t, y = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    if t.shape != y.shape or t.ndim != 1 or len(t) < 5:
        raise DataError("a start needs at least five points of time and rear temperature")
    smooth = _running_mean(y, max(1, len(y) // 40))
    top = int(smooth.argmax())
    height = float(smooth[top])
    above = np.nonzero(smooth >= 0.5 * height)[0]
    if height <= 0 or above[0] == 0:
        raise DataError("the curve does not rise from below half of its maximum; give the record from the pulse on")
    after = int(above[0])
    share = (0.5 * height - smooth[after - 1]) / (smooth[after] - smooth[after - 1])
    half = float(t[after - 1] + share * (t[after] - t[after - 1]))
    decay = _decay(t, smooth, max(top, int(np.searchsorted(t, 4.0 * half))), height)
    return _disc_like(half, height, decay, settings)


def _disc_like(half: float, height: float, decay: float, settings: Mapping[str, Any]) -> dict[str, float]:
    """Find the disc with this half-rise time, height and decay, by a few substitutions."""
    numbers = {
        name: torch.as_tensor(settings[name], dtype=torch.float64).reshape(-1)[:1]
        for name in NUMBERS
        if settings.get(name) is not None and name not in ("amplitude", "biot", "biot_rear", "diffusivity")
    }
    thickness = float(numbers["thickness"])
    diffusivity, biot, top = 0.1388 * thickness**2 / half, _BIOT[0], 1.0
    for _ in range(_ROUNDS):
        mu = math.sqrt(max(decay, 0.0) * thickness**2 / diffusivity)
        biot = min(max(mu * math.tan(min(mu, 3.0) / 2), _BIOT[0]), _BIOT[1])
        given = {**numbers, "diffusivity": diffusivity, "biot": biot}
        disc = disc_of({name: torch.as_tensor(value).reshape(-1).double() for name, value in given.items()},
                       settings.get("pulse", "instant"))  # fmt: skip
        maximum, reached = peak_and_half(disc, modes(disc.front_biot, disc.rear_biot, _DEGREE))
        diffusivity *= float(reached / disc.rate) / half
        top = float(maximum * disc.rise)
    return {"diffusivity": diffusivity, "biot": biot, "amplitude": height / top}


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean over up to `width` points on either side, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    reach = np.minimum(np.minimum(index, len(values) - 1 - index), width)
    return (total[index + reach + 1] - total[index - reach]) / (2 * reach + 1)


def _decay(t: NDArray[np.float64], y: NDArray[np.float64], first: int, height: float) -> float:
    """Rate (1/s) at which the tail falls, from a straight line through its logarithm; zero if there is no tail."""
    tail = np.arange(len(t)) >= first
    tail &= y > 0.1 * height
    if tail.sum() < 4:
        return 0.0
    return float(-np.polyfit(t[tail], np.log(y[tail]), 1)[0])
