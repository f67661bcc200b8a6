"""The summary and the page of the study of the surrogate of fields."""

import pytest

from evals.tasks import surrogate
from physics.surrogate.regimes import all_regimes


def row(model, dataset, step, rollout, seed=0):
    same = {"dataset": dataset, "model": model, "seed": seed, "parameters": 10, "cpu_minutes": 1.0}
    return [{**same, "horizon": "step", "vrmse": step}, {**same, "horizon": "rollout", "vrmse": rollout}]


ROWS = [
    *row("ours", "burgers", 0.01, 0.1),
    *row("ours", "burgers", 0.01, 0.3, seed=1),
    *row("fno", "burgers", 0.02, 0.4),
    *row("tfno", "burgers", 0.05, 0.6),
    *row("nothing_changes", "burgers", 0.1, 0.9),
]


def test_the_summary_compares_with_the_best_baseline():
    found = surrogate.summary(ROWS)
    assert found["best_baseline"] == "fno"
    assert found["mean_ratio"] == pytest.approx(0.105 / 0.21)
    assert found["ratio"] == {"step": pytest.approx(0.5), "rollout": pytest.approx(0.5)}
    assert found["mean_vrmse"]["nothing_changes"]["rollout"] == 0.9


def test_without_baselines_there_is_no_ratio():
    assert surrogate.summary(ROWS[:4])["mean_ratio"] is None


def test_weights_that_are_not_there_have_no_figures(tmp_path):
    assert surrogate.trusted(tmp_path / "none.safetensors") == dict.fromkeys(surrogate.TRUSTED)


def test_the_weights_that_ship_are_calibrated_in_every_regime():
    found = surrogate.trusted()
    assert set(found["coverage_by_regime"]) == set(found["speedup_by_regime"]) == set(all_regimes())
    assert all(0.8 <= share <= 1.0 for share in found["coverage_by_regime"].values())
    assert found["abstained"] >= 0.95
    assert found["speedup"] == min(found["speedup_by_regime"].values())


def test_the_page_has_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("LABWRIGHT_HOME", str(tmp_path))
    result = {
        "suite": "surrogate",
        "version": 1,
        "seed": 0,
        "rows": ROWS,
        "summary": surrogate.summary(ROWS),
        "seconds": 1,
    }
    page = surrogate.page(result)
    assert "burgers" in page.lower()
    assert "TFNO" in page
