"""Sets that agree and sets that do not."""

from dataclasses import replace

import pytest

from physics.calibrate import apart
from physics.calibrate.contradiction import ALPHA
from physics.calibrate.problem import Problem
from physics.calibrate.solve import solve
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, measured, model


def pair(seed, noise=(0.02, 0.02), known=False, rate=0.8):
    told = noise if known else (None, None)
    return (
        measured("a.csv", 2 * seed, noise[0], deviation=told[0]),
        measured("b.csv", 2 * seed + 1, noise[1], rate=rate, deviation=told[1]),
    )


@pytest.mark.parametrize("known", [False, True])
def test_sets_that_agree_are_rarely_said_not_to(known):
    found = [solve(Problem(pair(seed, known=known), (RATE, SIZE))).contradiction for seed in range(150)]
    assert sum(one.contradicts for one in found) <= 150 * ALPHA + 4
    assert 0.35 < sum(one.p for one in found) / 150 < 0.65  # p is uniform


@pytest.mark.parametrize(
    "more",
    [{}, {"noise": "separate"}, {"loss": "huber"}, {"known": True}],
    ids=["common", "separate", "huber", "known"],
)
def test_the_parameter_that_differs_is_named(more):
    known = more.pop("known", False)
    problem = Problem(pair(3, rate=1.0, known=known), (replace(RATE, unit="1/s"), SIZE), **more)
    solved = solve(problem)
    assert solved.fit.status.ok
    against = solved.contradiction
    assert against.contradicts
    assert against.differences[0].name == "rate"
    assert [one.differs for one in against.differences] == [True, False]
    assert "a.csv and b.csv contradict each other" in against.sentence
    assert "rate is 0." in against.sentence
    assert "1/s from a.csv against" in against.sentence
    assert "give rate a separate value" in against.sentence
    own = solve(replace(problem, free=(replace(problem.free[0], separate=True), SIZE)))
    assert not own.contradiction.contradicts


@pytest.mark.parametrize("more", [{}, {"noise": "separate"}, {"known": True}], ids=["common", "separate", "known"])
@pytest.mark.parametrize("seed", range(1, 5))
def test_sets_that_agree_are_compared_by_their_slopes_as_by_fits_of_each(monkeypatch, seed, more):
    known = more.get("known", False)
    problem = Problem(pair(seed, known=known), (RATE, SIZE), noise=more.get("noise", "common"))
    solved = solve(problem, checks=False)
    quick = apart.against(solved, 60, 1e-7)
    monkeypatch.setattr(apart, "CLEAR", 1.0)
    fitted = apart.against(solved, 60, 1e-7)
    assert quick.p == pytest.approx(fitted.p, rel=0.02)
    assert quick.sse_apart == pytest.approx(fitted.sse_apart, rel=1e-3)
    values, expected = ({one.name: one.values for one in each.differences} for each in (quick, fitted))
    assert all(values[name] == pytest.approx(expected[name], rel=2e-3) for name in ("rate", "size"))


def test_sets_that_agree_cost_no_further_curve():
    asked = []

    def counted(parameters, times):
        asked.append(len(times))
        return model(parameters, times)

    solved = solve(Problem(tuple(replace(one, model=counted) for one in pair(1)), (RATE, SIZE)), checks=False)
    before = len(asked)
    assert apart.against(solved, 60, 1e-7).p > apart.CLEAR
    assert len(asked) == before


def test_many_sets_and_one_that_differs():
    sets = tuple(measured(f"{k}.csv", 40 + k, rate=1.0 if k == 4 else 0.8) for k in range(6))
    against = solve(Problem(sets, (RATE, SIZE))).contradiction
    assert against.sentence.startswith("The 6 data sets contradict each other")
    assert "from 4.csv" in against.sentence
    assert against.differences[0].ends[1] == "4.csv"


def test_one_set_contradicts_nothing():
    assert solve(Problem((measured(),), (RATE, SIZE))).contradiction is None
    separate = tuple(replace(one, separate=True) for one in (RATE, SIZE))
    assert solve(Problem(pair(0), separate)).contradiction is None


def test_a_set_that_a_fit_together_cannot_reach_is_still_named():
    fast = measured("b.csv", 1, rate=0.8 * 60, times=TIMES / 60)
    sets = (measured("a.csv", 0, start={"rate": 1.0}), replace(fast, start={"rate": 30.0}))
    solved = solve(Problem(sets, (replace(RATE, unit="1/s"), SIZE)))
    assert "rate is 0." in solved.contradiction.sentence
    assert "times as much" in solved.contradiction.sentence
    assert "a factor of nearly 60, as minutes and hours do" in solved.contradiction.sentence
    assert not any("may have been given" in warning for warning in solved.warnings)


def test_a_failed_fit_says_what_contradicts_what():
    solved = solve(Problem(pair(3, rate=1.4), (RATE, SIZE)), iterations=1, tolerance=0.0)
    assert not solved.fit.status.ok
    assert solved.contradiction is not None
    assert solved.contradiction.sentence in solved.fit.message
