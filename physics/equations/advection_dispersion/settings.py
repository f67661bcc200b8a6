"""What concerns several of a column's settings at once: what is derived, what is missing, what contradicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.advection_dispersion.feed import lines
from physics.equations.advection_dispersion.scaling import REGIONS, Scaled
from physics.errors import ParameterError
from physics.series import Series

SORBED = ("freundlich_coefficient", "freundlich_exponent", "feed_concentration", "bulk_density")


def check(full: dict[str, Any]) -> dict[str, Any]:
    """Derive the velocity from the flow and the position from the length, and check what belongs together.

    v = Q / (n pi d^2 / 4)

    Raises:
        ParameterError: something is missing, given twice, or contradicts.
    """
    if "flow" in full:
        derived = _velocity(full)
        given = torch.as_tensor(full.setdefault("velocity", derived))
        if not torch.allclose(given, torch.as_tensor(derived, dtype=given.dtype), rtol=1e-9, atol=0.0):
            raise ParameterError("column: velocity and flow contradict each other; give one of them, not both")
    lacking = [name for name in ("length", "velocity", "dispersion") if name not in full]
    if lacking:
        hint = " (or flow, diameter and porosity)" if "velocity" in lacking else ""
        raise ParameterError(f"column: {', '.join(lacking)} is missing{hint}; give it a value with its unit")
    full.setdefault("position", full["length"])
    _check_position(full)
    _check_input(full)
    _check_sorption(full)
    return full


def _velocity(settings: Mapping[str, Any]) -> Any:
    lacking = [name for name in ("diameter", "porosity") if name not in settings]
    if lacking:
        raise ParameterError(f"column: flow needs {' and '.join(lacking)} to give a velocity; add it")
    return settings["flow"] / (settings["porosity"] * math.pi * settings["diameter"] ** 2 / 4)


def _check_position(full: Mapping[str, Any]) -> None:
    place, length = full["position"], torch.as_tensor(full["length"], dtype=torch.float64)
    if isinstance(place, tuple):
        if not place or not all(isinstance(one, int | float) for one in place):
            raise ParameterError("column: position takes numbers where it names several sensors: '5 cm, 10 cm'")
        if not all(math.isfinite(one) and one > 0 for one in place):
            raise ParameterError(
                "column: every position of several must lie above 0; move those sensors into the column"
            )
        place, length = max(place), length.min()
    if bool((torch.as_tensor(place, dtype=torch.float64) > length).any()):
        raise ParameterError("column: position lies beyond length; the sensor must stand inside the column")


def _check_input(full: Mapping[str, Any]) -> None:
    fed = full["input"]
    if isinstance(fed, Series):
        lines(fed)
    if fed == "pulse" and "pulse_duration" not in full:
        raise ParameterError("column: a pulse needs pulse_duration; give it, for example '30 min'")
    if fed != "pulse" and "pulse_duration" in full:
        named = "a file" if isinstance(fed, Series) else fed
        raise ParameterError(f"column: pulse_duration has no meaning with input {named}; set input to pulse")


def _check_sorption(full: Mapping[str, Any]) -> None:
    regions = [name for name in REGIONS if name in full]
    if len(regions) == 1:
        other = REGIONS[1 - REGIONS.index(regions[0])]
        raise ParameterError(f"column: {regions[0]} needs {other} too: two regions take both, one region neither")
    if full["isotherm"] != "freundlich":
        for name in SORBED[:3]:
            if name in full:
                raise ParameterError(f"column: {name} has no meaning with isotherm linear; set isotherm to freundlich")
        return
    lacking = [name for name in (*SORBED, "porosity") if name not in full]
    if lacking:
        raise ParameterError(f"column: isotherm freundlich needs {', '.join(lacking)}; give it a value with its unit")
    if regions:
        raise ParameterError("column: two regions are not combined with isotherm freundlich; leave one of them out")
    if bool((torch.as_tensor(full["retardation"], dtype=torch.float64) != 1.0).any()):
        raise ParameterError("column: isotherm freundlich replaces retardation; leave retardation out")


def duration(peclet: Tensor, share: Tensor, closed: bool, spread: Tensor) -> Tensor:
    """Return when a step has settled at `share` of the reference length, in units of R l / v.

    The mean arrival and five standard deviations: mean R x / v and variance 2 / Pe + 3 / Pe^2 of it as for the
    flux into an open column, or those of the closed column, 1 and 2 / Pe - 2 (1 - exp(-Pe)) / Pe^2, where they
    end sooner; `spread` is added to the variance of the whole length, for water at rest 2 (1 - beta)^2 / omega
    (Valocchi 1985, doi:10.1029/WR021i006p00808).
    """
    local = peclet * share
    ends = share * (1.0 + 5.0 * torch.sqrt(2.0 / local + 3.0 / local**2 + spread / share))
    if closed:
        whole = 2.0 * (peclet + torch.expm1(-peclet)) / peclet**2
        ends = torch.minimum(ends, 1.0 + 5.0 * torch.sqrt(whole + spread))
    return ends


def shown(case: Scaled, slow: Tensor | float) -> float:
    """Return how long (s) to show columns: until the slowest has settled after the last change of its feed.

    `slow` is the retardation of the slowest part beyond that of the unit of time. Exchange with water at rest that
    is slower than half a pore volume is not waited for.
    """
    column, spread = case.column, torch.zeros((), dtype=torch.float64)
    if column.mobile is not None and column.exchange is not None:
        spread = 2.0 * (1.0 - column.mobile) ** 2 / column.exchange.clamp(min=0.5)
    end = duration(column.peclet, column.place, column.closed, spread) * slow + case.feed.end()
    return float((end * case.time).detach().max())
