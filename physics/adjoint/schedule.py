"""Checkpoint schedules: which states of a run to keep so that it can be reversed with little memory.

With s snapshots (the start is one of them) and every step advanced at most r times, a run of

    beta(s, r) = (s + r)! / (s! r!)

steps can be reversed, and no schedule reverses more. The fewest advances that reverse l steps are

    t(l, s) = r l - beta(s + 1, r - 1)        for beta(s, r - 1) < l <= beta(s, r),

not counting the l steps that are run once more for their derivatives. A stretch of n steps between a snapshot
and the end is cut at m; every m with

    beta(s, r - 2) <= m <= beta(s, r - 1)     and     beta(s - 1, r - 1) <= n - m <= beta(s - 1, r)

gives the optimum; the largest is taken, which writes the fewest snapshots.

Source: A. Griewank and A. Walther, Algorithm 799: revolve, ACM Trans. Math. Softw. 26 (2000) 19-45,
doi:10.1145/347837.347846.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from physics.errors import ParameterError


class Kind(Enum):
    """What to do next."""

    ADVANCE = "run from the working state at `first` to `last`"
    STORE = "keep the working state, which is at `first`"
    RESTORE = "take the state kept last, at `first`, as working state"
    DROP = "forget the state kept last, at `first`"
    REVERSE = "run the step from `first` to `last` with its derivatives and pull the adjoint back through it"


@dataclass(frozen=True)
class Action:
    """One action on the states `first` to `last`."""

    kind: Kind
    first: int
    last: int


@dataclass(frozen=True)
class Schedule:
    """How a run of `steps` steps is reversed; make one with a function of this file.

    Attributes:
        snapshots: how many states are kept at a time, the start among them.
        tape: keep every step's derivatives from the start instead (store-all).
    """

    steps: int
    snapshots: int
    tape: bool = False

    def __post_init__(self) -> None:
        if self.steps < 0 or (self.steps > 0 and self.snapshots < 1):
            raise ParameterError(f"a schedule of {self.steps} steps cannot do with {self.snapshots} snapshots")

    @property
    def repeats(self) -> int:
        """How often a step is advanced at most, besides the run with its derivatives."""
        return repeats(self.steps, self.snapshots)

    @property
    def evaluations(self) -> int:
        """How many steps are run in all: the last one too before it is reversed, as its result is wanted first."""
        return self.steps if self.tape else advances(self.steps, self.snapshots) + self.steps + min(self.steps, 1)

    def forward(self) -> list[int]:
        """Return the states to keep on the way to the end, rising from 0."""
        kept = [0] if self.steps > 0 else []
        while kept and self.steps - kept[-1] > 1 and len(kept) < self.snapshots:
            kept.append(kept[-1] + _cut(self.steps - kept[-1], self.snapshots - len(kept) + 1))
        return kept

    def backward(self) -> Iterator[Action]:
        """Yield what to do after the end is reached, with the states of `forward` kept.

        The working state is then the one before the last step.
        """
        kept, end = self.forward(), self.steps
        at = end - 1
        while end > 0:
            if at != end - 1:
                last = at = kept[-1]
                yield Action(Kind.RESTORE, last, last)
                while end - at > 1 and len(kept) < self.snapshots:
                    at = last + _cut(end - last, self.snapshots - len(kept) + 1)
                    yield Action(Kind.ADVANCE, last, at)
                    yield Action(Kind.STORE, at, at)
                    kept.append(at)
                    last = at
                if end - at > 1:
                    yield Action(Kind.ADVANCE, at, end - 1)
            yield Action(Kind.REVERSE, end - 1, end)
            end, at = end - 1, -1
            if kept[-1] == end:
                kept.pop()
                yield Action(Kind.DROP, end, end)


def store_all(steps: int) -> Schedule:
    """Keep everything: the fastest, with memory that grows with the number of steps."""
    return Schedule(steps, max(steps, 1), tape=True)


def binomial(steps: int, snapshots: int) -> Schedule:
    """Return the fewest evaluations for a given number of snapshots."""
    if steps > 0 and snapshots < 1:
        raise ParameterError(f"a schedule of {steps} steps cannot do with {snapshots} snapshots; give it one")
    return Schedule(steps, min(snapshots, max(steps, 1)))


def repeated(steps: int, most: int = 3) -> Schedule:
    """Return the fewest snapshots with which no step is advanced more than `most` times."""
    if most < 1:
        raise ParameterError(f"most = {most}: a step is advanced at least once")
    return binomial(steps, _fewest(steps, most))


def budgeted(steps: int, state_bytes: int, memory_bytes: int, most: int = 10) -> Schedule:
    """Return the schedule that fills a memory of `memory_bytes` with snapshots of `state_bytes`.

    Raises:
        ParameterError: with that memory some step would be advanced more than `most` times; the message says
            how much is needed.
    """
    room, need = memory_bytes // max(state_bytes, 1), _fewest(steps, most)
    if room < need:
        raise ParameterError(
            f"{steps} steps need {need} snapshots of {state_bytes} bytes to be repeated at most {most} times, and "
            f"{memory_bytes} bytes hold {room}; allow {need * state_bytes} bytes or more repeats"
        )
    return binomial(steps, room)


def logarithmic(steps: int, per_doubling: int = 3) -> Schedule:
    """Return a schedule whose memory grows with the logarithm of the number of steps.

    s = per_doubling * log2(steps) snapshots; the repeats then grow slower than the logarithm (with 3: three for
    10,000 steps, five for a million).
    """
    if per_doubling < 1:
        raise ParameterError(f"per_doubling = {per_doubling}: give at least one snapshot a doubling")
    return binomial(steps, per_doubling * max(1, steps - 1).bit_length())


def reach(snapshots: int, most: int) -> int:
    """Return beta(s, r), the most steps that can be reversed."""
    return math.comb(snapshots + most, snapshots) if snapshots >= 0 and most >= 0 else 0


def repeats(steps: int, snapshots: int) -> int:
    """Return the r of beta(s, r - 1) < l <= beta(s, r)."""
    most = 0
    while reach(snapshots, most) < steps:
        most += 1
    return most


def advances(steps: int, snapshots: int) -> int:
    """Return t(l, s), the fewest advances that reverse `steps` steps."""
    if steps <= 1:
        return 0
    most = repeats(steps, snapshots)
    return most * steps - reach(snapshots + 1, most - 1)


def _fewest(steps: int, most: int) -> int:
    low, high = 1, max(steps, 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reach(middle, most) >= steps else (middle + 1, high)
    return low


def _cut(n: int, s: int) -> int:
    """Return where to cut n > 1 steps behind a snapshot, with s >= 2 snapshots including that one."""
    r = repeats(n, s)
    return min(reach(s, r - 1), n - reach(s - 1, r - 1))
