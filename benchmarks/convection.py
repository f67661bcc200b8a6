"""A convecting layer on 128 x 32 and 256 x 64 cells against PhiFlow (torch), and against its own solves.

Both start from the same disturbed layer (rolls of period 2, Ra 1e4, Pr 1, no-slip plates) on the same staggered cells
and march to t = 0.02 in double precision. The error is the largest distance in temperature at the end, from runs on
two and four times as many cells each way, extrapolated. PhiFlow takes MacCormack advection of the temperature,
semi-Lagrangian advection of the velocity, explicit diffusion with as many substeps as it needs and conjugate gradients
to 1e-6 for the pressure, its step compiled once; ours takes the fewest steps of a ladder that are at least as accurate
as PhiFlow's run. Neither search is timed, nor is a compilation.

The second comparison is with the least that any solver of this kind does: the transforms of three fields there and back
by scipy's fast Fourier transform and four tridiagonal solves a substep, by the kernel that ours uses, for a batch of
16. Ours may take three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.fft
import torch

from benchmarks.face import Row, median_seconds, peer, say
from physics.equations.boussinesq.layer import Layer, State, perturbed
from physics.integrate import projection_kernels as kernels
from physics.integrate.projection import march

GRIDS = ((128, 32), (256, 64))
RAYLEIGH, TIME, AMPLITUDE = 1e4, 0.02, 0.2
PEER_STEPS = 40
LADDER = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
BATCH, BATCH_STEPS = 16, 20


def _march(layer: Layer, steps: int, batch: int = 1, time: float = TIME) -> State:
    one = torch.ones(batch, dtype=torch.float64)
    state = perturbed(layer, AMPLITUDE * one, 1)
    push = layer.push(RAYLEIGH * one, one)
    fields, _, _ = march(
        layer.operators, state, one, push, np.full(batch, time / steps), np.full(batch, steps, dtype=np.int64)
    )
    return State(*fields)


def _coarsened(state: State) -> np.ndarray:
    """The temperature of a grid twice as fine at the centres of the coarse one (mean of four, second order)."""
    T = state.T[0].numpy()
    return np.asarray(0.25 * (T[::2, ::2] + T[1::2, ::2] + T[::2, 1::2] + T[1::2, 1::2]))


def _truth(columns: int, rows: int) -> np.ndarray:
    """Extrapolated from twice and four times as many cells."""
    fine = _coarsened(_march(Layer(2 * columns, 2 * rows), 256))
    finest = _march(Layer(4 * columns, 4 * rows), 512).T[0].numpy()
    blocks = finest.reshape(rows, 4, columns, 4)
    return np.asarray(fine + (blocks.mean(axis=(1, 3)) - fine) * 4.0 / 3.0 - _curvature(fine, columns, rows))


def _curvature(T: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """What a mean over a cell has too much over the value at its centre: lap T h^2 / 24 in each direction."""
    walls = np.vstack([2.0 - T[:1], T, -T[-1:]])
    return np.asarray((np.diff(walls, 2, axis=0) + np.roll(T, 1, 1) + np.roll(T, -1, 1) - 2 * T) / 24.0)


def _phiflow(flow: Any, columns: int, rows: int) -> Callable[[], np.ndarray]:
    """Return PhiFlow's run as a function of nothing that gives the temperature (rows, columns)."""
    math, extrapolation = flow.math, flow.extrapolation
    math.set_global_precision(64)
    box = flow.Box(x=2.0, z=1.0)
    held = extrapolation.combine_sides(x=extrapolation.PERIODIC, z=(extrapolation.ONE, extrapolation.ZERO))
    still = extrapolation.combine_sides(x=extrapolation.PERIODIC, z=extrapolation.ZERO)
    dt = TIME / PEER_STEPS
    substeps = int(np.ceil(2.5 * dt * ((columns / 2.0) ** 2 + rows**2)))
    start = perturbed(Layer(columns, rows), torch.full((1,), AMPLITUDE), 1).T[0].numpy().T.copy()
    values = math.tensor(start, flow.spatial("x,z"))
    temperature = flow.CenteredGrid(values, held, bounds=box)
    velocity = flow.StaggeredGrid(0.0, still, x=columns, z=rows, bounds=box)
    solve = flow.Solve("CG", 1e-6, 1e-9)

    @flow.jit_compile
    def step(velocity: Any, temperature: Any) -> tuple[Any, Any]:
        warmth = temperature - 0.5
        lift = flow.resample(warmth * (0.0, RAYLEIGH), to=velocity)
        carried = flow.advect.mac_cormack(temperature, velocity, dt)
        temperature = flow.diffuse.explicit(carried, 1.0, dt, substeps=substeps)
        velocity = flow.advect.semi_lagrangian(velocity, velocity, dt) + dt * lift
        velocity = flow.diffuse.explicit(velocity, 1.0, dt, substeps=substeps)
        velocity, _ = flow.fluid.make_incompressible(velocity, (), solve)
        return velocity, temperature

    def go() -> np.ndarray:
        v, t = velocity, temperature
        for _ in range(PEER_STEPS):
            v, t = step(v, t)
        return np.asarray(t.values.numpy("z,x"))

    return go


def _equal_error(flow: Any, columns: int, rows: int) -> Row:
    say(f"{columns} x {rows}: truth")
    truth = _truth(columns, rows)
    say(f"{columns} x {rows}: PhiFlow")
    theirs = _phiflow(flow, columns, rows)
    their_error = float(np.abs(theirs() - truth).max())
    layer = Layer(columns, rows)
    steps, error = LADDER[-1], np.inf
    for steps in LADDER:
        error = float(np.abs(_march(layer, steps).T[0].numpy() - truth).max())
        if error <= their_error:
            break
    ours = partial(_march, layer, steps)
    seconds, _ = median_seconds({"ours": ours, "theirs": theirs}, repeats=3)
    return Row(
        f"convection {columns} x {rows}",
        "PhiFlow (torch)",
        seconds["ours"],
        seconds["theirs"],
        error,
        their_error,
        100.0,
        f"{steps} steps of ours, {PEER_STEPS} of PhiFlow",
    )


def _own_solves(columns: int, rows: int) -> Row:
    """Fast Fourier transforms and tridiagonal solves alone, on one thread, against ours on one thread."""
    layer = Layer(columns, rows)
    o = layer.operators
    fields = np.random.default_rng(0).normal(size=(BATCH, rows, columns))
    inverse = np.full((rows, columns), 0.5)

    def solves() -> None:
        for _ in range(3 * BATCH_STEPS):
            for _ in range(3):
                modes = scipy.fft.rfft(fields, axis=2)
                scipy.fft.irfft(modes, columns, axis=2)
            for member in fields:
                for rows_of in (o.rows_t, o.rows_u, o.rows_t, o.rows_p):
                    kernels.solve(rows_of, 1e-9, inverse, member.copy())

    def ours() -> None:
        for _ in range(BATCH):  # one after the other: both on one thread
            _march(layer, BATCH_STEPS, 1, BATCH_STEPS * 1e-4)

    seconds, _ = median_seconds({"ours": ours, "theirs": solves}, repeats=5)
    return Row(
        f"convection {columns} x {rows}, batch {BATCH}, {BATCH_STEPS} steps",
        "its own FFTs and tridiagonal solves",
        seconds["ours"],
        seconds["theirs"],
        target=1.0 / 3.0,
        note="one thread each; the floor, not a peer",
    )


def run() -> Iterator[Row]:
    """Compare on both grids."""
    for columns, rows in GRIDS:
        yield _own_solves(columns, rows)
    if peer("phi") is None:
        return
    from phi.torch import flow

    for columns, rows in GRIDS:
        yield _equal_error(flow, columns, rows)
