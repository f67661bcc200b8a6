"""The rows of a small study, and the verdicts of clear cases."""

from dataclasses import replace

import pytest

from evals.tasks.model_choice import QUESTIONS, decide, run, summary
from evals.tasks.model_choice import _read as read


def test_a_small_study_of_the_flash(monkeypatch):
    name = "without or with loss"
    truths = {"without": {}, "biot 0.01": {"biot": 0.01}}
    monkeypatch.setitem(QUESTIONS, name, replace(QUESTIONS[name], truths=truths, noises=(0.003,)))
    result = run(0, questions=(name,), true=5, false=2)
    rows = result["rows"]
    assert [row["n"] for row in rows] == [5, 2]
    assert all(row["rejected"] <= 0.6 for row in rows if row["promised"] is not None)
    assert rows[1]["rejected"] == 1.0
    assert len(result["summary"]["type_i"]) == 1


def test_water_at_rest_is_seen():
    question = QUESTIONS["equilibrium or two-region"]
    (verdict,) = decide(question, read(question, question.truths["half at rest"], 0.003, 1, 0))
    assert verdict.p < 0.01
    assert verdict.parameters == (2, 4)


@pytest.mark.parametrize(("rejected", "kept"), [(0.05, True), (0.09, False)])
def test_a_level_that_is_missed_is_told(rejected, kept):
    row = {"question": "q", "truth": "t", "noise": 0.1, "rejected": rejected, "promised": 0.05, "error": 0.01}
    assert summary([row])["kept_within_two_errors"] is kept
