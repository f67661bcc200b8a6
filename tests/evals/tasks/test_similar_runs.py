"""The suite on a few runs of three kinds: its rows, its summary, and that the search it measures is the real one."""

from pathlib import Path

import numpy as np
import pytest

from evals.tasks import similar_runs
from physics.surrogate.embedding import sets
from physics.surrogate.regimes import get

NAMES = ("advection_dispersion", "klein_gordon")


def test_a_few_runs_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: get(name) for name in NAMES}
    for module in (sets, similar_runs):
        monkeypatch.setattr(module, "all_regimes", lambda: few)
    result = similar_runs.run(2, held=6, stored=4, data=tmp_path, families=("flash",))
    assert [row["kind"] for row in result["rows"]] == [*NAMES, "flash curve"]
    assert [row["runs"] for row in result["rows"]] == [2, 2, 2]
    summary = result["summary"]
    assert summary["runs"] == 6
    assert summary["stored"] == 12
    assert summary["fields"] == "solved"
    assert summary["trace"] >= 0.8
    assert summary["both"] >= 0.8
    assert set(summary["both_with"]) == {*(f"share {share:g}" for share in similar_runs.SHARES), "rank fusion"}
    assert summary["both_with"][f"share {similar_runs.SHARE:g}"] == pytest.approx(summary["both"])


def test_words_that_ask_name_no_kind() -> None:
    told = similar_runs._asked({"mobile_fraction": "0.5"}, np.random.default_rng(0))
    assert told == "the run with mobile fraction 0.5"
