"""A run with its error: the same march on a grid and on one twice as fine, until the two agree.

    error = |fine - coarse| / (2^p - 1)        p the order of the scheme when cells double

An equation of this kind is a dataclass that holds its grid; `PairedEquation` says what it must offer. Grids are
nested: the points of the coarse one are every second point of the fine one. What is returned is the fine run as
it was marched, not extrapolated, so its discrete balances are those of the scheme.
"""

from __future__ import annotations

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
    progress: Callable[[float, str], None] | None = None,
) -> Solution:
    """March an equation through the output times, on finer grids until the error meets the tolerance.

    Args:
        equation: on the coarsest grid that is tried.
        start: `start(equation)`, the first state on the grid of the equation it is given.
        parameters: by name, in the order of the equation; numbers, or of shape (batch,).
        times: rising, the first zero or later.
        tolerance: of every output, relative to its largest value.
        dt: the longest step on the coarsest grid; that of the equation if left out.
        levels: how often the grid may be made finer; at least one.
        progress: called with the share done and a word.

    Returns:
        Solution: outputs with their errors, balances, and a status: CONVERGED, TOLERANCE_NOT_MET or DIVERGED.

    Raises:
        ParameterError: the tolerance, the step or the times cannot be used.
    """
    if not (0.0 < tolerance < 1.0) or levels < 1:
        raise ParameterError(
            f"tolerance = {tolerance:g}, levels = {levels}: give 0 < tolerance < 1 and a level or more"
        )
    begin, coarse, steps = perf_counter(), None, 0
    with devices.one_thread():
        for level in range(levels + 1):
            first = start(equation)
            batch = first[0].shape[0]
            given = tuple(
                torch.as_tensor(p, dtype=torch.float64, device=first[0].device).expand(batch)
                for p in parameters.values()
            )
            longest = dt or float(torch.as_tensor(equation.longest(first, given)).min())
            names, done = _march(equation, first, given, times, longest, progress, f"level {level}")
            steps += done.steps
            frames = dict(zip(names, (frame.movedim(0, 1) for frame in done.frames), strict=True))
            if not done.status.ok:
                return _solution(
                    equation,
                    frames,
                    {},
                    done,
                    equation.balances(first, done.state, given),
                    tolerance,
                    (level, begin, steps),
                )
            errors = {} if coarse is None else _errors(equation, frames, coarse)
            if coarse is not None and _worst(errors, frames)[0] <= tolerance:
                break
            if level < levels:
                coarse, equation, dt = frames, equation.finer(), None if dt is None else dt / equation.ratio
    return _solution(
        equation, frames, errors, done, equation.balances(first, done.state, given), tolerance, (level, begin, steps)
    )


def _march(
    equation: PairedEquation,
    first: State,
    parameters: State,
    times: Sequence[float] | Tensor,
    longest: float,
    progress: Callable[[float, str], None] | None,
    word: str,
) -> tuple[list[str], Run]:
    count = 0

    def chunk(state: State, time: float, span: float) -> State:
        nonlocal count
        steps = max(1, math.ceil(span / longest * (1.0 - 1e-9)))
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
            word=word,
            advice=equation.advice,
            unit="",
        )
    done.dts[:] = [longest] * count
    return names, done


def _errors(equation: PairedEquation, fine: dict[str, Tensor], coarse: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return for every output the largest error of each frame, in the shape of the output."""
    found = {}
    axes = len(equation.coordinates)
    for name, values in fine.items():
        shared = values
        if values.dim() > 2:
            shared = values[(slice(None), slice(None), *(slice(None, None, 2),) * axes)]
        apart = (shared - coarse[name]).abs() / (2.0**equation.order - 1.0)
        worst = apart.reshape(*apart.shape[:2], -1).amax(-1)
        found[name] = worst.reshape(*worst.shape, *(1,) * (values.dim() - 2)).expand_as(values)
    return found


def _worst(errors: dict[str, Tensor], fine: dict[str, Tensor]) -> tuple[float, str]:
    """Return the largest error relative to the largest value of its output, and whose it is."""
    found = [(float(error.max() / fine[name].abs().max().clamp(min=1e-12)), name) for name, error in errors.items()]
    return max(found, default=(0.0, ""))


def _solution(
    equation: PairedEquation,
    frames: dict[str, Tensor],
    errors: dict[str, Tensor],
    done: Run,
    balances: list[Balance],
    tolerance: float,
    spent: tuple[int, float, int],
) -> Solution:
    level, begin, steps = spent
    status, message = done.status, done.message
    worst, name = _worst(errors, frames)
    if status.ok and worst > tolerance:
        status = Status.TOLERANCE_NOT_MET
        message = f"{name} is known to {worst:.1e} of its largest value, not {tolerance:.1e}; allow a finer grid"
    axes = equation.coordinates
    outputs = {}
    for name, values in frames.items():
        field = values.dim() > 2
        parts = tuple(axes) if field and values.dim() == 3 + len(axes) else ()
        outputs[name] = Output(
            name, "", values, done.times, errors.get(name), axes if field else {}, parts, time_unit="", length_unit=""
        )
    cells = math.prod(len(points) for points in axes.values())
    cost = Cost(cells, steps, perf_counter() - begin, level + 1)
    return Solution(outputs, balances, status, message, cost, tolerance)
