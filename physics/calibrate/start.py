"""Starting values for a column fit from the measured curve alone.

A front that has travelled the distance x is nearly a normal distribution of arrival times with

    mean tau = R x / v,    standard deviation sigma = tau (2 D / (v x))^(1/2)

(the leading terms for a large Peclet number v x / D; Levenspiel & Smith 1957,
doi:10.1016/0009-2509(57)85021-0). For a step, probit(C) = (t - tau)/sigma is a straight line in t, which also
serves a curve that does not reach its plateau; for a pulse, tau and sigma follow from the temporal moments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtri

from physics.errors import DataError

Array = NDArray[np.float64]

_WAY = 0.3  # of C/C0, by which a curve must go to tell its way
_PLATEAU = 0.15  # of C/C0, near which a level is that before or after the front


def start_column(
    times: ArrayLike,
    values: ArrayLike,
    position: float,
    *,
    retardation: float = 1.0,
    input: str = "step",
    pulse_duration: float = 0.0,
    velocity: float | None = None,
) -> dict[str, float]:
    """Return `velocity` and `dispersion` (in the units of `position` and `times`) to start a fit from.

    Args:
        times, values: the measured curve, shapes (n,), times increasing.
        position: distance of the sensor from the inlet.
        input: "step", "leach" or "pulse"; a pulse needs its duration.
        velocity: if it is known; it tells where a front is that was not measured.

    Raises:
        DataError: the curve does not change, or goes another way than this input makes it go.
    """
    t, c = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    if t.shape != c.shape or t.ndim != 1 or len(t) < 2:
        raise DataError("a start needs at least two points of time and concentration")
    rising = 1 - c if input == "leach" else c
    if input != "pulse":
        _check_way(c, input)
    if input != "pulse" and _unchanged(rising):
        raise DataError(_nowhere(t, rising, None if velocity is None else retardation * position / velocity))
    tau, sigma = _pulse(t, c, pulse_duration) if input == "pulse" else _front(t, rising)
    sigma = float(np.clip(sigma, 1e-3 * tau, 1.5 * tau))
    velocity = retardation * position / tau
    return {"velocity": velocity, "dispersion": 0.5 * velocity * position * (sigma / tau) ** 2}


def _check_way(c: Array, input: str) -> None:
    """Raise where a curve falls that should rise, or comes back after a step as it does after a pulse."""
    if len(c) < 5:
        return
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(c, 3), axis=-1)  # one reading far off is no peak
    width = max(len(smooth) // 8, 1)
    first, last = float(np.median(smooth[:width])), float(np.median(smooth[-width:]))
    low, high = float(smooth.min()), float(smooth.max())
    if high - low < _WAY:
        return
    turns = max(high - max(first, last), min(first, last) - low)
    if turns > 0.5 * (high - low):
        raise DataError(
            f"the curve goes from {first:.3g} to {high if high - first > first - low else low:.3g} and back to "
            f"{last:.3g}, as after a pulse, and not as with input={input}; set input=pulse and pulse_duration"
        )
    change = last - first if input == "step" else first - last
    if change < -_WAY:
        other = "leach" if input == "step" else "step"
        raise DataError(
            f"the curve goes from {first:.3g} to {last:.3g}, the other way than with input={input}; "
            f"set input={other}, or turn the readings round"
        )


def _unchanged(c: Array) -> bool:
    """Whether the curve rises by less than a fiftieth, or by what isotonic regression makes of noise."""
    rising = np.asarray(isotonic_regression(c).x)
    rise = float(rising[-1] - rising[0])
    if rise < 0.02 or len(c) < 8:
        return rise < 0.02
    third = np.diff(c, 3)  # of which a smooth curve hardly takes part
    noise = float(np.sqrt(np.median(third**2) / 0.4549 / 20))
    return rise < min(4 * noise, 0.2)


def _nowhere(t: Array, c: Array, arrival: float | None) -> str:
    """Say on which side of the front all points lie, and where it is expected."""
    level = float(np.median(c))
    if _PLATEAU < level < 1 - _PLATEAU:
        return (
            f"the curve does not change: it stays near {level:.2g}, which is neither before the front nor after it; "
            "check the column of the readings and their scale"
        )
    if level > 0.5:
        known = "" if arrival is None else f", which at this velocity passes at {arrival / t[0]:.2g} of the first time"
        return f"the curve does not change: all points lie after the front{known}; measure while it passes"
    if arrival is not None and arrival <= t[-1]:
        return (
            "the curve does not change, though at this velocity the front passes at "
            f"{arrival / t[-1]:.2g} of the time measured; check velocity, position and the units of the times"
        )
    known = "" if arrival is None else f", which at this velocity comes at {arrival / t[-1]:.2g} times the last time"
    return f"the curve does not change: all points lie before the front{known}; measure until the tracer arrives"


def _front(t: Array, c: Array) -> tuple[float, float]:
    """Mean and standard deviation of the arrival times of a rising front."""
    rising = np.asarray(isotonic_regression(c).x)
    inner = (rising > 0.02) & (rising < 0.98)
    if inner.sum() >= 2 and np.ptp(rising[inner]) > 0.02:
        z = ndtri(rising[inner])
        weight = np.exp(-0.5 * z**2)  # where the front is steep the probit is known best
        slope, offset = np.polyfit(t[inner], z, 1, w=weight)
        tau = -offset / slope if slope > 0 else -1.0
        if 0 < tau < 100 * t[-1]:
            return float(tau), float(1 / slope)
    first = min(int(np.searchsorted(rising, 0.5 * (rising[0] + rising[-1]))), len(t) - 1)
    before = t[first - 1] if first else 0.0
    return float(max(0.5 * (before + t[first]), 1e-9)), float(max((t[first] - before) / 4, 1e-3 * t[first]))


def _pulse(t: Array, c: Array, duration: float) -> tuple[float, float]:
    """Mean and standard deviation of the transit from the moments of the curve, the pulse's own taken off."""
    positive = np.clip(c, 0.0, None)
    mass = float(np.trapezoid(positive, t))
    if mass <= 0:
        raise DataError("the curve holds no tracer; measure until the pulse arrives")
    mean = float(np.trapezoid(positive * t, t)) / mass
    variance = float(np.trapezoid(positive * (t - mean) ** 2, t)) / mass - duration**2 / 12
    tau = max(mean - duration / 2, 0.05 * mean)
    return tau, float(np.sqrt(max(variance, 1e-6 * tau**2)))
