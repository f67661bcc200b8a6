"""The boundary of spots and worms, and the text that tells it."""

from itertools import pairwise
from typing import Any

import pytest

from agent.brief import read_brief
from agent.nodes.compute import request_for
from physics.equations.gray_scott.map import pattern_map
from physics.errors import ParameterError
from tests.agent import doubles
from tools.design import design
from tools.errors import Retry
from tools.plans import planning
from tools.plans.gray_scott import boundary
from tools.plans.gray_scott.boundary import ends, find_boundary
from tools.plans.gray_scott.design import _pair

REQUEST = "Which feed and kill rates separate spots from worms, and how long do I run each?"


def silent(share: float, what: str) -> None:
    pass


@pytest.fixture(scope="module")
def plan(designed: Any) -> Any:
    return designed("gray_scott", REQUEST)


def test_nothing_of_the_plan_is_refused(plan: Any) -> None:
    assert plan.question is None
    assert plan.brief.choices == {"spots": "spots", "worms": "worms"}
    assert plan.failed() == []


def test_spots_need_more_kill_than_worms_and_the_boundary_rises_with_the_feed(plan: Any) -> None:
    crossings = [(plan[f"last_{i}"].value, plan[f"next_{i}"].value) for i in range(3)]
    assert all(worms < spots for worms, spots in crossings)
    assert all(one < other for (_, one), (other, _) in pairwise(crossings))
    assert plan["kill_worms"].value < plan["last_1"].value
    assert plan["kill_spots"].value > plan["next_1"].value
    for i, (_, spots) in enumerate(crossings):
        assert spots > ends(plan[f"feed_{i}"].value)


def test_another_start_gives_the_patterns_that_the_plan_promises(plan: Any) -> None:
    feed = [plan["feed_worms"].value, plan["feed_spots"].value]
    kill = [plan["kill_worms"].value, plan["kill_spots"].value]
    longest = max(plan["run_worms"].value, plan["run_spots"].value)
    points = pattern_map(feed, kill, duration=longest, seed=5)
    assert [point.pattern for point in points] == ["worms", "spots"]


def test_patterns_without_a_common_boundary_are_refused() -> None:
    with pytest.raises(ParameterError, match="no boundary"):
        find_boundary(("spots", "maze"), [0.036], silent)


def test_a_feed_rate_at_which_they_do_not_meet_says_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "DURATION", 500.0)  # all is uniform there long before
    with pytest.raises(ParameterError, match="were seen"):
        find_boundary(("spots", "worms"), [0.2], silent)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("Which kill rate separates spots from hexagons?", "spots and hexagons have no boundary"),
        ("Where are the boundaries of spots, worms and mazes?", "spots, worms, maze are named"),
        ("Plan runs that show spirals.", "spirals is named"),
        ("At kill rate 0.062, which feed separates spots from worms?", "leave the kill rate out"),
        ("Which feed and kill separate spots from worms, within 0.01 %?", "ask for 0.27 % or more"),
    ],
)
def test_what_the_scan_cannot_answer_is_refused_and_not_replaced(request_: str, words: str) -> None:
    brief = read_brief(request_, [], planning("gray_scott"), doubles.context())[0]
    with pytest.raises(Retry, match=words):
        design(request_for(brief, 0))


def test_one_pattern_is_taken_with_the_neighbour_that_it_has() -> None:
    assert set(_pair(["maze"])) == {"maze", "worms"}
    assert set(_pair(["spots"])) == set(_pair([])) == {"spots", "worms"}
