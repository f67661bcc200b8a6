"""The gradient of 10,000 steps: checkpointed against store-all (every step on the tape), time and memory.

The run is viscous Burgers in flux form with a field of viscosities: 2048 cells, a step that is the same code for
all. Differentiated are the start and the viscosity. Time is the median of runs taken in turn, store-all among
them. Memory is what a process of its own held more at its peak than before the run (resident pages, Linux; the
peak is reset and free memory handed back after one short run that pays for libraries), so that snapshots, tape
and allocator all count. The error is the largest relative distance of the gradient from that of store-all.
"""

from __future__ import annotations

import ctypes
import gc
import math
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.face import Row, say
from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import Schedule, binomial, logarithmic, repeated, store_all

CELLS, STEPS, REPEATS, SHORT = 2048, 10_000, 3, 200
SCHEDULES = {
    "two repeats": lambda n: repeated(n, 2),
    "three repeats": lambda n: repeated(n, 3),
    "logarithmic": logarithmic,
    "logarithmic, one a doubling": lambda n: logarithmic(n, 1),
    "binomial, 8 snapshots": lambda n: binomial(n, 8),
}
PEER = "store-all"


def burgers(state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], index: int) -> tuple[Tensor, ...]:
    """One step of length 0.2 h of du/dt + d(u^2 / 2)/dx = d(nu du/dx)/dx, periodic; nu on the faces."""
    (u,), (nu,) = state, parameters
    right = torch.roll(u, -1)
    flux = 0.25 * (u * u + right * right) - nu * (right - u)
    return (u - 0.2 * (flux - torch.roll(flux, 1)),)


def gradient(schedule: Schedule) -> tuple[Tensor, Tensor]:
    x = torch.arange(CELLS, dtype=torch.float64) * (2 * math.pi / CELLS)
    start = (torch.sin(x) + 0.5 * torch.cos(3 * x)).requires_grad_()
    nu = torch.full((CELLS,), 0.6, dtype=torch.float64, requires_grad=True)  # nu / h
    (end,), _ = checkpointed(burgers, (start,), (nu,), schedule.steps, schedule=schedule)
    first, second = torch.autograd.grad((end**2).sum(), (start, nu))
    return first, second


def schedule_of(name: str, steps: int) -> Schedule:
    return store_all(steps) if name == PEER else SCHEDULES[name](steps)


def peak(name: str, steps: int) -> float:
    """Return the MiB that the gradient needed at its peak, measured in a process of its own."""
    code = f"from benchmarks.adjoint import tell; tell({name!r}, {steps})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)


def tell(name: str, steps: int) -> None:
    """Print by how much the resident memory of this process rises."""
    torch.set_num_threads(1)
    gradient(schedule_of(name, SHORT))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    gradient(schedule_of(name, steps))
    print(resident("VmHWM") - before)


def resident(field: str) -> float:
    """Return a line of this process's status in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def run(steps: int = STEPS, repeats: int = REPEATS) -> Iterator[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds: dict[str, list[float]] = {name: [] for name in (PEER, *SCHEDULES)}
        results: dict[str, tuple[Tensor, Tensor]] = {}
        for name in seconds:
            gradient(schedule_of(name, SHORT))
        for turn in range(repeats):
            for name, spent in seconds.items():
                begin = perf_counter()
                results[name] = gradient(schedule_of(name, steps))
                spent.append(perf_counter() - begin)
            say(f"adjoint: turn {turn + 1} of {repeats}")
        memory = {name: peak(name, steps) for name in seconds}
    finally:
        torch.set_num_threads(threads)
    theirs = statistics.median(seconds[PEER])
    for name in SCHEDULES:
        ours, plan = statistics.median(seconds[name]), schedule_of(name, steps)
        pairs = zip(results[name], results[PEER], strict=True)
        error = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
        note = f"{plan.snapshots} snapshots, {plan.evaluations / steps:.2f} evaluations a step"
        aimed = name != "binomial, 8 snapshots" and name != "logarithmic, one a doubling"
        work = f"adjoint of {steps} steps of {CELLS} cells, {name}"
        yield Row(f"{work}: memory", PEER, memory[name], memory[PEER], error, 0.0, 20 if aimed else None, note, "MiB")
        yield Row(f"{work}: time", PEER, ours, theirs, error, 0.0, 1 / 3 if aimed else None, note)
