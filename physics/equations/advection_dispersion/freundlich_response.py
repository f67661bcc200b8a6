"""Curves of `freundlich` extrapolated from three marches, to a tolerance.

The error of a march begins with the squares of spacing and step; the runs at 2, 3 and 4 parts of a resolution
cancel them and the third power of the step. What the last two alone extrapolate to differs from that by about
the error of the latter, and stands for that of the former.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.advection_dispersion import solution as transport_solution
from physics.equations.advection_dispersion.breakthrough import Budget
from physics.equations.advection_dispersion.freundlich import Isotherm, isotherm, run
from physics.equations.advection_dispersion.response import Resolution
from physics.equations.advection_dispersion.scaling import Scaled, Scheme, scaled
from physics.integrate.richardson import LEVELS, ROUNDING, combine
from physics.series import Series
from physics.solution import Cost, Solution

MOST = Resolution(2048, 4096, 2048)
LEAST = Resolution(64, 96, 0)
WATCH = 24  # further times at which the error is estimated


def _weights(powers: tuple[int, int]) -> list[float]:
    """Return what cancels two powers of the step of runs at `LEVELS`."""
    rows = torch.tensor([[1.0 / n**power for n in LEVELS] for power in (0, *powers)], dtype=torch.float64)
    return torch.linalg.solve(rows, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)).tolist()


def respond(
    case: Scaled, sorbed: Isotherm, at: Tensor, fed: Series | None, size: Resolution
) -> tuple[Tensor, Tensor, Budget]:
    """Return the curves (times, batch), their error estimates (batch,) and the cumulated terms.

    Each march balances, and so does what they extrapolate to.
    """
    runs = []
    for level in LEVELS:
        part = Resolution(*(count * level // LEVELS[-1] for count in size))
        runs.append(run(case, sorbed, at, fed, part))
    factors = _weights((2, 3))
    best = combine(factors, [each.curve for each in runs])
    spent = Budget(*(combine(factors, list(rows)) for rows in zip(*(each.budget for each in runs), strict=True)))
    fine, finer = LEVELS[-2] ** 2, LEVELS[-1] ** 2
    with torch.no_grad():
        second = (finer * runs[-1].curve - fine * runs[-2].curve) / (finer - fine)
        error = (best - second).abs().amax(0) + ROUNDING
    return best, error, spent


def first_size(case: Scaled, tolerance: float) -> Resolution:
    """Guess a resolution for the sharpest member."""
    local = float((case.column.peclet * case.column.place).detach().max())
    share = float(case.column.place.detach().min())
    cells = _even((16.0 + 1.6 * local) * (tolerance / 1e-4) ** -0.25 / share, LEAST.cells, MOST.cells)
    if case.column.closed:
        return Resolution(cells, _even(1.5 * cells, LEAST.steps, MOST.steps), 0)
    beyond = 26.0 / float(case.column.peclet.detach().min())
    tail = _even(cells * min(beyond, 1.0 + 0.5 * max(0.0, torch.tensor(beyond).log().item())), 16, MOST.tail)
    return Resolution(cells, _even(1.5 * cells, LEAST.steps, MOST.steps), tail)


def _even(wanted: float, least: int, most: int) -> int:
    return min(max(4 * round(wanted / 4), least), most)


def finer(size: Resolution, error: float, tolerance: float, closed: bool) -> Resolution:
    """Return the next resolution by what the third order promises, from 1.3 to 2 times as fine."""
    ratio = error / tolerance
    factor = min(max(1.15 * ratio ** (1.0 / 3.0) if ratio < 1e9 else 2.0, 1.3), 2.0)
    tail = 0 if closed else _even(size.tail * factor, 16, MOST.tail)
    return Resolution(_even(size.cells * factor, 64, MOST.cells), _even(size.steps * factor, 96, MOST.steps), tail)


def choose(parameters: Mapping[str, Tensor], times: Tensor, scheme: Scheme, tolerance: float) -> Resolution:
    """Return a resolution at which every member meets the tolerance, or the finest allowed."""
    with torch.no_grad():
        case, sorbed, fed = pose({name: value.detach() for name, value in parameters.items()}, scheme)
        watched, size = watch(times.detach()), first_size(case, tolerance)
        while True:
            error = float(respond(case, sorbed, watched, fed, size)[1].nan_to_num(nan=torch.inf).max())
            if error <= tolerance or exhausted(size):
                return size
            size = finer(size, error, tolerance, case.column.closed)


def exhausted(size: Resolution) -> bool:
    """Whether no finer grid is allowed."""
    return size.cells >= MOST.cells or size.steps >= MOST.steps


def watch(times: Tensor) -> Tensor:
    """Return the times with those at which the error is watched besides."""
    fractions = (torch.arange(WATCH, dtype=times.dtype, device=times.device) + 0.5) / WATCH
    return torch.cat([times, fractions * times.max()])


def pose(parameters: Mapping[str, Tensor], scheme: Scheme) -> tuple[Scaled, Isotherm, Series | None]:
    """Return the dimensionless columns, their isotherms and the measured feed of SI parameters."""
    case = scaled(parameters, scheme)
    fed = scheme.input if isinstance(scheme.input, Series) else None
    return case, isotherm(parameters, len(case.time)), fed


def concentration(parameters: Mapping[str, Tensor], times: Tensor, scheme: Scheme, size: Resolution) -> Tensor:
    """Return C/C0 at the sensor, shape (batch, times), differentiable in every parameter in both modes."""
    case, sorbed, fed = pose(parameters, scheme)
    return respond(case, sorbed, times, fed, size)[0].T


def solve(
    parameters: Mapping[str, Tensor],
    scheme: Scheme,
    at: Tensor,
    places: Tensor | None,
    tolerance: float,
    pinned: Resolution | None,
    progress: Callable[[float], None],
) -> Solution:
    """Return the solution of columns at the times `at` in seconds, every member to the tolerance.

    Args:
        places: see `solution.solution_of`.
    """
    begin = perf_counter()
    case, sorbed, fed = pose(parameters, scheme)
    watched, size, levels = watch(at), pinned or first_size(case, tolerance), 0
    waiting = torch.arange(len(case.time), device=at.device)
    found: list[_Ended] = []
    while len(waiting):
        levels += 1
        kind = Isotherm(*(value[waiting] for value in sorbed))
        curve, error, spent = respond(case.take(waiting), kind, watched, fed, size)
        met = error <= tolerance
        leave = met if pinned is None and not exhausted(size) else torch.ones_like(met)
        ended = Budget(*(term[: len(at), leave] for term in spent))
        found.append(_Ended(waiting[leave], curve[: len(at), leave].T, error[leave], met[leave], size, ended))
        waiting = waiting[~leave]
        progress(1.0 - len(waiting) / len(case.time))
        if len(waiting):
            size = finer(size, float(error[~leave].nan_to_num(nan=torch.inf).max()), tolerance, case.column.closed)
    order = torch.argsort(torch.cat([each.members for each in found]))
    curve = torch.cat([each.curve for each in found])[order]
    error = torch.cat([each.error for each in found])[order]
    met = torch.cat([each.met for each in found])[order]
    cells = torch.cat([each.error.new_full(each.error.shape, each.size.cells) for each in found])[order]
    spent = Budget(*(torch.cat([each.spent[k] for each in found], 1)[:, order] for k in range(4)))
    cost = Cost(size.cells, size.steps, perf_counter() - begin, levels)
    capacity = case.span * (1.0 + sorbed.kappa)
    return transport_solution.gathered(
        case, curve, error, met, cells, spent, capacity, at, places, cost, tolerance, pinned is not None
    )


class _Ended(NamedTuple):
    """Members that left a refinement: curve (members, times), the others (members,)."""

    members: Tensor
    curve: Tensor
    error: Tensor
    met: Tensor
    size: Resolution
    spent: Budget
