"""Run Gray-Scott squares to a tolerance: the step is halved until <B> agrees, then everything is written down.

The error of a value is its difference to the run of twice the step over 15, for a scheme of fourth order. It is the
error of marching the equation on its grid; what the grid itself leaves out shows in `March.tail` and is not part of
it. Where halving the step does not bring the two runs closer, they have parted for good: the run is chaotic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.gray_scott.march import STABLE, March, halved, march, stretches
from physics.equations.gray_scott.scheme import FLOOR, Rates

RICHARDSON = 15.0
MOST_LEVELS = 4
SETTLED = 1e-3  # root mean square of dB/dt over that of B, per unit of time
STEADY = 0.02
HELD = 0.1
SLOW = 4.0  # halving the step should divide the error by 16; by less than this it no longer helps


class Run(NamedTuple):
    """What a run found.

    Attributes:
        finest: the march of the shortest step.
        coarser: the one of twice that step, None if the step was given.
        error: of <B>, shape (batch, times); infinite where the run is not finite; zero if the step was given.
        chaotic: whether halving the step has stopped to help, shape (batch,).
        step: the longest step of the finest march.
        levels: how many marches were made.
    """

    finest: March
    coarser: March | None
    error: Tensor
    chaotic: Tensor
    step: float
    levels: int


def longest_step(rates: Rates) -> float:
    """Return a step that is stable for the reaction of every member: 2.5 over the fastest loss, B up to 0.7."""
    fastest = float((rates.feed + rates.kill).detach().max()) + 0.5
    return min(STABLE, 2.5 / fastest)


def first_step(rates: Rates, tolerance: float) -> float:
    """Return the step to try first, by the fourth order from what the mazes of some hundred units of time need."""
    return min(0.5 * longest_step(rates), 1.5 * (tolerance / 1e-7) ** 0.25)


def run_to(
    rates: Rates,
    start: Tensor,
    times: Tensor,
    frames: Tensor,
    tolerance: float,
    step: float | None,
    report: Callable[[float], None],
) -> Run:
    """March past the rising `times`; with `step` once, else halving it until the tolerance is met."""
    if step is not None:
        once = march(rates, start, stretches(times, step), frames, report)
        zero = torch.where(torch.isfinite(once.means[..., 1]), 0.0, torch.inf)
        return Run(once, None, zero, torch.zeros(len(start), dtype=torch.bool, device=start.device), step, 1)
    plan = stretches(times, 2.0 * first_step(rates, tolerance))
    coarser = march(rates, start, plan, frames, lambda done: report(done / 3.0))
    before, level = torch.full((len(start),), torch.inf, dtype=start.dtype, device=start.device), 1
    while True:
        plan, level, done = halved(plan), level + 1, 1.0 - 2.0 / 3.0**level
        finest = march(rates, start, plan, frames, partial(_share, report, done, 1.0 - 1.0 / 3.0**level))
        error = _error(finest.means[..., 1], coarser.means[..., 1])
        worst = error.amax(1)
        late = (worst > tolerance) & torch.isfinite(worst)
        stuck = late & (worst > before / SLOW)
        if bool((stuck | ~late).all()) or level > MOST_LEVELS:
            report(1.0)
            return Run(finest, coarser, error, stuck, max(h for _, h in plan), level)
        before, coarser = worst, finest


def _share(report: Callable[[float], None], first: float, last: float, done: float) -> None:
    report(first + (last - first) * done)


def _error(finest: Tensor, coarser: Tensor) -> Tensor:
    return torch.where(torch.isfinite(finest), (finest - coarser).abs() / RICHARDSON, torch.inf)


def settling(march: March, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return when each member has settled, and whether it has; both of shape (batch,).

    From then on B moves no faster than `SETTLED` and its mean stays within `STEADY` of its last value, over at least
    the last `HELD` of the run. Where it has not, the time is the last one, a lower bound.
    """
    mean = march.means[..., 1]
    last = mean[:, -1:]
    moving = (march.change > SETTLED) | ((mean - last).abs() > STEADY * last.abs().clamp(min=FLOOR))
    moving = moving | ~torch.isfinite(mean)
    count = (moving.flip(1).cumsum(1) > 0).sum(1)
    when = times[count.clamp(max=len(times) - 1)]
    settled = (count < len(times)) & (when <= (1.0 - HELD) * times[-1])
    return torch.where(settled, when, times[-1]), settled
