"""Every suite can be found, described and recorded; a long one is not run behind anybody's back."""

import json

import pytest

from agent.errors import BadRequest
from evals import suites
from evals.suites import Suite, names


def test_every_file_is_a_suite_with_a_meaning_and_a_version():
    for name in names():
        suite = Suite(name)
        assert suite.version >= 1
        assert suite.minutes >= 0
        assert suite.meaning.endswith((".", "?")), suite.meaning


def test_an_unknown_suite_is_named_with_those_that_are_near():
    with pytest.raises(BadRequest, match="did you mean retrieval"):
        Suite("retrievl")


def test_a_record_carries_its_date_and_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    suite = Suite("retrieval")
    assert suite.recorded() is None
    suite.record({"suite": "retrieval", "rows": [], "summary": {"share": float("nan")}})
    kept = suite.recorded()
    assert kept is not None
    assert set(kept) == {"suite", "rows", "summary", "date", "commit"}
    assert kept["summary"]["share"] is None
    assert json.loads((tmp_path / "retrieval.json").read_text()) == kept
