"""The one loop that marches a step: it owns stop, status, progress and the choice of the time step.

A step is any function `step(state, time, dt) -> state`; the loop asks for nothing else, so that equations with
the most different schemes share it. It cuts the span between two output times into equal steps, so that every
output time is met exactly and few different step lengths occur (a factorisation that belongs to one is found
again). Under a limit that changes with the state (a Courant number) the lengths stand on a ladder,

    dt = T / n,   n = 1, 2, 3, 4, 6, 8, 12, 16, ...     T the span between two output times

and within a span they are only halved or doubled. The limit sees detached values: gradients of a run are those
of the steps that were taken, never of the choice of their length.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.integrate.settling import Monitor, Settling
from physics.solution import Status

State = tuple[Tensor, ...]
Step = Callable[[State, float, float], State]
_RELAX = 2.2  # a step is doubled only where the limit leaves more room than that, so that it does not flutter
_SMALLEST = 1e-12  # of a span: a limit below this is a run that has blown up


@dataclass(frozen=True)
class Run:
    """What a march returns.

    Attributes:
        state: the last state.
        times: the output times reached, shape (times,).
        frames: one tensor for each that `observe` gave, shape (times, *its shape).
        dts: the length of every step taken, in their order; replays the run (`physics.adjoint.checkpoint`).
        diverged_at: the time at which a member was found to have left the finite numbers, shape (batch,);
            NaN for a sound one.
        settled_at: the time from which a member's monitored value stayed where it ended, shape (batch,);
            NaN where it had not settled; None if nobody asked.
    """

    state: State
    times: Tensor
    frames: tuple[Tensor, ...]
    status: Status
    message: str
    time: float
    dts: list[float] = field(repr=False)
    diverged_at: Tensor
    settled_at: Tensor | None
    seconds: float

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.dts)


def march(
    step: Step,
    state: State,
    times: Tensor | Sequence[float],
    *,
    dt: float | Callable[[State], Tensor | float],
    observe: Callable[[State], tuple[Tensor, ...]] | None = None,
    start: float = 0.0,
    settling: Settling | None = None,
    member_axis: int = 0,
    check_every: int = 16,
    max_steps: int = 10_000_000,
    progress: Callable[[float, str], None] | None = None,
    word: str = "marching",
    advice: str = "take smaller steps or soften the parameters",
    unit: str = "s",
) -> Run:
    """March `state` from `start` through the output times.

    Args:
        step: `step(state, time, dt)`; members of the batch do not touch each other.
        times: rising, the first not before `start`; a frame is recorded at each.
        dt: the longest step, or `dt(state)`, the longest stable one, a number or shape (batch,), asked before
            every step with detached values.
        observe: what to record; the whole state if left out.
        settling: stop when a monitored value rests, or only say when it did.
        member_axis: the axis of the batch in every tensor of the state.
        check_every: steps between two looks for numbers that are not finite; every frame is looked at as well.
        max_steps: the run ends there, NOT_SETTLED.
        progress: called with the share done and `word`.
        advice: what to change when the run diverges, in the experiment's own terms.

    Returns:
        Run: CONVERGED when the last time was reached or the monitored value rests; DIVERGED when a member left
            the finite numbers (the others are marched on); NOT_SETTLED otherwise.

    Raises:
        ParameterError: the times or the step cannot be used.
    """
    marcher = _Marcher(step, state, _checked(times, start), dt, observe or tuple, start, settling, member_axis)
    begin = perf_counter()
    marcher.go(check_every, max_steps, lambda share: progress(share, word) if progress is not None else None)
    status, message = marcher.verdict(advice, unit)
    return Run(
        marcher.state,
        torch.tensor(marcher.reached, dtype=torch.float64),
        tuple(torch.stack(parts) for parts in zip(*marcher.frames, strict=True)),
        status,
        message,
        marcher.time,
        marcher.dts,
        marcher.diverged_at,
        None if marcher.monitor is None else marcher.monitor.settled_at(),
        perf_counter() - begin,
    )


def ladder(span: float, longest: float) -> int:
    """Return the smallest n of 1, 2, 3, 4, 6, 8, 12, ... with span / n <= longest."""
    need = max(1.0, span / longest * (1.0 - 1e-12))
    power = 2 ** math.ceil(math.log2(need))
    return 3 * power // 4 if power >= 4 and 3 * power / 4 >= need else power


def _checked(times: Tensor | Sequence[float], start: float) -> list[float]:
    at = [float(t) for t in times]
    if not at or not all(math.isfinite(t) for t in at):
        raise ParameterError("times: give at least one output time, all finite")
    if at[0] < start or any(b <= a for a, b in itertools.pairwise(at)):
        raise ParameterError(f"times: they must rise and begin at {start:g} or later")
    return at


class _Marcher:
    """The loop's own state, so that its parts fit a screen."""

    def __init__(
        self,
        step: Step,
        state: State,
        times: list[float],
        dt: float | Callable[[State], Tensor | float],
        observe: Callable[[State], tuple[Tensor, ...]],
        start: float,
        settling: Settling | None,
        axis: int,
    ) -> None:
        if not callable(dt) and not (math.isfinite(dt) and dt > 0):
            raise ParameterError(f"dt = {dt:g}: a time step must be a finite number above zero")
        self.step, self.state, self.times, self.dt, self.observe, self.axis = step, state, times, dt, observe, axis
        self.time = start
        self.members = state[0].shape[axis]
        self.diverged_at = torch.full((self.members,), math.nan, dtype=torch.float64)
        self.alive = torch.ones(self.members, dtype=torch.bool)
        self.sound_until = start  # the last time at which all living members were looked at
        self.reached: list[float] = []
        self.frames: list[tuple[Tensor, ...]] = []
        self.dts: list[float] = []
        self.monitor = None if settling is None else Monitor(settling, self.members)
        self.found: list[str] = []
        self.ended = False

    def go(self, check_every: int, max_steps: int, report: Callable[[float], None]) -> None:
        first, end = self.time, self.times[-1]
        self._watch()
        for target in self.times:
            self._span(target, check_every, max_steps, lambda: report((self.time - first) / ((end - first) or 1.0)))
            if self.time < target:
                break
            self._check()
            self.reached.append(target)
            self.frames.append(self.observe(self.state))
            if self.ended or not bool(self.alive.any()):
                break
        report(1.0)

    def _span(self, target: float, check_every: int, max_steps: int, report: Callable[[], None]) -> None:
        """March to `target`, or as far as there is something left to march."""
        span = target - self.time
        if span <= 0.0:
            return
        longest = self._longest(span)
        left = ladder(span, longest) if callable(self.dt) else max(1, math.ceil(span / longest * (1.0 - 1e-12)))
        length = span / left
        while left > 0 and bool(self.alive.any()) and not self.ended and len(self.dts) < max_steps:
            self.state = self.step(self.state, self.time, length)
            self.dts.append(length)
            left -= 1
            self.time = target if left == 0 else target - left * length
            self._watch()
            if len(self.dts) % check_every == 0:
                self._check()
                report()
            if left > 0 and callable(self.dt):
                longest = self._longest(span)
                while length > longest * (1.0 + 1e-12) and bool(self.alive.any()):
                    left, length = 2 * left, length / 2
                while left % 2 == 0 and length * _RELAX <= longest:
                    left, length = left // 2, length * 2

    def _longest(self, span: float) -> float:
        """Ask for the longest stable step of the living members; a member without one is dead."""
        if not callable(self.dt):
            return min(self.dt, span)
        with torch.no_grad():
            limit = torch.as_tensor(self.dt(tuple(part.detach() for part in self.state)), dtype=torch.float64).cpu()
        limit = limit.expand(self.members)
        sick = self.alive & ~(limit > _SMALLEST * span)
        if bool(sick.any()):
            self._bury(sick, "its stable time step fell to nothing")
        return float(limit[self.alive].min().clamp(max=span)) if bool(self.alive.any()) else span

    def _watch(self) -> None:
        if self.monitor is not None and self.monitor.due(self.time):
            with torch.no_grad():
                self.ended = self.monitor.see(self.time, tuple(p.detach() for p in self.state), self.alive)

    def _check(self) -> None:
        """Look for members that are not finite; one sum a tensor where all is well."""
        with torch.no_grad():
            if not all(bool(torch.isfinite(part.detach().sum())) for part in self.state):
                sound = self.alive.clone()
                for part in self.state:
                    rows = part.detach().movedim(self.axis, 0).reshape(self.members, -1)
                    sound &= torch.isfinite(rows).all(dim=1).cpu()
                if bool((self.alive & ~sound).any()):
                    self._bury(self.alive & ~sound, "it left the range of finite numbers")
        self.sound_until = self.time

    def _bury(self, which: Tensor, why: str) -> None:
        self.diverged_at[which] = self.time
        self.alive = self.alive & ~which
        names = ", ".join(str(int(k)) for k in which.nonzero().reshape(-1)[:5])
        more = ", ..." if int(which.sum()) > 5 else ""
        self.found.append(f"member {names}{more}: {why} between {self.sound_until:.6g} and {self.time:.6g}")

    def verdict(self, advice: str, unit: str) -> tuple[Status, str]:
        if self.found:
            return Status.DIVERGED, f"{'; '.join(self.found[:3])} {unit}".rstrip() + f"; {advice}"
        if self.time < self.times[-1] and not self.ended:
            return (
                Status.NOT_SETTLED,
                f"{len(self.dts)} steps brought it to {self.time:.6g} of {self.times[-1]:.6g} {unit}".rstrip()
                + "; allow more steps, or ask for less time",
            )
        if self.monitor is not None and not self.monitor.rests(self.alive):
            return Status.NOT_SETTLED, self.monitor.complaint(unit, self.alive)
        return Status.CONVERGED, ""
