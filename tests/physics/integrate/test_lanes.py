"""Members on threads."""

import threading

import pytest

from physics.integrate.lanes import each_member


def test_every_member_is_worked_on_once() -> None:
    seen: list[int] = []
    each_member(7, seen.append)
    assert sorted(seen) == list(range(7))


def test_a_single_member_stays_on_this_thread() -> None:
    names: list[str] = []
    each_member(1, lambda _: names.append(threading.current_thread().name))
    assert names == [threading.current_thread().name]


def test_what_a_member_raises_is_raised() -> None:
    def work(member: int) -> None:
        if member == 2:
            raise ValueError(str(member))

    with pytest.raises(ValueError, match="2"):
        each_member(3, work)
