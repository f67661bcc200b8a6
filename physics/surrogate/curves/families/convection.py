"""Convection rolls of one wavelength between rigid plates, heated from below.

    Nu(t; Ra, Pr),  growth rate sigma,  largest velocities,  settling time          times in d^2 / kappa

The layer holds rolls of twice its depth, which is next to the critical wavelength, and starts from the default
disturbance. Places u along the curve are those of

    t = g u + s (2 u - 1)^2 [u > 1 / 2],    g = 21 / sigma,  s = 0.6

so that the first half follows the growth, at the rate sigma of linear theory, and the second how it settles. Fluxes
at bottom, top and in the volume are one number in a settled run, so that one is learned for all, and the dissipations
follow from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from physics.equations.boussinesq.fluids import GRAVITY
from physics.equations.boussinesq.numbers import case_of, dimensional
from physics.equations.boussinesq.numbers import numbers as numbers_of
from physics.equations.boussinesq.onset import critical_in_period, growth_rate
from physics.errors import PhysicsError
from physics.experiments import convection
from physics.solution import Output
from physics.surrogate.curves.family import Answer, Band, Counts, Family, Numbers, Report, Target
from physics.surrogate.regime import Range

ROLL = 2.0  # wavelength over depth
DISTURBANCE = 0.01
NODES = 241
_FINE = 321
_GROWTHS, _SETTLING = 21.0, 0.6
_BATCH = 16
_DIFFERENCE, _CLOCK = 100.0, 1e5  # of the cells that are solved: kelvin, and seconds that show the run


class Convection(Family):
    """See the module."""

    name = "convection"
    experiment = "convection"
    title = "rolls between rigid plates, heated from below"
    ranges = (
        Range("rayleigh", 2.0e3, 4.0e4, (1.8e3, 8.0e4), log=True),
        Range("prandtl", 0.7, 100.0, (0.4, 300.0), log=True),
    )
    targets = (
        Target("nusselt", NODES, budget=0.1),
        Target("nusselt_bottom", log=True, budget=0.01),
        Target("growth_rate", log=True, budget=0.01),
        Target("settling_time", log=True, budget=0.25),
        Target("velocity_max", log=True, budget=0.01),
        Target("across_max", log=True, budget=0.01),
    )
    grouped = ("rayleigh", 1)
    counts = Counts(96, 2000, 2000, 32)
    tolerance = 1e-3
    accuracy = 1e-3
    settles = True

    def unknown(self, settings: Mapping[str, Any]) -> str:
        """See `Family`."""
        for name, known in (("heating", "bottom"), ("plates", "rigid-rigid"), ("sides", "periodic")):
            if settings[name] != known:
                return f"{name} = {settings[name]} is not among what was learned ({known} only)"
        if settings.get("duration") is not None:
            return "a duration cuts the run short, which was not learned"
        disturbed = torch.as_tensor(settings["perturbation"], dtype=torch.float64)
        if bool((disturbed != DISTURBANCE).any()):
            return f"perturbation is not the one that was learned, {DISTURBANCE:g}"
        case, _ = case_of(settings)
        wavelength = float(settings["aspect"]) / case.flow.rolls
        if not math.isclose(wavelength, ROLL, rel_tol=1e-6):
            return f"rolls of {wavelength:.4g} depths were not learned, those of {ROLL:g} were (aspect over rolls)"
        return ""

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family`."""
        found = numbers_of(settings)
        return {"rayleigh": found.rayleigh.detach(), "prandtl": found.prandtl.detach()}

    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """See `Family`."""
        return {"rayleigh": numbers["rayleigh"], "prandtl": numbers["prandtl"], "aspect": ROLL}

    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """See `Family`."""
        count = len(numbers["rayleigh"])
        found = {each.name: torch.full((count, each.nodes), torch.nan, dtype=torch.float64) for each in self.targets}
        order = self._rate(numbers).argsort()  # those that grow alike share their output times
        for k in range(0, count, _BATCH):
            members = order[k : k + _BATCH]
            for name, values in self._some({n: v[members] for n, v in numbers.items()}, tolerance).items():
                found[name][members] = values
            report(min(k + _BATCH, count) / count)
        return found

    def _some(self, numbers: Numbers, tolerance: float) -> dict[str, Tensor]:
        """Solve a batch in cells whose clocks let all their curves end together; one by one where that fails."""
        span = self._span(numbers)
        diffusivity, prandtl = span / _CLOCK, numbers["prandtl"]
        viscosity = prandtl * diffusivity
        settings = {
            "depth": 1.0, "temperature_difference": _DIFFERENCE, "viscosity": viscosity,
            "thermal_diffusivity": diffusivity, "aspect": ROLL,
            "expansion": numbers["rayleigh"] * viscosity * diffusivity / (GRAVITY * _DIFFERENCE),
        }  # fmt: skip
        shares = self.times(numbers, torch.linspace(0.0, 1.0, _FINE, dtype=torch.float64)) / span[:, None]
        at = shares[len(shares) // 2] * _CLOCK
        try:
            run = convection.simulate(settings, at, tolerance=tolerance)
        except PhysicsError:
            run = None
        if run is None or not run.status.ok:
            if len(span) == 1:
                return {}
            alone = [self._some({n: v[k : k + 1] for n, v in numbers.items()}, tolerance) for k in range(len(span))]
            lost = {each.name: torch.full((1, each.nodes), torch.nan, dtype=torch.float64) for each in self.targets}
            return {name: torch.cat([each.get(name, lost[name]) for each in alone]) for name in lost}
        value = {name: run.outputs[name].values for name in run.outputs if name != "temperature"}
        clock, rate = _CLOCK / span, self._rate(numbers)
        mean = (value["nusselt_bottom"] + value["nusselt_top"] + value["nusselt_volume"]) / 3.0
        columns = {
            "nusselt_bottom": mean,
            "growth_rate": value["growth_rate"] * clock / rate,
            "settling_time": value["settling_time"] / _CLOCK,
            **{name: value[name] * clock for name in ("velocity_max", "across_max")},
        }
        share = self.times(numbers, torch.linspace(0.0, 1.0, NODES, dtype=torch.float64)) / span[:, None]
        curves = CubicSpline(at.numpy() / _CLOCK, value["nusselt"].numpy(), axis=1)
        rows = [curves(own)[k] for k, own in enumerate(share.numpy())]
        return {
            "nusselt": torch.from_numpy(np.stack(rows)),
            **{name: column[:, None] for name, column in columns.items()},
        }

    def clock(self, settings: Mapping[str, Any]) -> Tensor:
        """See `Family`."""
        return numbers_of(settings).clock.detach()

    def times(self, numbers: Numbers, places: Tensor) -> Tensor:
        """See `Family`."""
        growth = (_GROWTHS / self._rate(numbers).clamp_min(0.05))[:, None]
        return growth * places + _SETTLING * (2.0 * places - 1.0).clamp_min(0.0) ** 2

    def places(self, numbers: Numbers, times: Tensor) -> Tensor:
        """See `Family`."""
        growth = (_GROWTHS / self._rate(numbers).clamp_min(0.05))[:, None]
        over = (times - 0.5 * growth).clamp_min(0.0)
        late = 2.0 * over / (growth + (growth**2 + 16.0 * _SETTLING * over).sqrt())
        return torch.minimum(times, 0.5 * growth) / growth + late

    def answers(
        self, settings: Mapping[str, Any], numbers: Numbers, bands: Mapping[str, Band], nodes: Mapping[str, Band],
        times: Tensor,
    ) -> list[Answer]:  # fmt: skip
        """See `Family`."""
        found, real = numbers_of(settings), dimensional(settings)
        clock, depth = found.clock.detach(), found.depth.detach()
        rayleigh, prandtl = numbers["rayleigh"], numbers["prandtl"]
        flux = bands["nusselt_bottom"]
        work = Band(*(rayleigh * (part - 1.0) for part in flux))
        onset = torch.full_like(rayleigh, critical_in_period(float(settings["aspect"]), "rigid-rigid")[0].rayleigh)
        made = [_curve("nusselt", bands["nusselt"], times, "s" if real else "")]
        made += [_number(f"nusselt_{where}", "", flux) for where in ("bottom", "top", "volume")]
        made += [
            _number("growth_rate", "1/s" if real else "", bands["growth_rate"].scaled(self._rate(numbers) / clock)),
            _number("settling_time", "s" if real else "", bands["settling_time"].scaled(self._span(numbers) * clock)),
        ]
        speed = "m/s" if real else ""
        made += [_number(n, speed, bands[n].scaled(depth / clock)) for n in ("velocity_max", "across_max")]
        exact = {"rayleigh": rayleigh, "prandtl": prandtl, "critical_rayleigh": onset}
        made += [_number(name, "", Band(value, value, value)) for name, value in exact.items()]
        made += [_number("thermal_dissipation", "", flux)]
        made += [_number(name, "", work) for name in ("viscous_dissipation", "buoyancy_work")]
        return made

    def _rate(self, numbers: Numbers) -> Tensor:
        pairs = zip(numbers["rayleigh"].tolist(), numbers["prandtl"].tolist(), strict=True)
        return torch.tensor([_growth_rate(ra, pr) for ra, pr in pairs], dtype=torch.float64)

    def _span(self, numbers: Numbers) -> Tensor:
        return _GROWTHS / self._rate(numbers).clamp_min(0.05) + _SETTLING


@lru_cache(4096)
def _growth_rate(rayleigh: float, prandtl: float) -> float:
    return growth_rate(rayleigh, prandtl, 2.0 * math.pi / ROLL)


def _number(name: str, unit: str, band: Band) -> Answer:
    return Answer(Output(name, unit, band.value), band.lower, band.upper)


def _curve(name: str, band: Band, times: Tensor, time_unit: str) -> Answer:
    return Answer(Output(name, "", band.value, times, time_unit=time_unit), band.lower, band.upper)


FAMILY = Convection()
