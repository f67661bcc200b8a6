"""`labwright eval` lists, runs and shows what was recorded, with the contract's statuses."""

import json
import re

import pytest

from agent.cli.main import main
from evals import suites
from evals.tasks import retrieval, violations

KEYS = {"suite", "version", "seed", "rows", "summary", "seconds"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "RESULTS", tmp_path)
    return tmp_path


def call(capsys, *words):
    with pytest.raises(SystemExit) as ending:
        main(["eval", *words])
    out, err = capsys.readouterr()
    return ending.value.code, out, err


def test_without_a_name_the_suites_are_listed(capsys):
    status, out, _ = call(capsys, "--json")
    assert status == 0
    assert {row["suite"] for row in json.loads(out)["suites"]} == set(suites.names())


def test_a_short_suite_is_run(capsys, monkeypatch):
    rows = [{"name": "one", "value": 0.5}]
    summary = {"mean": 0.5, "by name": {"one": 0.5}, "wrong": ["a sentence"], "kept": [{"law": "mass", "worst": {}}]}
    made = {"suite": "retrieval", "version": 1, "rows": rows, "summary": summary, "seconds": 0.1}
    monkeypatch.setattr(retrieval, "run", lambda seed: made | {"seed": seed})
    status, out, _ = call(capsys, "retrieval", "--seed", "3", "--json")
    assert status == 0
    assert set(json.loads(out)) >= KEYS
    assert json.loads(out)["seed"] == 3
    status, out, _ = call(capsys, "retrieval")
    assert "by name, one: 0.5" in out
    assert "a sentence" in out
    assert re.search(r"kept:\s+law\s+mass\s", out)


def test_a_long_suite_is_withheld_until_it_was_recorded(capsys, elsewhere, monkeypatch):
    status, out, _ = call(capsys, "violations", "--json")
    assert status == 3
    assert "--rerun" in json.loads(out)["reason"]
    made = {"suite": "violations", "version": 1, "seed": 0, "rows": [], "summary": {"n": 1}, "seconds": 1.0}
    monkeypatch.setattr(violations, "run", lambda seed: made)
    status, out, _ = call(capsys, "violations", "--rerun", "--record", "--json")
    assert (status, json.loads(out)) == (0, made)
    status, out, _ = call(capsys, "violations", "--json")
    shown = json.loads(out)
    assert status == 0
    assert shown["recorded"]
    assert set(shown) >= KEYS | {"date", "commit"}
    _, out, _ = call(capsys, "violations")
    assert f"recorded {shown['date']}" in out


def test_an_unknown_suite_is_bad_input(capsys):
    status, _, err = call(capsys, "nothing")
    assert status == 2
    assert "there is no suite 'nothing'" in err


def test_a_suite_that_draws_writes_a_page(capsys, monkeypatch, tmp_path):
    made = {"suite": "retrieval", "version": 1, "seed": 0, "rows": [], "summary": {"n": 4}, "seconds": 0.1}
    monkeypatch.setattr(retrieval, "run", lambda seed: made)
    monkeypatch.setattr(retrieval, "page", lambda result: f"<p>{result['summary']['n']}</p>", raising=False)
    file = tmp_path / "page.html"
    status, out, err = call(capsys, "retrieval", "--html", str(file), "--json")
    assert status == 0
    assert json.loads(out) == made
    assert file.read_text() == "<p>4</p>"
    assert f"wrote {file}" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["violations", "--html", "page.html"], "draws no page"),
        (["violations", "retrieval", "--html", "page.html"], "one suite, 2 are named"),
        (["--html", "page.html"], "name it"),
    ],
)
def test_a_page_of_what_draws_none_is_bad_input_before_anything_is_run(capsys, monkeypatch, tmp_path, words, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(violations, "run", lambda seed: pytest.fail("it was run"))
    monkeypatch.setattr(retrieval, "run", lambda seed: pytest.fail("it was run"))
    status, _, err = call(capsys, *words)
    assert status == 2
    assert told in " ".join(err.split())
    assert not list(tmp_path.glob("*.html"))


def test_a_page_cannot_be_written_over_a_folder(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(retrieval, "page", lambda result: "", raising=False)
    status, _, err = call(capsys, "retrieval", "--html", str(tmp_path))
    assert status == 2
    assert "is a folder" in " ".join(err.split())
