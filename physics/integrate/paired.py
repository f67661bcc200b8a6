"""A run with its error: the same march on a grid and on one twice as fine, until the two agree.

    error = |fine - coarse| / (2^p - 1)        p the order of the scheme when cells double

An equation of this kind is a dataclass that holds its grid; `PairedEquation` says what it must offer. Grids are
nested: the points of the coarse one are every second point of the fine one. What is returned is the fine run as
it was marched, and its discrete balances are those of the scheme; on request the outputs are extrapolated,

    fine + (fine - coarse) / (2^p - 1)        at the points of the coarse grid,

with the error of the fine run as the bound on theirs, which is smaller.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Protocol, Self

import torch
from torch import Tensor

from physics import device as devices
from physics.errors import ParameterError
from physics.integrate.loop import Run, State, march
from physics.solution import Balance, Cost, Output, Solution, Status

_CHUNK = 64  # steps between two looks at the state


class PairedEquation(Protocol):
    """What the loop asks of an equation."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in the order that the step takes them."""

    @property
    def judged(self) -> tuple[str, ...]:
        """The fields whose error is held against the tolerance."""

    @property
    def order(self) -> int:
        """The order of the error when `finer` is taken."""

    @property
    def ratio(self) -> int:
        """By what the step is to be divided when the cells double."""

    @property
    def advice(self) -> str:
        """What to change when a run diverges."""

    @property
    def coordinates(self) -> Mapping[str, Tensor]:
        """The axes of fields and their points, at the grid's own spacing."""

    def finer(self) -> Self:
        """Return the equation on cells half as wide."""

    def check(self, parameters: State) -> None:
        """Raise `ParameterError` for parameters outside the equation's validity."""

    def longest(self, state: State, parameters: State) -> Tensor:
        """Return a step that suits the grid, a number or shape (batch,)."""

    def stepper(self, dt: float) -> Callable[[State, State, int], State]:
        """Return the differentiable step of length `dt`."""

    def advance(self, state: State, parameters: State, dt: float, steps: int) -> State:
        """Take steps without a tape."""

    def observe(self, state: State, parameters: State) -> dict[str, Tensor]:
        """Return what is to be seen: numbers (batch,), and fields (batch, *axes[, components])."""

    def balances(self, first: State, last: State, parameters: State) -> list[Balance]:
        """Return the discrete conservation laws of a run."""


def run(
    equation: PairedEquation,
    start: Callable[..., State],
    parameters: Mapping[str, Tensor | float],
    times: Sequence[float] | Tensor,
    *,
    tolerance: float = 1e-4,
    dt: float | None = None,
    levels: int = 2,
    extrapolate: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> Solution:
    """March an equation through the output times, on finer grids until the error meets the tolerance.

    Args:
        equation: on the coarsest grid that is tried.
        start: `start(equation)`, the first state on the grid of the equation it is given.
        parameters: those of the equation by name; numbers, or of shape (batch,).
        times: rising, the first zero or later.
        tolerance: of each field that the equation judges by, relative to its largest value.
        dt: the longest step on the coarsest grid; that of the equation if left out.
        levels: how often the grid may be made finer; at least one.
        extrapolate: give the outputs extrapolated, at every second point. Their error is then estimated from how
            far two levels of them are apart, where there are three levels of grids, else that of the fine run.
        progress: called with the share done and a word.

    Returns:
        Solution: outputs with their errors, balances, and a status: CONVERGED, TOLERANCE_NOT_MET or DIVERGED.

    Raises:
        ParameterError: a parameter, the tolerance, the step or the times cannot be used.
    """
    if not (0.0 < tolerance < 1.0) or levels < 1:
        raise ParameterError(
            f"tolerance = {tolerance:g}, levels = {levels}: give 0 < tolerance < 1 and a level or more"
        )
    begin, steps, longest = perf_counter(), 0, 0.0
    ladder: list[dict[str, Tensor]] = []
    with devices.one_thread():
        for level in range(levels + 1):
            first = start(equation)
            given = _given(equation, parameters, first[0])
            equation.check(given)
            if level == 0:
                longest = dt or float(torch.as_tensor(equation.longest(first, given)).min())
            names, done, count = _march(equation, first, given, times, longest, equation.ratio**level, progress)
            steps += count
            frames = [frame.movedim(0, 1) for frame in done.frames]  # none where it diverged before the first
            ladder.append(dict(zip(names, frames, strict=bool(frames))))
            shown, errors = _judge(equation, ladder, extrapolate)
            if not done.status.ok or (level > 0 and _worst(equation, errors, shown)[0] <= tolerance) or level == levels:
                break
            equation = equation.finer()
    balances = equation.balances(first, done.state, given)
    cost = Cost(_cells(equation), steps, perf_counter() - begin, level + 1)
    return _solution(equation, shown, errors, done, balances, tolerance, cost)


def _given(equation: PairedEquation, parameters: Mapping[str, Tensor | float], like: Tensor) -> State:
    """Return the parameters in the order of the equation, each of shape (batch,)."""
    if set(parameters) != set(equation.parameters):
        raise ParameterError(
            f"parameters {', '.join(parameters)}: give {', '.join(equation.parameters)}, no more, no less"
        )
    found = []
    for name in equation.parameters:
        value = torch.as_tensor(parameters[name], dtype=torch.float64, device=like.device)
        if value.dim() > 1 or value.numel() not in (1, like.shape[0]) or not bool(torch.isfinite(value).all()):
            raise ParameterError(f"{name}: give a finite number or {like.shape[0]} of them")
        found.append(value.expand(like.shape[0]))
    return tuple(found)


def _march(
    equation: PairedEquation,
    first: State,
    parameters: State,
    times: Sequence[float] | Tensor,
    longest: float,
    finer: int,
    progress: Callable[[float, str], None] | None,
) -> tuple[list[str], Run, int]:
    """March with `finer` steps in place of one of at most `longest`, so that levels differ by whole factors."""
    count = 0

    def chunk(state: State, time: float, span: float) -> State:
        nonlocal count
        steps = finer * max(1, math.ceil(span / longest * (1.0 - 1e-9)))
        count += steps
        return equation.advance(state, parameters, span / steps, steps)

    with torch.no_grad():
        names = list(equation.observe(first, parameters))
        done = march(
            chunk,
            first,
            times,
            dt=_CHUNK * longest,
            observe=lambda state: tuple(equation.observe(state, parameters).values()),
            check_every=1,
            progress=progress,
            word="marching",
            advice=equation.advice,
            unit="",
        )
    return names, done, count


def _judge(
    equation: PairedEquation, ladder: list[dict[str, Tensor]], extrapolate: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the outputs of the finest level and their errors, none where there is but one level."""
    fine = ladder[-1]
    if len(ladder) < 2 or any(a.shape[1] != ladder[-2][name].shape[1] for name, a in fine.items()) or not fine:
        return fine, {}
    gain = 2.0**equation.order - 1.0
    apart = [_apart(equation, a, b) for a, b in itertools.pairwise(ladder[-3:])]
    errors = {name: _largest(change / gain) for name, change in apart[-1].items()}
    if not extrapolate:
        return fine, {name: error.expand_as(fine[name]) for name, error in errors.items()}
    shown = {name: _shared(equation, fine[name]) + change / gain for name, change in apart[-1].items()}
    if len(apart) > 1:
        before = {name: _shared(equation, ladder[-2][name]) + change / gain for name, change in apart[0].items()}
        errors = {name: _largest(_shared(equation, shown[name]) - value) for name, value in before.items()}
    return shown, {name: error.expand_as(shown[name]) for name, error in errors.items()}


def _shared(equation: PairedEquation, values: Tensor) -> Tensor:
    """Return every second point of a field (batch, times, *axes[, components]); a curve as it is."""
    if values.dim() == 2:
        return values
    return values[(slice(None), slice(None), *(slice(None, None, 2),) * len(equation.coordinates))]


def _apart(equation: PairedEquation, coarse: dict[str, Tensor], fine: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: _shared(equation, fine[name]) - values for name, values in coarse.items()}


def _largest(apart: Tensor) -> Tensor:
    """Return the largest size of each frame, (batch, times, 1, ...)."""
    worst = apart.abs().reshape(*apart.shape[:2], -1).amax(-1)
    return worst.reshape(*worst.shape, *(1,) * (apart.dim() - 2))


def _worst(equation: PairedEquation, errors: dict[str, Tensor], fine: dict[str, Tensor]) -> tuple[float, str]:
    """Return the largest error of a judged field relative to its largest value, and whose it is."""
    names = [name for name in equation.judged if name in errors]
    found = [(float(errors[name].max() / fine[name].abs().max().clamp(min=1e-12)), name) for name in names]
    return max(found, default=(0.0, ""))


def _cells(equation: PairedEquation) -> int:
    return math.prod(len(points) for points in equation.coordinates.values())


def _solution(
    equation: PairedEquation,
    frames: dict[str, Tensor],
    errors: dict[str, Tensor],
    done: Run,
    balances: list[Balance],
    tolerance: float,
    cost: Cost,
) -> Solution:
    status, message = done.status, done.message
    worst, name = _worst(equation, errors, frames)
    if status.ok and not worst <= tolerance:
        status = Status.TOLERANCE_NOT_MET
        message = f"{name} is known to {worst:.1e} of its largest value, not {tolerance:.1e}; allow a finer grid"
    axes, outputs = equation.coordinates, {}
    for name, values in frames.items():
        field = values.dim() > 2
        stride = (
            [2 if values.shape[2 + k] < len(points) else 1 for k, points in enumerate(axes.values())] if field else []
        )
        places = {axis: points[::step] for (axis, points), step in zip(axes.items(), stride, strict=False)}
        parts = tuple(axes) if values.dim() == 3 + len(axes) else ()
        outputs[name] = Output(
            name, "", values, done.times, errors.get(name), places, parts, time_unit="", length_unit=""
        )
    return Solution(outputs, balances, status, message, cost, tolerance)
