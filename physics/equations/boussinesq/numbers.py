"""From what a person sets on a convection cell to the numbers that the equations know, Ra, Pr and the clock.

    Ra = g alpha dT d^3 / (nu kappa),   Pr = nu / kappa,   one diffusion time = d^2 / kappa seconds

Either the numbers are given and times are in diffusion times, or a fluid (or its properties), a depth and a
temperature difference are, and times are in seconds. A property that is given goes before that of the fluid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from physics.equations.boussinesq.fluids import FLUIDS, GRAVITY, Properties
from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.levels import Case
from physics.equations.boussinesq.onset import critical, critical_in_period, neutral
from physics.equations.boussinesq.run import Flow
from physics.errors import ParameterError

NAMED = ("depth", "temperature_difference", "viscosity", "thermal_diffusivity", "expansion")
_PROPERTIES = ("viscosity", "thermal_diffusivity", "expansion")


class Numbers(NamedTuple):
    """Ra, Pr, seconds in a diffusion time (1 where times are counted in it) and metres in a depth (likewise)."""

    rayleigh: Tensor
    prandtl: Tensor
    clock: Tensor
    depth: Tensor


def dimensional(settings: Mapping[str, Any]) -> bool:
    """Whether the cell is described by a fluid and lengths, not by numbers."""
    return settings.get("rayleigh") is None


def fluid_properties(settings: Mapping[str, Any]) -> Properties:
    """Return the properties of the settings' fluid at their mean temperature.

    Raises:
        ParameterError: they are not known there.
    """
    mean = float(_tensor(settings["mean_temperature"]).reshape(-1)[0])
    return FLUIDS[str(settings["fluid"])].at(mean)


def numbers(settings: Mapping[str, Any]) -> Numbers:
    """Return the numbers of complete settings, differentiable by what they are made of, each of shape (batch,)."""
    if not dimensional(settings):
        rayleigh, prandtl = (_tensor(settings[name]) for name in ("rayleigh", "prandtl"))
        one = torch.ones((), dtype=torch.float64, device=rayleigh.device)
        found: tuple[Tensor, ...] = (rayleigh, prandtl, one, one)
    else:
        depth, difference = _tensor(settings["depth"]), _tensor(settings["temperature_difference"])
        known = None if settings.get("fluid", "none") == "none" else fluid_properties(settings)
        values = (None, None, None) if known is None else (known.viscosity, known.diffusivity, known.expansion)
        nu, kappa, alpha = (
            _tensor(settings[name] if settings.get(name) is not None else value)
            for name, value in zip(_PROPERTIES, values, strict=True)
        )
        rayleigh = GRAVITY * alpha * difference * depth**3 / (nu * kappa)
        found = (rayleigh, nu / kappa, depth**2 / kappa, depth)
    amplitude = _tensor(settings.get("perturbation", 0.01))
    size = max(max(part.numel() for part in found), amplitude.numel())
    return Numbers(*(part.reshape(-1).expand(size) if part.numel() == 1 else part.reshape(-1) for part in found))


def _tensor(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def case_of(settings: Mapping[str, Any]) -> tuple[Case, Numbers]:
    """Return what is to be marched for complete settings, detached, and the numbers it comes from."""
    found = numbers(settings)
    rayleigh, prandtl = found.rayleigh.detach(), found.prandtl.detach()
    amplitude = _tensor(settings["perturbation"]).detach().reshape(-1).expand(len(rayleigh)).clone()
    plates = str(settings["plates"])
    bottom, top = (name == "rigid" for name in plates.split("-"))
    aspect = float(settings["aspect"])
    from_side, periodic = settings["heating"] == "side", settings["sides"] == "periodic"
    rolls = settings.get("rolls")
    count = round(float(rolls)) if rolls is not None else rolls_in(aspect, plates, periodic, float(rayleigh.max()))
    shape = Layer(8, 8, aspect, (bottom, top), periodic, from_side)
    return Case(
        shape, Flow(rayleigh, prandtl, amplitude, 1 if from_side else count, found.clock.detach()), plates
    ), found


def rolls_in(aspect: float, plates: str, periodic: bool, rayleigh: float) -> int:
    """Return how many pairs of rolls (single rolls between walls) the first disturbance has.

    As many as come nearest to the critical wavelength; where those would die but others grow, those that grow first.
    """
    wavelength = 2.0 * math.pi / critical(plates).wavenumber
    if not periodic:
        return max(1, round(2.0 * aspect / wavelength))
    pairs = max(1, round(aspect / wavelength))
    onset, first = critical_in_period(aspect, plates)
    if pairs != first and onset.rayleigh < rayleigh < neutral(2.0 * math.pi * pairs / aspect, plates):
        return first
    return pairs


def check(settings: Mapping[str, Any], name: str = "convection") -> None:
    """Check what concerns several settings.

    Raises:
        ParameterError: something is missing, given twice, or contradicts.
    """
    numbered = [key for key in ("rayleigh", "prandtl") if settings.get(key) is not None]
    named = [key for key in NAMED if settings.get(key) is not None]
    fluid = settings.get("fluid", "none") != "none"
    if numbered and (named or fluid):
        other = ", ".join([*named, *(["fluid"] if fluid else [])])
        raise ParameterError(f"{name}: {' and '.join(numbered)} and {other} contradict; give the numbers or the cell")
    if numbered or not (named or fluid):
        lacking = [key for key in ("rayleigh", "prandtl") if key not in numbered]
        if lacking:
            hint = "" if numbered else "; or give fluid, depth and temperature_difference"
            raise ParameterError(f"{name}: {' and '.join(lacking)} is missing{hint}")
    else:
        lacking = [key for key in ("depth", "temperature_difference") if key not in named]
        if not fluid:
            lacking += [key for key in _PROPERTIES if key not in named]
        if lacking:
            hint = "" if fluid else " (or a fluid)"
            raise ParameterError(f"{name}: {', '.join(lacking)} is missing{hint}; give it a value with its unit")
        if fluid and fluid_properties(settings).expansion <= 0.0 and settings.get("expansion") is None:
            raise ParameterError(f"{name}: {settings['fluid']} does not expand at this mean_temperature; raise it")
    if settings["heating"] == "side" and settings["sides"] == "periodic":
        raise ParameterError(f"{name}: a cell heated from the side needs walls; set sides to walls, or heat the bottom")
