"""Readings that cannot be what they are called, before or after a fit: percent, gaps, one file twice, odd units.

Functions on arrays; they return sentences, or raise `DataError` where no fit makes sense.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from physics.calibrate.problem import DataSet
from physics.errors import DataError
from physics.experiment import Experiment, Parameter

_NAMED = 5
_PERCENT = (20.0, 130.0)  # a curve whose largest value lies here is one of percent
_ODD = 0.2  # beyond 0 to 1 by this much a fraction is no reading any more
_LEAP = 0.5  # of the curve's range between two neighbours, and the next leap at most half of that
_UNUSUAL = 3.5  # log-standard deviations of an experiment's prior
_USUAL = 2.0
_TIMES = {60.0: "seconds given as minutes or minutes as hours", 3600.0: "seconds given as hours"}
_BACK = {60.0: "minutes given as seconds or hours as minutes", 3600.0: "hours given as seconds"}


def fractions(name: str, values: Tensor) -> tuple[str, ...]:
    """Judge values, (n,), that should go from 0 to 1, as a relative concentration does.

    Returns:
        A sentence that names the points which lie far outside.

    Raises:
        DataError: the values are percent.
    """
    high = float(values.max())
    typical = float(values.abs().quantile(0.9))
    if _PERCENT[0] <= high <= _PERCENT[1] and typical >= _PERCENT[0] / 2 and float(values.min()) > -_PERCENT[0]:
        raise DataError(
            f"{name}: the values go up to {high:.4g} where 0 to 1 is expected; they look like percent: divide by 100"
        )
    far = torch.nonzero((values > 1 + _ODD) | (values < -_ODD))[:, 0].tolist()
    if not far:
        return ()
    named = ", ".join(f"{float(values[i]):.4g} at point {i + 1}" for i in far[:_NAMED])
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    return (
        f"{name}: {named}{more} cannot be relative concentrations, which go from 0 to 1: divide by the feed's "
        "concentration, fit a gain, or leave the points out.",
    )


def spacing(name: str, times: Tensor, values: Tensor) -> tuple[str, ...]:
    """Tell of a gap in which most of the curve's change was not seen; times and values have shape (n,)."""
    if len(times) < 3:
        return ()
    order = torch.argsort(times)
    t, y = times[order], values[order]
    leap = (y[1:] - y[:-1]).abs()
    size = float(y.max() - y.min())
    i = int(leap.argmax())
    # Noise leaps many times, and a single reading far off leaps up and down again; a front leaps once.
    if not float(leap[i]) > _LEAP * size or float(leap.sort(descending=True).values[1]) > _LEAP * float(leap[i]):
        return ()
    return (
        f"{name}: the curve goes from {float(y[i]):.3g} to {float(y[i + 1]):.3g} between points {i + 1} and {i + 2} "
        f"({float(t[i + 1] - t[i]):.3g} s apart), and nothing was read while it did: what spreads the curve is known "
        "from above only. Read more often there.",
    )


def repeated(sets: Sequence[DataSet]) -> tuple[str, ...]:
    """Tell of two data sets that hold the same readings."""
    return tuple(
        f"{a.name} and {b.name} hold the same readings: counted twice they narrow the intervals unduly; leave one out."
        for i, a in enumerate(sets)
        for b in sets[i + 1 :]
        if a.values.shape == b.values.shape and torch.equal(a.values, b.values) and torch.equal(a.times, b.times)
    )


def unusual(experiment: Experiment, found: Mapping[str, float]) -> tuple[str, ...]:
    """Tell of values, SI, that lie far from what such an experiment gives, and of a unit of time that would mend it.

    Args:
        experiment: whose priors say what is usual.
        found: fitted parameters by name.
    """
    sentences = []
    for name, value in found.items():
        declared = experiment.parameter(name)
        if not isinstance(declared, Parameter) or declared.prior is None or not value > 0:
            continue
        distance = _distance(declared, value)
        if abs(distance) < _UNUSUAL:
            continue
        power = _power_of_time(declared.unit)
        hint = ""
        if power:
            slow = (distance < 0) == (power < 0)
            left = {k: abs(_distance(declared, value * (k if distance < 0 else 1 / k))) for k in _TIMES}
            factor = min(left, key=lambda k: left[k])
            hint = f": {(_TIMES if slow else _BACK)[factor]}?" if left[factor] < _USUAL else ""
        word = "small" if distance < 0 else "large"
        sentences.append(
            f"{name} is {math.exp(abs(math.log(value / declared.prior[0]))):.2g} times as {word} as is usual"
            f"{hint or '.'} Check the units of the times and of the settings."
        )
    return tuple(sentences)


def _distance(declared: Parameter, value: float) -> float:
    assert declared.prior is not None  # noqa: S101
    median, spread = declared.prior
    return math.log(value / median) / spread


def _power_of_time(unit: str) -> int:
    """Return the power of the second in an SI unit such as m/s, m**2/s or 1/s."""
    return -1 if unit.endswith("/s") else int(unit == "s")
