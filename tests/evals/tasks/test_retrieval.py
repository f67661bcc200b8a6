from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.tasks.retrieval import run


def test_missing_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWRIGHT_DATA", str(tmp_path))
    result = run(seed=3)
    assert result["rows"] == []
    assert str(tmp_path) in result["skipped"]
    assert result["seed"] == 3


def test_a_small_set_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWRIGHT_DATA", str(tmp_path))
    folder = tmp_path / "cranfield"
    folder.mkdir()
    texts = {1: "heat flow in composite slabs", 2: "the lift of a wing in a slipstream", 3: ""}
    lines = [json.dumps({"id": i, "title": "no title", "text": text}) for i, text in texts.items()]
    (folder / "documents.jsonl").write_text("\n".join(lines))
    (folder / "queries.jsonl").write_text(json.dumps({"id": 7, "text": "wing lift"}))
    (folder / "qrels.tsv").write_text("7\t2\n")
    result = run()
    assert result["rows"] == [{"query": "7", "dense": 1.0, "bm25": 1.0, "fused": 1.0}]
    assert result["summary"]["ndcg10_fused"] == 1.0
    assert result["summary"]["queries"] == 1
