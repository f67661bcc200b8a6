"""Refine a flash until it meets its tolerance, and put it into SI with errors, balance and status.

The same run from fewer polynomials is the error estimate: since the error falls faster than any power, the
difference is that of the coarser run, and an upper estimate for the finer one that is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.flash.disc import Disc, Readings, read
from physics.solution import Balance, Cost, Output, Solution, Status

DEGREES = (24, 36, 54, 80, 120)
BALANCE_TOLERANCE = 1e-11
_ROUNDING = 1e-13  # of the adiabatic rise: no estimate falls below it


class Refined(NamedTuple):
    """Readings with the differences from the coarser run, the degree and how many degrees were tried."""

    readings: Readings
    error: Readings
    degree: int
    levels: int


def refine(
    disc: Disc,
    seconds: Tensor,
    tolerance: float,
    report: Callable[[float], None] = lambda _: None,
) -> Refined:
    """Raise the degree until the rear curve, its maximum and, relatively, its half-rise time meet the tolerance."""
    with torch.no_grad():
        coarse = read(disc, seconds, DEGREES[0])
    for level, degree in enumerate(DEGREES[1:], start=2):
        fine = read(disc, seconds, degree)
        error = Readings(*((a - b).detach().abs() + _ROUNDING for a, b in zip(fine, coarse, strict=True)))
        report(level / len(DEGREES))
        if met(fine, error, tolerance).all() or degree == DEGREES[-1]:
            break
        coarse = Readings(*(part.detach() for part in fine))
    report(1.0)
    return Refined(fine, error, degree, level)


def met(fine: Readings, error: Readings, tolerance: float) -> Tensor:
    """Which members meet the tolerance, shape (batch,)."""
    return (worst(error.rear) <= tolerance) & (error.maximum <= tolerance) & (error.half <= tolerance * fine.half)


def worst(error: Tensor) -> Tensor:
    """The largest error of each member's curve, shape (batch,)."""
    return error.amax(-1)


def solution_of(disc: Disc, refined: Refined, at: Tensor, tolerance: float, seconds: float) -> Solution:
    """Return the solution of discs at the times `at` in seconds."""
    fine, error = refined.readings, refined.error
    kelvin, joule = ("K", "J") if disc.absolute else ("", "")
    signal, rise, heat = ((part)[:, None] for part in (disc.amplitude * disc.rise, disc.rise, disc.heat))
    level = worst(error.rear)[:, None].expand_as(error.rear)
    outputs = [
        _curve("rear_temperature", kelvin, fine.rear, level, signal, at),
        Output("half_time", "s", fine.half / disc.rate, error=(error.half / disc.rate).detach()),
        Output("maximum", kelvin, fine.maximum * signal[:, 0], error=(error.maximum * signal[:, 0]).detach()),
        _curve("front_temperature", kelvin, fine.front, error.front, rise, at),
        _curve("energy_in", joule, fine.entered, torch.zeros_like(error.entered), heat, at),
        _curve("energy_stored", joule, fine.stored, error.stored, heat, at),
        _curve("energy_lost_front", joule, fine.lost_front, error.lost_front, heat, at),
        _curve("energy_lost_rear", joule, fine.lost_rear, error.lost_rear, heat, at),
    ]
    status, message = _ended(disc, refined, at, tolerance)
    return Solution(
        outputs={output.name: output for output in outputs},
        balances=[_balance(fine, disc, int(at.argmax()), joule)],
        status=status,
        message=message,
        cost=Cost(refined.degree, len(at), seconds, refined.levels),
        tolerance=tolerance,
        extra={"biot_front": disc.front_biot, "biot_rear": disc.rear_biot, "adiabatic_rise": disc.rise},
    )


def _curve(name: str, unit: str, values: Tensor, error: Tensor, scale: Tensor, at: Tensor) -> Output:
    return Output(name, unit, values * scale, at, (error * scale).detach())


def _balance(fine: Readings, disc: Disc, last: int, unit: str) -> Balance:
    """What the pulse brought up to the last time is stored, or was lost through the two faces."""
    terms = {
        "in": fine.entered[:, last] * disc.heat,
        "stored": fine.stored[:, last] * disc.heat,
        "lost front": fine.lost_front[:, last] * disc.heat,
        "lost rear": fine.lost_rear[:, last] * disc.heat,
    }
    residual = terms["in"] - terms["stored"] - terms["lost front"] - terms["lost rear"]
    return Balance("energy", terms, residual, disc.heat, BALANCE_TOLERANCE, unit)


def _ended(disc: Disc, refined: Refined, at: Tensor, tolerance: float) -> tuple[Status, str]:
    fine, error = refined.readings, refined.error
    finite = torch.isfinite(fine.rear)
    if not bool(finite.all()):
        member, time = (int(k) for k in (~finite).nonzero()[0])
        return Status.DIVERGED, (
            f"disc {member} is not finite from t = {float(at[time]):.4g} s on: bring its Biot number "
            f"({float(disc.front_biot[member]):.3g}) and its pulse within the limits of the model."
        )
    reached = met(fine, error, tolerance)
    largest = float(torch.maximum(worst(error.rear), error.half / fine.half.detach()).max())
    if bool(reached.all()):
        return Status.CONVERGED, f"Largest error estimate {largest:.1e} of the adiabatic rise."
    return Status.TOLERANCE_NOT_MET, (
        f"{int((~reached).sum())} of {len(reached)} discs end at an error of {largest:.1e} of the adiabatic rise."
    )
