"""The flux at the bottom of cells as a differentiable function of what a person sets, extrapolated over two grids.

Grids and steps are chosen once, from a ladder like that of `levels`, so that the curve meets a tolerance as
far as the ladder reaches; the derivatives are those of the extrapolated discrete curve (`curve`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.boussinesq.curve import Schedule, flux, schedule
from physics.equations.boussinesq.levels import LADDER, extrapolated, first_rung
from physics.equations.boussinesq.numbers import case_of, numbers

_SHARED = ("aspect", "rolls", "duration", "mean_temperature")  # one value for all members


def curves_of(
    base: Mapping[str, Any], times: Tensor, tolerance: float, rungs: int = 4
) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return curves (batch, n) as a function of parameters (batch,) and times (n,), for complete settings."""
    case, found = case_of(base)
    chunk = case.span()[2]
    first = first_rung(float(case.flow.rayleigh.max()), case.shape.from_side)
    own = (found.rayleigh.detach(), found.prandtl.detach(), case.flow.amplitude, found.clock.detach())
    plans: list[Schedule] = []
    values: list[Tensor] = []
    for rows in LADDER[first : first + rungs]:
        plans.append(schedule(case.layer(rows), case.flow, times.numpy(), chunk))
        with torch.no_grad():
            values.append(flux(plans[-1], *own))
        if len(values) > 2 and _distance(plans, values) <= tolerance:
            break
    pair = plans[-2:]

    def curves(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        full = {**base, **{name: value for name, value in parameters.items() if name not in _SHARED}}
        given = numbers(full)
        amplitude = torch.as_tensor(full["perturbation"], dtype=torch.float64).reshape(-1).expand(len(given.rayleigh))
        used, moments = pair, at.detach().to(times)
        if moments.shape != times.shape or not torch.equal(moments, times):
            used = [schedule(plan.layer, case.flow, moments.numpy(), chunk) for plan in pair]
        marched = [flux(plan, given.rayleigh, given.prandtl, amplitude, given.clock) for plan in used]
        return _limit(used, marched)

    return curves


def _limit(plans: list[Schedule], values: list[Tensor]) -> Tensor:
    return extrapolated(values[-2], values[-1], plans[-1].layer.nz / plans[-2].layer.nz)


def _distance(plans: list[Schedule], values: list[Tensor]) -> float:
    """Return how far the last extrapolation is from the one before."""
    return float((_limit(plans, values) - _limit(plans[:-1], values[:-1])).abs().max())
