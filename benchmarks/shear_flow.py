"""Decaying vortices on 256 x 256 points against exponax's ETDRK schemes, at equal error.

Both start from the same vorticity (random waves of wave numbers 3 to 6 on a square of side 2 pi, of speed 1 in
the mean square, viscosity 1/200) and march to t = 1/2 with the two-thirds rule in double precision. The error is
the largest distance in vorticity at the end over the largest vorticity, from a run on 512 x 512 points. For
each error asked for, each side takes the fewest steps of a ladder (a factor of 2^(1/4) a rung) that meet it;
exponax may choose among its orders 2, 3 and 4 what is fastest then. Neither search is timed, nor is exponax's
compilation; the factors that belong to a step length are computed within our time. Ours runs a member on one
thread, exponax as it likes. exponax carries no passive tracer, so its row with one is ours alone over its own
without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch

from benchmarks.face import Row, median_seconds, peer, say
from physics.equations.shear_flow import ShearFlow, State
from physics.linalg.spectral import Grid

POINTS, SIDE, VISCOSITY, TIME = 256, 2.0 * math.pi, 5e-3, 0.5
TARGETS = (1e-3, 2.5e-5)
LADDER = [round(40 * 2 ** (k / 4)) for k in range(12)]
REPEATS = 5


def _equation(points: int, tracer: bool = False) -> ShearFlow:
    return ShearFlow(Grid(points, points, SIDE, SIDE), tracer=tracer)


def _start(equation: ShearFlow, batch: int = 1) -> State:
    grid, make = equation.grid, torch.Generator().manual_seed(0)
    stream = torch.zeros(grid.nx, grid.ny, dtype=torch.float64)
    for m in range(-6, 7):
        for n in range(7):
            height, phase = (float(value) for value in torch.rand(2, generator=make, dtype=torch.float64))
            if 9 <= m * m + n * n <= 36:
                angle = m * grid.x[:, None] + n * grid.y + 2.0 * math.pi * phase
                stream += height / (m * m + n * n) * torch.cos(angle)
    waves = grid.forward(stream)
    u, v = grid.backward(1j * grid.ky * waves), grid.backward(-1j * grid.kx[:, None] * waves)
    speed = (u**2 + v**2).mean().sqrt()
    tracer = torch.cos(grid.x)[:, None].expand_as(u)
    state = equation.start((u / speed)[None], (v / speed)[None], tracer[None])
    return tuple(part.expand(batch, *part.shape[1:]).clone() for part in state)


def _ours(equation: ShearFlow, start: State, steps: int) -> np.ndarray:
    given = tuple(torch.full((len(start[0]),), VISCOSITY, dtype=torch.float64) for _ in equation.parameters)
    end = equation.advance(start, given, TIME / steps, steps)
    return equation.grid.backward(end[0][:, 0]).numpy()


class _Exponax:
    """A march of exponax, compiled; its vorticity has the other sign."""

    def __init__(self, exponax: Any, order: int, steps: int, batch: int = 1) -> None:
        import equinox

        stepper = exponax.stepper.NavierStokesVorticity(
            2, SIDE, POINTS, TIME / steps, diffusivity=VISCOSITY, order=order, dealiasing_fraction=2 / 3
        )
        march = exponax.RepeatedStepper(stepper, steps)
        self.march = equinox.filter_jit(march if batch == 1 else equinox.filter_vmap(march))
        self.batch = batch

    def __call__(self, start: Any) -> np.ndarray:
        end = np.asarray(self.march(start if self.batch > 1 else start[0]).block_until_ready())
        return -end.reshape(self.batch, POINTS, POINTS)


def _fewest(march: Callable[[int], np.ndarray], truth: np.ndarray, target: float) -> tuple[int, float] | None:
    """Return the first rung that meets the target, and its error; None if none does."""
    low, high = 0, len(LADDER) - 1
    found: dict[int, float] = {}

    def error(rung: int) -> float:
        apart = np.abs(march(LADDER[rung])[0] - truth).max() / np.abs(truth).max()
        found[rung] = float(apart) if np.isfinite(apart) else math.inf
        return found[rung]

    if error(high) > target:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= target else (middle + 1, high)
    return LADDER[high], found[high]


def run() -> Iterator[Row]:
    exponax = peer("exponax")
    if exponax is None:
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    version = f"exponax {exponax.__version__}"
    say("reference on 512 x 512")
    fine = _equation(2 * POINTS)
    truth = _ours(fine, _start(fine), LADDER[-1])[0, ::2, ::2]
    equation = _equation(POINTS)
    start = _start(equation)
    theirs_start = jax.numpy.asarray(-equation.grid.backward(start[0][:, 0]).numpy())[:, None]
    for target in TARGETS:
        say(f"error {target:g}: the fewest steps of each")
        ours = _fewest(lambda steps: _ours(equation, start, steps), truth, target)
        choices = []
        for order in (2, 3, 4):
            chosen = _fewest(lambda steps, o=order: _Exponax(exponax, o, steps)(theirs_start), truth, target)
            if chosen is not None:
                march = _Exponax(exponax, order, chosen[0])
                march(theirs_start)
                begin = perf_counter()
                march(theirs_start)
                choices.append((perf_counter() - begin, order, *chosen, march))
        if ours is None or not choices:
            say(f"error {target:g}: not met")
            continue
        _, order, steps, error, march = min(choices, key=lambda choice: choice[0])
        competitors = {"ours": partial(_ours, equation, start, ours[0]), "theirs": partial(march, theirs_start)}
        seconds, _ = median_seconds(competitors, REPEATS)
        work = f"{POINTS} x {POINTS}, t = {TIME:g}, error {target:g}"
        note = f"ours {ours[0]} steps, theirs {steps} of order {order}"
        yield Row(work, version, seconds["ours"], seconds["theirs"], ours[1], error, 1.0, note)
        if target == TARGETS[-1]:
            yield from _more(exponax, version, ours, (order, steps, error), truth)


def _more(
    exponax: Any, version: str, ours: tuple[int, float], theirs: tuple[int, int, float], truth: np.ndarray
) -> Iterator[Row]:
    """The same steps with a batch of 8, and with a tracer."""
    import jax

    order, steps, error = theirs
    for batch, tracer in ((8, False), (1, True)):
        equation = _equation(POINTS, tracer)
        start = _start(equation, batch)
        vorticity = -equation.grid.backward(start[0][:, 0]).numpy()
        march, given = _Exponax(exponax, order, steps, batch), jax.numpy.asarray(vorticity)[:, None]
        competitors = {"ours": partial(_ours, equation, start, ours[0]), "theirs": partial(march, given)}
        seconds, results = median_seconds(competitors, REPEATS)
        found = float(np.abs(results["ours"][0] - truth).max() / np.abs(truth).max())
        work = f"{POINTS} x {POINTS}, batch {batch}" + (", ours with a tracer" if tracer else "")
        target = None if tracer else 1.0
        note = "theirs without a tracer" if tracer else f"ours {ours[0]} steps, theirs {steps} of order {order}"
        yield Row(work, version, seconds["ours"], seconds["theirs"], found, error, target, note)
