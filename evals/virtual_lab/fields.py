"""Laboratories with a convection cell and with a patterned gel: the flux, or the mean of B, read a few times in a run.

The protocol's default reads evenly over the run (the corpus' `nusselt-number-measurement` and
`waiting-for-the-pattern` ask for the mean flux and the mean concentration to be followed until they stand). Ours
chooses the moments on the raster; nothing else may be chosen, so that the cost is the same. Curves are interpolated
over the box of what is believed (`evals.virtual_lab.interpolant`), for nature, design and fit alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from evals.instruments import Instrument
from evals.virtual_lab.interpolant import Interpolant
from evals.virtual_lab.laboratory import Laboratory, Rules
from evals.virtual_lab.scenes import scene
from physics.calibrate.sensitivity import Model
from physics.experiments import get

_SPREAD = {"convection": {"rayleigh": 0.06, "prandtl": 0.1}, "gray_scott": {"feed": 0.06, "kill": 0.02}}
_TARGET = {"convection": "rayleigh", "gray_scott": "feed"}
_NOISES = {"convection": (0.01, 0.03), "gray_scott": (1e-3, 3e-3)}


def convection(count: int, seed: int) -> list[Laboratory]:
    """Return laboratories with a cell three times beyond onset, that differ in noise and readings."""
    return _laboratories("convection", count, seed)


def gray_scott(count: int, seed: int) -> list[Laboratory]:
    """Return laboratories with a spot that grows and splits, that differ in noise and readings."""
    return _laboratories("gray_scott", count, seed)


def _laboratories(name: str, count: int, seed: int) -> list[Laboratory]:
    chance = random.Random(seed)  # noqa: S311
    curves = scene(name, "normal").model
    settings = scene(name, "normal").settings
    if not isinstance(curves, Interpolant):
        raise TypeError(f"the curves of {name} are not interpolated")
    return [_laboratory(name, curves, settings, chance) for _ in range(count)]


def _laboratory(name: str, curves: Interpolant, settings: Mapping[str, Any], chance: random.Random) -> Laboratory:
    noise, readings = chance.choice(_NOISES[name]), chance.choice((8, 12, 20))
    end = float(curves.times[-1])
    even = len(curves.times) // readings
    places = torch.arange(readings)
    return Laboratory(
        title=f"{readings} readings, noise {noise:g}",
        experiment=replace(get(name), model=_given(curves), default_times=_until(end)),
        settings={key: value for key, value in settings.items() if key not in _SPREAD[name] and value is not None},
        believed={key: (float(settings[key]), spread) for key, spread in _SPREAD[name].items()},
        rules=Rules(duration=end, samples=readings, interval=0.0),
        noise=noise,
        instrument=Instrument(noise, drift=0.3 * noise, step=0.1 * noise, missing=0.03),
        target=_TARGET[name],
        protocol=({}, curves.times[len(curves.times) - 1 - even * places.flip(0)]),
    )


def _given(curves: Interpolant) -> Callable[..., Model]:
    return lambda settings, times, tolerance=0.0: curves


def _until(end: float) -> Callable[[Mapping[str, Any], int], Tensor]:
    return lambda settings, count: torch.linspace(0.0, end, count, dtype=torch.float64)
