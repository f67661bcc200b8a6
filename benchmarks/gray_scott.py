"""Gray-Scott on The Well's square, 128 x 128 points, alone and sixteen at once, at equal error.

The run is a maze (F = 0.029, k = 0.057) from forty smooth spots to time 400. The error is the larger one of A and B,
root mean square over its spread, against 384 x 384 points at steps of 1. At 128 points the grid itself leaves about
a hundredth, whatever the step; each solver takes the longest step (its fewest cells, too, where it has a choice of
grids) that keeps within `ROOM` of the smaller of the two floors, found before the clock starts.

exponax runs its ETDRK4 in double precision, compiled, the sixteen by `vmap`. Its own choice, to cut half of the
wavenumbers, leaves an error of 0.4 here; it is given the choice of cutting a third or none. py-pde runs its compiled
explicit Runge-Kutta on second-order differences, on the coarsest of its grids that keeps within the target; where none
does, the finest is timed and its error stands beside it. What is timed is the march alone; building the weights counts
for ours, compiling and building the stepper does not count for exponax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.face import Row, median_seconds, peer, say
from physics.device import one_thread
from physics.equations.gray_scott.march import march, stretches
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.start import start_fields

FEED, KILL, SIZE, END, CELLS = 0.029, 0.057, 2.0, 400.0, 128
STEPS = (1.0, 2.0, 4.0, 5.0, 8.0, 10.0)
ROOM, BATCH = 1.25, 16
PDE_GRIDS = (128, 256)


def start(cells: int, batch: int) -> torch.Tensor:
    return torch.stack([start_fields(cells, SIZE, 0.038, 40, seed, holes=False) for seed in range(batch)])


def ours(cells: int, step: float, begun: torch.Tensor) -> np.ndarray:
    one = torch.ones(len(begun), dtype=torch.float64)
    rates = Rates(FEED * one, KILL * one, 2e-5 * one, 1e-5 * one, SIZE * one)
    plan = stretches(torch.tensor([END], dtype=torch.float64), step)
    with one_thread():
        return march(rates, begun, plan, torch.tensor([True])).fields[:, 0].numpy()


def stepper(module: Any, step: float, cut: float) -> Callable[[np.ndarray], np.ndarray]:
    """Compile exponax for one step length; it takes fields (batch, 2, cells, cells)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    rule = module.stepper.reaction.GrayScott(
        2, SIZE, CELLS, step, diffusivity_1=2e-5, diffusivity_2=1e-5, feed_rate=FEED, kill_rate=KILL, order=4,
        dealiasing_fraction=cut,
    )  # fmt: skip
    one = jax.jit(module.repeat(rule, round(END / step)))
    many = jax.jit(jax.vmap(module.repeat(rule, round(END / step))))

    def run(begun: np.ndarray) -> np.ndarray:
        result = many(jax.numpy.asarray(begun)) if len(begun) > 1 else one(jax.numpy.asarray(begun[0]))[None]
        return np.asarray(result.block_until_ready())

    return run


def pde_march(module: Any, cells: int) -> Callable[[], np.ndarray]:
    """Compile py-pde for one grid; the march starts anew with every call."""
    grid = module.CartesianGrid([[0, SIZE], [0, SIZE]], [cells, cells], periodic=True)
    rhs = module.PDE(
        {
            "a": f"2e-5 * laplace(a) - a * b**2 + {FEED} * (1 - a)",
            "b": f"1e-5 * laplace(b) + a * b**2 - {FEED + KILL} * b",
        }
    )
    begun = start(cells, 1)[0].numpy()
    fields = module.FieldCollection([module.ScalarField(grid, part) for part in begun], labels=["a", "b"])
    stepper = module.solvers.RungeKuttaSolver(rhs, adaptive=True, tolerance=1e-4).make_stepper(fields.copy(), dt=0.5)

    def run() -> np.ndarray:
        state = fields.copy()
        result = stepper(state, 0.0, END)
        state = result[0] if isinstance(result, tuple) else state
        return np.asarray(state.data)[None]

    return run


def run() -> Iterator[Row]:
    say("Gray-Scott: reference of 384 x 384")
    truth = ours(3 * CELLS, 1.0, start(3 * CELLS, 1))[0, :, ::3, ::3]
    spread = truth.std(axis=(1, 2))

    def error(fields: np.ndarray) -> float:
        every = fields.shape[-1] // CELLS
        gap = fields[0][:, ::every, ::every] - truth
        return float((np.sqrt((gap**2).mean(axis=(1, 2))) / spread).max())

    begun = {n: start(CELLS, n) for n in (1, BATCH)}
    numbers = {n: fields.numpy() for n, fields in begun.items()}
    found = {step: error(ours(CELLS, step, begun[1])) for step in STEPS}
    exponax, pde = peer("exponax"), peer("pde")
    theirs: dict[tuple[float, float], float] = {}
    if exponax is not None:
        say("Gray-Scott: choosing exponax's step and cut")
        pairs = [(step, cut) for step in STEPS for cut in (2 / 3, 1.0)]
        theirs = {pair: error(stepper(exponax, *pair)(numbers[1])) for pair in pairs}
    target = ROOM * min([*found.values(), *theirs.values()])
    step = max(s for s, e in found.items() if e <= target)
    if theirs:
        pair = max(p for p, e in theirs.items() if e <= target)
        other = stepper(exponax, *pair)
        for n, aim in ((1, 1.0), (BATCH, 2.0)):
            seconds, _ = median_seconds(
                {"ours": lambda n=n: ours(CELLS, step, begun[n]), "theirs": lambda n=n: other(numbers[n])}
            )
            note = f"steps of {step:g} and {pair[0]:g}, {END:g} units of time"
            name = f"Gray-Scott {CELLS} x {CELLS}, batch {n}"
            yield Row(name, "exponax ETDRK4", seconds["ours"], seconds["theirs"], found[step], theirs[pair], aim, note)
    if pde is not None:
        say("Gray-Scott: py-pde")
        yield _against_pde(pde, step, found[step], target, begun[1], error)


def _against_pde(
    pde: Any, step: float, ours_error: float, target: float, begun: torch.Tensor, error: Callable[[np.ndarray], float]
) -> Row:
    for cells in PDE_GRIDS:
        other = pde_march(pde, cells)
        reached = error(other())
        if reached <= target:
            break
    seconds, _ = median_seconds({"ours": lambda: ours(CELLS, step, begun), "theirs": other}, repeats=3, warm=0)
    note = f"py-pde on {cells} x {cells}" + ("" if reached <= target else ", its finest, which misses the error")
    name = f"Gray-Scott {CELLS} x {CELLS}, batch 1"
    return Row(name, "py-pde explicit RK", seconds["ours"], seconds["theirs"], ours_error, reached, 1.0, note)
