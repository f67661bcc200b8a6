"""Schedules are valid (played through by a simulator), optimal (Griewank & Walther) and as small as they say."""

import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physics.adjoint.schedule import (
    Kind,
    Schedule,
    advances,
    binomial,
    budgeted,
    logarithmic,
    reach,
    repeated,
    repeats,
    store_all,
)
from physics.errors import ParameterError


def play(schedule: Schedule) -> tuple[int, int, int]:
    """Play a schedule and check every action; return (advances of revolve, most of any step, most kept)."""
    steps = schedule.steps
    times = [0] * steps
    for k in range(steps - 1):  # the way to the state before the last step
        times[k] += 1
    kept = schedule.forward()
    assert kept == sorted(set(kept))
    assert all(0 <= k < steps for k in kept)
    most_kept, at, end = len(kept), steps - 1, steps
    for action in schedule.backward():
        if action.kind is Kind.RESTORE:
            assert kept[-1] == action.first
            at = action.first
        elif action.kind is Kind.ADVANCE:
            assert at == action.first < action.last < end
            for k in range(action.first, action.last):
                times[k] += 1
            at = action.last
        elif action.kind is Kind.STORE:
            assert at == action.first
            assert at > kept[-1]
            kept.append(at)
            most_kept = max(most_kept, len(kept))
        elif action.kind is Kind.REVERSE:
            assert at == action.first == end - 1
            assert action.last == end
            end, at = end - 1, -1
        else:
            assert kept.pop() == action.first == end
    assert end == 0
    assert kept == []
    return sum(times), max(times, default=0), most_kept


@cache
def fewest(steps: int, snapshots: int) -> int:
    """The optimum by dynamic programming over every cut, independent of the formula."""
    if steps <= 1:
        return 0
    if snapshots == 1:
        return steps * (steps - 1) // 2
    return min(m + fewest(steps - m, snapshots - 1) + fewest(m, snapshots) for m in range(1, steps))


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(1, 40))
def test_every_schedule_is_valid_and_optimal(steps, snapshots) -> None:
    schedule = binomial(steps, snapshots)
    total, most, kept = play(schedule)
    assert total == advances(steps, snapshots)
    assert most == schedule.repeats
    assert kept <= snapshots
    assert schedule.evaluations == total + steps + (steps > 0)


@pytest.mark.parametrize("snapshots", [1, 2, 3, 4, 7])
def test_the_formula_is_the_optimum(snapshots) -> None:
    for steps in range(45):
        assert advances(steps, snapshots) == fewest(steps, snapshots)


def test_counts_of_the_paper() -> None:
    """beta(3, 2) = 10: ten steps with three snapshots, each advanced at most twice, 15 advances in all."""
    assert reach(3, 2) == 10
    assert advances(10, 3) == 15
    assert repeats(10, 3) == 2
    assert repeats(11, 3) == 3
    assert advances(1000, 1000) == 999


@settings(deadline=None)
@given(st.integers(1, 100_000), st.integers(1, 12))
def test_fewest_snapshots_for_the_repeats(steps, most) -> None:
    schedule = repeated(steps, most)
    assert schedule.repeats <= most
    assert schedule.snapshots == 1 or repeats(steps, schedule.snapshots - 1) > most


def test_memory_grows_with_the_logarithm() -> None:
    sizes = [10**k for k in range(1, 8)]
    counts = [logarithmic(n).snapshots for n in sizes]
    assert all(c <= 3 * math.log2(n) + 3 for c, n in zip(counts, sizes, strict=True))
    assert [logarithmic(n).repeats for n in (10_000, 1_000_000)] == [3, 5]
    assert play(logarithmic(3000))[2] <= 36


def test_a_memory_in_bytes() -> None:
    assert budgeted(10_000, 8_000, 1_000_000).snapshots == 125
    with pytest.raises(ParameterError, match="10000 steps need 140 snapshots"):
        budgeted(10_000, 8_000, 100_000, most=2)


def test_store_all_evaluates_every_step_once() -> None:
    assert store_all(100).evaluations == 100
    assert store_all(0).evaluations == 0


@pytest.mark.parametrize(
    "make", [lambda: binomial(5, 0), lambda: repeated(5, 0), lambda: logarithmic(5, 0), lambda: Schedule(-1, 1)]
)
def test_impossible_schedules(make) -> None:
    with pytest.raises(ParameterError):
        make()
