"""Calibrations to be repeated with hidden truths: one scene for each experiment and case.

| case | what is hard about it |
| --- | --- |
| normal | nothing: tens of points, noise of a per cent |
| low noise | 1e-5, where the solver's own error may count |
| few points | five more than parameters |
| fewest points | two more than parameters |
| near a bound | a truth within about two standard deviations of a bound |

The truth of every parameter is log-normal around the scene's settings, that near a bound evenly spread between the
bound and `reach` (`Near`). Curves of column and flash are as fine as `labwright calibrate` makes them at the scene's
noise (`physics.calibrate.resolution`), their truths a hundred times finer. Convection and Gray-Scott are interpolated
(`interpolant`), truths and fits alike, so that their intervals are asked about noise alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor

from evals.virtual_lab.interpolant import Interpolant
from physics.calibrate.differences import model_of
from physics.calibrate.resolution import tolerance_for
from physics.calibrate.sensitivity import Model
from physics.experiment import Experiment
from physics.experiments import get

CASES = ("normal", "low noise", "few points", "fewest points", "near a bound")


@dataclass(frozen=True)
class Near:
    """A parameter whose truth lies evenly between a bound and `reach`."""

    bound: float
    reach: float


@dataclass(frozen=True)
class Scene:
    """One calibration.

    Attributes:
        model, nature: what is fitted, and where the true curves come from.
        times: of the readings, s, shape (n,). noise: of one reading.
        spread: log-standard deviation of each fitted parameter's truth around its value in `settings`.
        near: parameters that are fitted near a bound. bounds: of the fit.
        numerical_error: of the curves that are fitted.
    """

    experiment: str
    case: str
    settings: Mapping[str, Any]
    model: Model
    nature: Model
    times: Tensor
    noise: float
    spread: Mapping[str, float]
    near: Mapping[str, Near] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    numerical_error: float = 0.0

    @property
    def free(self) -> tuple[str, ...]:
        """What is fitted."""
        return (*self.spread, *(name for name in self.near if name not in self.spread))

    @property
    def fixed(self) -> dict[str, float]:
        """What the model takes besides."""
        return {
            name: value for name, value in self.settings.items() if isinstance(value, float) and name not in self.free
        }

    @property
    def start(self) -> dict[str, float]:
        """Where the fits begin: the settings, or half-way to the reach near a bound."""
        middle = {name: 0.5 * (near.bound + near.reach) for name, near in self.near.items()}
        return {name: middle.get(name, float(self.settings.get(name, 1.0))) for name in self.free}

    def truths(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw hidden truths, shape (count,) each."""
        drawn = {}
        for name in self.free:
            if name in self.near:
                share = torch.rand(count, generator=generator, dtype=torch.float64)
                drawn[name] = self.near[name].bound + share * (self.near[name].reach - self.near[name].bound)
            else:
                z = torch.randn(count, generator=generator, dtype=torch.float64).clamp(-2.5, 2.5)
                drawn[name] = float(self.settings.get(name, 1.0)) * torch.exp(self.spread[name] * z)
        return drawn


def scene(experiment: str, case: str) -> Scene:
    """Return a scene by the names of its experiment and case."""
    return _SCENES[experiment](case)


def experiments() -> tuple[str, ...]:
    """Return the experiments that have scenes."""
    return tuple(_SCENES)


def _column(case: str) -> Scene:
    """Sand, 30 cm, 2.2 cm/h, Pe 90, a step read by 35 samples up to 2.2 pore volumes."""
    experiment = get("column")
    settings = experiment.complete({"length": 0.3, "velocity": 6e-6, "dispersion": 2e-8})
    volume = settings["length"] / settings["velocity"]
    spans = {"few points": (0.7, 1.4, 7), "fewest points": (0.8, 1.3, 4)}
    times = _even(*spans.get(case, (2.2 / 35, 2.2, 35))) * volume
    near = {"decay": Near(0.0, 0.01 / volume)} if case == "near a bound" else {}
    tolerance = _tolerance(experiment, case, 0.01, times)
    sharpest = settings | {"dispersion": 0.4 * settings["dispersion"]}
    return Scene(
        "column", case, settings,
        model_of(experiment, sharpest, times, tolerance), model_of(experiment, sharpest, times, tolerance / 100),
        times, _noise(case, 0.01), {"velocity": 0.1, "dispersion": 0.4}, near, numerical_error=tolerance,
    )  # fmt: skip


def _flash(case: str) -> Scene:
    """A steel disc, 2 mm, a square pulse of a thirtieth of the half-rise time, read up to ten of them."""
    experiment = get("flash")
    settings = experiment.complete(
        {"thickness": 2e-3, "diffusivity": 4e-6, "biot": 0.05, "pulse": "square", "pulse_width": 5e-3}
    )
    half = 0.1388 * settings["thickness"] ** 2 / settings["diffusivity"]
    spans = {"few points": (0.5, 10.0, 8), "fewest points": (0.5, 6.0, 5)}
    times = _even(*spans.get(case, (0.05, 10.0, 200))) * half
    spread = {"diffusivity": 0.2, "biot": 0.5, "amplitude": 0.3}
    near = {}
    if case == "near a bound":
        near = {"biot": Near(0.0, 0.004)}
        del spread["biot"]
    tolerance = _tolerance(experiment, case, 0.01, times)
    return Scene(
        "flash", case, settings | {"amplitude": 1.0},
        model_of(experiment, settings, times, tolerance), model_of(experiment, settings, times, tolerance / 100),
        times, _noise(case, 0.01), spread, near, numerical_error=tolerance,
    )  # fmt: skip


def _convection(case: str) -> Scene:
    """A layer disturbed by a tenth, three times beyond onset, until its rolls have turned over."""
    base = {"rayleigh": 5000.0, "prandtl": 7.0, "perturbation": 0.1}
    box = {"rayleigh": (3600.0, 6900.0), "prandtl": (4.4, 11.0)}
    return _interpolated(
        "convection", case, base, box, 0.2, 0.1, 0.02, {"rayleigh": 0.06, "prandtl": 0.1}, {"prandtl": (7.0, 6.6)}
    )


def _gray_scott(case: str) -> Scene:
    """A spot that grows and splits, on a small square, seen by the mean of B."""
    base = {"feed": 0.03, "kill": 0.062, "size": 0.25, "cells": 16.0, "duration": 100.0}
    box = {"feed": (0.022, 0.041), "kill": (0.056, 0.0687)}
    return _interpolated(
        "gray_scott", case, base, box, 100.0, 1e-4, 1e-3, {"feed": 0.06, "kill": 0.02}, {"kill": (0.062, 0.0617)}
    )


_SCENES: dict[str, Callable[[str], Scene]] = {
    "column": _column,
    "flash": _flash,
    "convection": _convection,
    "gray_scott": _gray_scott,
}
_RASTER = 200  # times of an interpolant
_DEGREE = 9


def _interpolated(
    name: str,
    case: str,
    base: Mapping[str, float],
    box: Mapping[str, tuple[float, float]],
    end: float,
    tolerance: float,
    noise: float,
    spread: Mapping[str, float],
    bounded: Mapping[str, tuple[float, float]],
) -> Scene:
    """A scene whose curves are interpolated; near a bound, one that a user sets."""
    curves = interpolant(name, tuple(base.items()), tuple(box.items()), end, tolerance)
    every = _RASTER // {"few points": 7, "fewest points": 4}.get(case, 40)
    times = curves.times[every - 1 :: every]
    bounds, near, around = dict(box), {}, dict(spread)
    if case == "near a bound":
        for parameter, (bound, reach) in bounded.items():
            near[parameter] = Near(bound, reach)
            bounds[parameter] = (box[parameter][0], bound)
            del around[parameter]
    settings = get(name).complete(dict(base))
    return Scene(name, case, settings, curves, curves, times, _noise(case, noise), around, near, bounds)


@cache
def interpolant(
    name: str,
    base: tuple[tuple[str, float], ...],
    box: tuple[tuple[str, tuple[float, float]], ...],
    end: float,
    tolerance: float,
) -> Interpolant:
    """Return the curves of an experiment over a box of its parameters, at even times up to `end`."""
    experiment = get(name)
    times = _even(end / _RASTER, end, _RASTER)
    # Resolved for the far corner of the box, where curves are steepest.
    corner = dict(base) | {parameter: pair[1] for parameter, pair in box[:1]}
    model = model_of(experiment, corner, times, tolerance)
    return Interpolant(model, dict(box), times, _DEGREE)


def _even(first: float, last: float, count: int) -> Tensor:
    return torch.linspace(first, last, count, dtype=torch.float64)


def _tolerance(experiment: Experiment, case: str, usual: float, times: Tensor) -> float:
    precision = len(times) / _noise(case, usual) ** 2
    return tolerance_for(precision, experiment.fit_tolerance, experiment.fit_finer)


def _noise(case: str, usual: float) -> float:
    return 1e-5 if case == "low noise" else usual
