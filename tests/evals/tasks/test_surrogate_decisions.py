"""Decisions with and without the surrogate are compared by what a bench can set."""

from evals.requests import SHARES, draw
from evals.tasks.surrogate_decisions import decide, row_of, run, same, summary, within
from tools.errors import Failed

DECISION = {
    "status": "recommended",
    "settings": [("velocity", 2.5), ("input", "pulse")],
    "times": [1.0, 2.0, 10.0],
    "precision": {"dispersion": 0.04},
    "search": {},
}


def test_decisions_are_the_same_within_what_can_be_set():
    assert same(DECISION, DECISION | {"times": [1.0, 2.04, 10.0]})
    assert not same(DECISION, DECISION | {"times": [1.0, 2.1, 10.0]})
    assert not same(DECISION, DECISION | {"times": [1.0, 2.0]})
    assert same(DECISION, DECISION | {"settings": [("velocity", 2.51), ("input", "pulse")]})
    assert not same(DECISION, DECISION | {"settings": [("velocity", 2.6), ("input", "pulse")]})
    assert not same(DECISION, DECISION | {"settings": [("velocity", 2.5), ("input", "step")]})
    assert not same(DECISION, DECISION | {"status": "withheld"})


def test_a_decision_that_differs_may_lie_within_the_interval():
    assert within(DECISION, DECISION | {"precision": {"dispersion": 0.047}})
    assert not within(DECISION, DECISION | {"precision": {"dispersion": 0.05}})
    assert not within(DECISION | {"precision": {}}, DECISION)


def test_requests_are_a_hundred_and_come_from_the_seed():
    assert sum(SHARES.values()) == 100
    one, other = draw(3), draw(3)
    assert len(one) == 100
    assert [request.words for request in one] == [request.words for request in other]
    assert draw(4)[0].words != one[0].words
    assert draw(3, {"plan flash": 2})[1].words == next(r for r in one[21:] if r.kind == "plan flash").words


def test_a_small_study_agrees_and_tells_why_the_solver_answered():
    result = run(0, shares={"plan flash": 1, "design column": 1}, warm=False)
    assert result["summary"]["requests"] == result["summary"]["agreed"] == 2
    assert result["summary"]["fallback_rate"] == 1.0
    assert {kind for row in result["rows"] for kind in row["doubts"]} <= {"speed", "range", "setting", "width"}
    assert set(result["summary"]["kinds"]) == {"plan flash", "design column"}


def test_rows_add_up():
    (request,) = draw(0, {"design column": 1})
    other = DECISION | {"settings": [("velocity", 3.0), ("input", "pulse")]}
    rows = [row_of(request, (DECISION, 2.0), (DECISION, 1.0)), row_of(request, (DECISION, 2.0), (other, 1.0))]
    told = summary(rows)
    assert (told["requests"], told["agreed"], told["differing_within"]) == (2, 1, 1)
    assert (told["seconds_saved"], told["time_ratio"]) == (2.0, 2.0)
    assert rows[1]["request"]


def test_what_is_refused_is_a_decision():
    (request,) = draw(0, {"design column": 1})
    refused = request.__class__(request.kind, "column", _refuse)
    assert decide(refused, True)["status"] == "refused: no"


def _refuse(surrogate):
    raise Failed("no")
