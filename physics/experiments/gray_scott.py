"""A fed open reactor with two species in a thin layer: what it is, and one run of it.

The equation, its units and its sources stand in `physics.equations.gray_scott.scheme`, where a run starts in
its `start` and how a pattern is named in its `pattern`. All numbers are in model units: concentrations
over that of A in the feed, times over 1 / (k1 a0^2), lengths in the unit of `size`. With k1 a0^2 = 1 / s a time of
1000 is 1000 s, and with `size` in decimetres 2e-5 is 2e-7 m^2/s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics import device as devices
from physics.equations.given import check_given
from physics.equations.gray_scott.curves import mean_curve
from physics.equations.gray_scott.laws import LAWS
from physics.equations.gray_scott.march import STABLE
from physics.equations.gray_scott.run import longest_step, run_to
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.settings import (
    LEAST_CELLS,
    LONGEST,
    MOST_CELLS,
    MOST_SPOTS,
    MOST_STEPS,
    check_times,
    derive,
    lead,
    rates_of,
    start_of,
    tensors,
    whole,
)
from physics.equations.gray_scott.solution import solution_of
from physics.equations.gray_scott.start import KINDS
from physics.errors import ParameterError
from physics.experiment import Choice, Experiment, Limit, Observable, Parameter, Role
from physics.solution import Solution

FRAME_NUMBERS = 32_000_000  # of the fields that a run keeps where nobody says how many
_FEW_TIMES, _WATCH, _WATCH_STEP = 20, 32, 10.0  # further times for settling, where few are asked for

PARAMETERS = (
    Parameter(
        "feed", "", Role.UNKNOWN, 1e-9, 10.0, "feed rate F: flow over volume",
        prior=(0.03, 0.7),
    ),
    Parameter("kill", "", Role.UNKNOWN, 0.0, 10.0, "rate k at which B decays besides", prior=(0.06, 0.3)),
    Parameter(
        "diffusion_a", "", Role.UNKNOWN, 1e-15, 1e3, "diffusivity of the fed species",
        default=2e-5, prior=(2e-5, 0.5),
    ),
    Parameter(
        "diffusion_b", "", Role.UNKNOWN, 1e-15, 1e3, "diffusivity of the autocatalyst",
        default=1e-5, prior=(1e-5, 0.5),
    ),
    Parameter("size", "", Role.APPARATUS, 1e-6, 1e6, "side of the periodic square", default=2.0),
    Parameter(
        "cells", "", Role.SCHEME, LEAST_CELLS, MOST_CELLS,
        "grid points a side, even; where left out as many as fronts need, 128 for the defaults",
    ),
    Parameter("duration", "", Role.CONTROL, 0.0, LONGEST, "length of the run", default=1000.0, exclusive_lower=True),
    Parameter("seed", "", Role.CONTROL, 0.0, 2.0**31, "whole number that places the spots", default=0.0),
    Parameter(
        "spots", "", Role.CONTROL, 1.0, MOST_SPOTS, "how many spots or holes a run starts from; by the area if left out"
    ),
    Parameter(
        "spot_width", "", Role.CONTROL, 0.0, 1e6,
        "width of a spot; 12 times the square root of diffusion_b if left out", exclusive_lower=True,
    ),
)  # fmt: skip
CHOICES = (
    Choice("inoculum", KINDS, "auto", "spots of B, holes in a full square, or holes where B can fill it", Role.CONTROL),
)  # fmt: skip


def complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults and what follows from size and diffusivity; check what concerns several parameters.

    Raises:
        ParameterError: something is missing or contradicts.
    """
    full: dict[str, Any] = {choice.name: choice.default for choice in CHOICES}
    full |= {item.name: item.default for item in PARAMETERS if item.default is not None}
    return derive(full | check_given("gray_scott", settings, PARAMETERS, CHOICES))


def default_times(settings: Mapping[str, Any], count: int = 121) -> Tensor:
    """Return evenly spaced times from zero to the duration of the first member, shape (count,)."""
    return torch.linspace(0.0, lead(complete(dict(settings)), "duration"), count, dtype=torch.float64)


def model(
    settings: Mapping[str, Any], times: Tensor, tolerance: float = 1e-6
) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return the differentiable mean of B over time of squares like `settings`, at steps that meet the tolerance.

    The function returned takes parameters of shape (batch,) and times (n,) and gives <B>, (batch, n). All start
    from the fields that `settings` start from, whatever the parameters are.
    """
    full = complete(dict(settings))
    values = tensors(full, PARAMETERS, torch.device("cpu"))
    start = start_of(full, values)
    rising = torch.as_tensor(times, dtype=torch.float64).detach().unique()
    fixed = {name: value.detach() for name, value in values.items()}
    with devices.one_thread(), torch.no_grad():
        frames = torch.zeros(len(rising), dtype=torch.bool)
        step = run_to(rates_of(fixed), start, rising, frames, tolerance, None, lambda done: None).step or STABLE

    def curves(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        given = {name: parameters.get(name, fixed[name]) for name in Rates._fields}
        batch = max(len(value) for value in given.values())
        begun = start if len(start) == batch else start[:1].expand(batch, -1, -1, -1)
        rates = Rates(*(given[name].expand(batch) for name in Rates._fields))
        return mean_curve(rates, begun.to(rates.feed.device), at, step)

    return curves


def simulate(
    settings: Mapping[str, Any],
    times: Tensor | None = None,
    *,
    tolerance: float = 1e-6,
    device: str = "auto",
    progress: Callable[[float, str], None] | None = None,
    step: float | None = None,
    frames: int | None = None,
    initial: Tensor | None = None,
) -> Solution:
    """Run squares to a tolerance and return their means, fields, pattern, errors and balances.

    Args:
        settings: numbers or tensors of shape (batch,), and the choice; incomplete ones are completed. `cells`,
            `spots` and `seed` are the same for the whole batch.
        times: output times, shape (times,); chosen from `duration` if left out.
        tolerance: of the error that marching leaves in `mean_b`, absolute; the grid's own is not in it.
        device: see `physics.device`.
        progress: called with the share done and a word.
        step: march once with steps no longer than this, instead of looking for one; errors are then not known.
        frames: at how many of the times to keep fields, spread evenly, the last always among them; as many as fit
            in memory if left out.
        initial: fields A and B to start from, shape (batch, 2, cells, cells), in place of the settings' own.

    Returns:
        Solution: curves `mean_b`, `mean_a`, `fed`, `reacted`, `drained` (since the start, means over the square) and
            `change` (how fast B moves), fields `a` and `b`, numbers `wavelength` (zero without a pattern),
            `pattern` (see its labels) and `settling_time`; the balances of A and B; `extra` has richness, F / (4 (F +
            k)^2), the spectrum's tail, whether each has settled, and the step.

    Raises:
        ParameterError: a setting, a time or the tolerance cannot be used.
    """
    begin, place = perf_counter(), devices.resolve(device)
    full = complete(dict(settings))
    values = {name: value.detach() for name, value in tensors(full, PARAMETERS, place).items()}
    asked = check_times(default_times(full) if times is None else times, place)
    if not 1e-12 <= tolerance < 1:
        raise ParameterError(f"gray_scott: tolerance = {tolerance:g} is outside its range, from 1e-12 to 1")
    rates = rates_of(values)
    _check_length(rates, float(asked.max()), step)
    start = _given(initial, full, values) if initial is not None else start_of(full, values)
    rising = torch.cat([asked.new_zeros(1), _watched(asked)]).unique()
    where = torch.searchsorted(rising, asked)
    kept = _frames(where, len(rising), frames, len(start) * 2 * start.shape[-1] ** 2)

    def report(done: float) -> None:
        if progress is not None:
            progress(done, "marching squares")

    with devices.one_thread(), torch.no_grad():
        run = run_to(rates, start.to(place), rising, kept, tolerance, step, report)
        found = solution_of(run, values, rising, where, kept, tolerance, start.shape[-1])
    return replace(found, cost=replace(found.cost, seconds=perf_counter() - begin))


def _check_length(rates: Rates, end: float, step: float | None) -> None:
    if step is not None and not 0 < step <= STABLE:
        raise ParameterError(f"gray_scott: step = {step:g} is outside its range, above 0 to {STABLE:g}")
    steps = end / min(step or STABLE, longest_step(rates))
    if steps > MOST_STEPS:
        raise ParameterError(
            f"gray_scott: times up to {end:g} take {steps:.1e} steps, more than {MOST_STEPS:.0e}; end the run sooner"
        )


def _given(initial: Tensor, full: Mapping[str, Any], values: Mapping[str, Tensor]) -> Tensor:
    batch, cells = len(values["feed"]), whole(full, "cells")
    if tuple(initial.shape) != (batch, 2, cells, cells) or not bool(torch.isfinite(initial).all()):
        wanted = f"({batch}, 2, {cells}, {cells})"
        raise ParameterError(f"gray_scott: initial is {tuple(initial.shape)}; give finite numbers of shape {wanted}")
    return initial.detach().to(torch.float64)


def _watched(asked: Tensor) -> Tensor:
    """Add times at which to look whether a run has settled, where few are asked for."""
    end = float(asked.max())
    count = int(min(_WATCH, end / _WATCH_STEP)) if len(asked) < _FEW_TIMES else 0
    return torch.cat([asked, torch.linspace(0.0, end, count + 1, dtype=asked.dtype, device=asked.device)])


def _frames(where: Tensor, times: int, wanted: int | None, numbers: int) -> Tensor:
    """Choose the times that have fields among those asked for; the last one always has."""
    places = where.unique()
    count = min(len(places), max(1, FRAME_NUMBERS // numbers if wanted is None else wanted))
    chosen = torch.linspace(0 if count > 1 else len(places) - 1, len(places) - 1, count, device=where.device)
    kept = torch.zeros(times, dtype=torch.bool, device=where.device)
    kept[places[chosen.round().long()]] = True
    return kept


EXPERIMENT = Experiment(
    name="gray_scott",
    title="Patterns in a fed reactor (Gray-Scott)",
    meaning="B eats A and makes more of itself in a thin fed layer; feed and kill rates decide which pattern grows.",
    parameters=PARAMETERS,
    choices=CHOICES,
    observables=(
        Observable("mean_b", "", "curve", "mean of the autocatalyst B over the square"),
        Observable("mean_a", "", "curve", "mean of the fed species A over the square"),
        Observable("fed", "", "curve", "A fed less A washed out since the start"),
        Observable("reacted", "", "curve", "A turned into B since the start"),
        Observable("drained", "", "curve", "B washed out and decayed since the start"),
        Observable("change", "", "curve", "how fast B moves, over its own size, per unit of time"),
        Observable("a", "", "field", "A"),
        Observable("b", "", "field", "B"),
        Observable("wavelength", "", "scalar", "from stripe to stripe or spot to spot; zero without a pattern"),
        Observable("pattern", "", "scalar", "class of the pattern at the end: dead, uniform, spots, worms, maze, ..."),
        Observable("settling_time", "", "scalar", "when B stopped moving; the run's length where it did not"),
    ),
    balances=("A", "B"),
    limits=(
        Limit(
            "richness",
            "F / (4 (F + k)^2); below 0.7 B has died out from every start tried, above 1 a uniform state with B exists",
            "", 0.7, None, lambda s: lead(s, "feed") / (4.0 * (lead(s, "feed") + lead(s, "kill")) ** 2),
        ),
        Limit(
            "points_per_front",
            "front width (D_b / (F + k))^(1/2) over the distance of points; below 0.5 the grid decides the pattern",
            "", 0.5, None,
            lambda s: (lead(s, "diffusion_b") / (lead(s, "feed") + lead(s, "kill"))) ** 0.5
            * lead(s, "cells") / lead(s, "size"),
        ),
        Limit(
            "diffusion_ratio", "D_a / D_b; below 1 spots and stripes do not hold", "", 1.0, 20.0,
            lambda s: lead(s, "diffusion_a") / lead(s, "diffusion_b"),
        ),
    ),
    complete=complete,
    simulate=simulate,
    default_times=default_times,
    model=model,
    laws=LAWS,
    fit_tolerance=1e-6,
    fit_finer=10.0,
    boundaries=lambda settings: {"x": "periodic", "y": "periodic"},
    example={
        "feed": "0.03", "kill": "0.062", "diffusion_a": "2e-5", "diffusion_b": "1e-5",
        "size": "0.5", "cells": "32", "duration": "200",
    },
)  # fmt: skip
