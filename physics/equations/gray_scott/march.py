"""March a batch of Gray-Scott squares past output times, and write down what they pass.

Every square has its own numbers and shares the steps: each stretch between two output times is cut into equal
steps no longer than the one asked for. On the processor the members run on threads through compiled loops
(`kernels`) and torch's Fourier transforms; elsewhere the batch runs as one through
`physics.equations.gray_scott.scheme.step`, the same scheme.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.equations.gray_scott import kernels as kernels
from physics.equations.gray_scott import scheme as gray_scott
from physics.equations.gray_scott.scheme import FLOOR, Rates
from physics.integrate.etdrk4 import WEIGHTS

STABLE = 10.0  # longest step that a run may ask for: a reaction as fast as 1 / 4 is still stable
_LOOKS = 0.2  # seconds between two reports
_POINTS = 128**2  # of the members that a thread marches together, so that they stay in its cache


class March(NamedTuple):
    """What a march passed.

    Attributes:
        means: <A> and <B>, shape (batch, times, 2).
        sums: what was fed, has reacted and was drained since the start, means over the square, (batch, times, 3).
        change: root mean square of dB/dt, over that of B but at least `FLOOR`, per unit of time, (batch, times).
        tail: how much of the variance of B lies beyond two thirds of the grid's wavenumbers, (batch, times).
        fields: A and B at the times asked for, shape (batch, frames, 2, cells, cells).
        steps: how many steps it took.
    """

    means: Tensor
    sums: Tensor
    change: Tensor
    tail: Tensor
    fields: Tensor
    steps: int


def stretches(times: Tensor, longest: float) -> list[tuple[int, float]]:
    """Return (steps, step) before each of the rising `times`, the first counted from zero; none for a time 0."""
    found, last = [], 0.0
    for time in times.tolist():
        span = time - last
        steps = math.ceil(span / longest * (1.0 - 1e-9)) if span > 0 else 0
        # the same step for stretches that differ by rounding only, so that its weights are found once
        found.append((steps, float(f"{span / steps:.12g}") if steps else 0.0))
        last = time
    return found


def halved(plan: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the plan with twice the steps, each half as long."""
    return [(2 * steps, 0.5 * h) for steps, h in plan]


def march(
    rates: Rates,
    start: Tensor,
    plan: list[tuple[int, float]],
    frames: Tensor,
    report: Callable[[float], None] | None = None,
) -> March:
    """March from the fields `start`, shape (batch, 2, cells, cells), through the stretches of `plan`.

    Args:
        frames: whether to keep the fields at each output time, shape (times,), bool.
        report: called with the share done.
    """
    run = _threads if start.device.type == "cpu" else _arrays
    return run(rates, start, plan, frames.tolist(), report or (lambda done: None))


class _Log:
    """Room for what a march passes, member by member or all at once."""

    def __init__(self, start: Tensor, times: int, frames: list[bool], rates: Rates) -> None:
        batch, _, cells, _ = start.shape
        self.rates = rates
        self.means, self.sums = start.new_zeros(batch, times, 2), start.new_zeros(batch, times, 3)
        self.change, self.tail = start.new_zeros(batch, times), start.new_zeros(batch, times)
        self.fields = start.new_zeros(batch, sum(frames), 2, cells, cells)
        self.place = [sum(frames[:k]) if kept else None for k, kept in enumerate(frames)]
        k = gray_scott.wavenumbers_squared(cells, torch.ones_like(rates.size[:1])).sqrt() / (2.0 * math.pi)
        twice = torch.full_like(k, 2.0)
        twice[..., 0] = twice[..., -1] = 1.0
        self.weight, self.beyond = twice, twice * (k > cells / 3.0)

    def write(self, at: int, members: slice, spectra: Tensor, sums: Tensor) -> None:
        """Write what `members` are at output time `at`; spectra (members, 2, ...), sums (members, 3)."""
        own = Rates(*(value[members] for value in self.rates))
        self.means[members, at], self.sums[members, at] = gray_scott.means(spectra), sums
        power = spectra[:, 1].abs() ** 2
        total = (self.weight * power).sum((-2, -1))
        floor = (FLOOR * spectra.shape[-2] ** 2) ** 2
        self.change[members, at] = gray_scott.movement(spectra, own)
        self.tail[members, at] = (self.beyond * power).sum((-2, -1)) / (total - power[:, 0, 0]).clamp(min=floor)
        place = self.place[at]
        if place is not None:
            self.fields[members, place] = gray_scott.fields_of(spectra)

    def done(self, steps: int) -> March:
        return March(self.means, self.sums, self.change, self.tail, self.fields, steps)


def _arrays(
    rates: Rates, start: Tensor, plan: list[tuple[int, float]], frames: list[bool], report: Callable[[float], None]
) -> March:
    log = _Log(start, len(plan), frames, rates)
    spectra, sums = gray_scott.spectrum(start), start.new_zeros(len(start), 3)
    parameters: dict[float, tuple[Tensor, ...]] = {}
    total, done = max(1, sum(steps for steps, _ in plan)), 0
    for at, (steps, h) in enumerate(plan):
        if steps and h not in parameters:
            parameters[h] = gray_scott.parameters_of(rates, start.shape[-1], h)
        for index in range(steps):
            spectra, sums = gray_scott.step((spectra, sums), parameters[h], index)
        log.write(at, slice(None), spectra, sums)
        done += steps
        report(done / total)
    return log.done(done)


def _one_thread() -> None:
    torch.set_num_threads(1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="gray-scott", initializer=_one_thread)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _threads(
    rates: Rates, start: Tensor, plan: list[tuple[int, float]], frames: list[bool], report: Callable[[float], None]
) -> March:
    log = _Log(start, len(plan), frames, rates)
    batch, total = len(start), max(1, sum(steps for steps, _ in plan))
    size = max(1, min(-(-batch // (os.cpu_count() or 1)), _POINTS // start.shape[-1] ** 2))
    groups = [slice(first, min(first + size, batch)) for first in range(0, batch, size)]
    passed = [0] * len(groups)
    waiting: set[Future[None]] = set()
    for number, members in enumerate(groups):
        waiting.add(_pool().submit(_group, number, members, rates, start, plan, log, passed))
    try:
        while waiting:
            finished, waiting = wait(waiting, timeout=_LOOKS)
            for one in finished:
                one.result()
            report(sum(passed) / (total * len(groups)))
    finally:
        for one in waiting:
            one.cancel()
    return log.done(sum(steps for steps, _ in plan))


class _Room:
    """The arrays of a group of members, each as a tensor for the transforms and as real numbers for the loops."""

    def __init__(self, members: int, cells: int) -> None:
        half = cells // 2 + 1
        self.spectra = torch.zeros(members, 2, cells, half, dtype=torch.complex128)
        self.reactions = torch.zeros(4, members, cells, half, dtype=torch.complex128)
        self.packed, self.both = (torch.zeros(members, cells, cells, dtype=torch.complex128) for _ in range(2))
        self.product = torch.zeros(members, cells, cells, dtype=torch.float64)
        self.into = [self.reactions[k] for k in range(4)]
        pairs = (self.spectra, self.reactions, self.packed, self.both)
        self.u, self.r, self.p, self.ab = (torch.view_as_real(x).flatten(-2).numpy() for x in pairs)
        self.made = self.product.numpy()
        self.sums = torch.zeros(members, 3, dtype=torch.float64)
        self.total, self.mirror = self.sums.numpy(), np.zeros(2 * half)


def _group(
    number: int,
    members: slice,
    rates: Rates,
    start: Tensor,
    plan: list[tuple[int, float]],
    log: _Log,
    passed: list[int],
) -> None:
    """March a group of members; what they pass goes to `log`, how many steps they took to `passed`."""
    with torch.no_grad():
        own = Rates(*(value.detach()[members].contiguous() for value in rates))
        room = _Room(len(own.feed), start.shape[-1])
        room.spectra.copy_(gray_scott.spectrum(start[members]))
        kernels.pack(room.u, room.p)
        feed, kill = own.feed.numpy(), own.kill.numpy()
        weights: dict[float, tuple[list[np.ndarray], np.ndarray]] = {}
        for at, (steps, h) in enumerate(plan):
            if steps and h not in weights:
                parts, added = kernels.expansion(own, start.shape[-1], h)
                weights[h] = ([part.numpy() for part in parts], added.numpy())
            for _ in range(steps):
                _step(room, *weights[h], h, feed, kill)
            log.write(at, members, room.spectra, room.sums)
            passed[number] += steps


def _step(
    room: _Room, weights: list[np.ndarray], added: np.ndarray, h: float, feed: np.ndarray, kill: np.ndarray
) -> None:
    """Take one step in place and add what it fed, reacted and drained to `sums`."""
    for stage, combine in enumerate(kernels.COMBINE):
        torch.fft.ifft2(room.packed, out=room.both)
        kernels.multiply(room.ab, room.made)
        torch.fft.rfft2(room.product, out=room.into[stage])
        share = h * WEIGHTS[stage]
        combine(weights[stage], added, room.u, room.r, room.mirror, room.p, share, feed, kill, room.total)
