"""Coverage is counted as it is, and a promise that is broken without a word is named."""

import pytest
import torch

from evals.tasks import coverage
from evals.virtual_lab.scenes import CASES, experiments, scene

ROW = {"experiment": "cup", "case": "normal", "parameter": "rate", "n": 1000, "covered": 0.9}


def test_a_small_study_has_a_row_for_every_parameter():
    result = coverage.run(1, counts={"flash": 12}, cases=("normal", "near a bound"))
    assert [(row["case"], row["parameter"]) for row in result["rows"]] == [
        *(("normal", name) for name in ("diffusivity", "biot", "amplitude")),
        *(("near a bound", name) for name in ("diffusivity", "amplitude", "biot")),
    ]
    for row in result["rows"]:
        assert row["n"] == 12
        assert 0.5 < row["covered"] <= 1
        assert row["misses"] == round(12 * (1 - row["covered"]))
    assert result["rows"][5]["warned"] > 0


def test_intervals_that_are_too_narrow_are_found(monkeypatch):
    monkeypatch.setattr(coverage, "posteriors", lambda *args, **kw: half(args[3]))
    rows = coverage.score(scene("flash", "normal"), 60, 0)
    assert all(row["covered"] < 0.75 and not row["within"] for row in rows)
    assert len(coverage.summary(rows)["promise_broken_without_a_word"]) == 3


def half(fits):
    """Intervals of half their width, and nothing said about it."""
    from types import SimpleNamespace

    def narrow(estimate):
        middle = (estimate.lower * estimate.upper) ** 0.5
        return SimpleNamespace(lower=(middle * estimate.lower) ** 0.5, upper=(middle * estimate.upper) ** 0.5)

    return [SimpleNamespace(intervals={n: narrow(e) for n, e in fit.parameters.items()}, warnings=()) for fit in fits]


@pytest.mark.parametrize(
    ("covered", "unwarned", "within", "named"),
    [(0.9, 1000, True, 0), (0.85, 1000, False, 1), (0.85, 50, False, 0), (0.9, 1000, False, 0), (0.85, 1000, True, 0)],
)
def test_only_fits_without_a_warning_can_break_the_promise(covered, unwarned, within, named):
    row = {**ROW, "covered_unwarned": covered, "unwarned": unwarned, "within": within}
    assert len(coverage.summary([row])["promise_broken_without_a_word"]) == named


@pytest.mark.parametrize("name", [name for name in experiments() if name in ("column", "flash")])
@pytest.mark.parametrize("case", CASES)
def test_truths_lie_where_the_scene_says(name, case):
    given = scene(name, case)
    truths = given.truths(500, torch.Generator().manual_seed(0))
    assert set(truths) == set(given.free) == set(given.start)
    for parameter, near in given.near.items():
        assert bool(((truths[parameter] >= near.bound) & (truths[parameter] <= near.reach)).all())
    for parameter, spread in given.spread.items():
        assert float(truths[parameter].log().std()) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("name", ["column", "flash"])
@pytest.mark.parametrize("case", CASES)
def test_the_solver_is_no_part_of_what_is_asked(name, case):
    given = scene(name, case)
    assert given.numerical_error * len(given.times) ** 0.5 <= 0.04 * given.noise
