"""What is the surrogate of fields worth? Errors against FNO, TFNO, U-Net and a coarse solver at equal time.

All models have the same share of one core's time; ours and the best of the peers are trained with three seeds. The
study is made of pieces that record themselves under LABWRIGHT_HOME/surrogate/study, so that one that was stopped goes
on where it was. Coverage, abstention, speed and what predictions keep are those of the weights that ship, with their
calibration (`labwright surrogate calibrate`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.settings import Settings
from evals.surrogate import dashboard, gather, kept, pieces, records, study
from evals.surrogate.peers import PEERS
from evals.surrogate.pieces import Piece
from evals.surrogate.records import Records
from physics.errors import DataError
from physics.surrogate.fields import stored
from tools.surrogate.data import make_data
from tools.surrogate.fields import digest, digests

VERSION = 1
MINUTES = 240.0
NEEDS = {"fno": "neuralop", "tfno": "neuralop", "unet": "the_well"}
PREDICTIONS = 11_000  # frames asked, of which more than 10,000 are shown
TRUSTED = ("coverage_in", "coverage_out", "abstained", "speedup")


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    *,
    data: Path | None = None,
    folder: Path | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Make what is missing of the data, run the pieces that have no record, and put the table together."""
    begun, say = time.perf_counter(), progress or (lambda sentence: None)
    data, folder = data or _home() / "data", folder or _home() / "study"
    at_once = workers or os.cpu_count() or 1
    make_data((), data, progress=say)
    peers = [kind for kind in PEERS if importlib.util.find_spec(NEEDS[kind]) is not None]
    found = study.run(folder, data, seed=seed, workers=at_once, peers=peers, progress=say)
    shown = pieces.run(folder, _of_weights(data, seed), workers=at_once, progress=say)
    figures = [Records.model_validate(each) for name, each in shown.items() if name != "kept"]
    records.write(folder / dashboard.FIGURES.name, Records.joined(figures))
    rows = study.rows(found.values())
    result = {
        "suite": "surrogate",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "options": study.options(found.values()),
        "memories": study.memories(found.values()),
        "summary": summary(rows) | trusted() | ({"kept": shown["kept"]} if "kept" in shown else {}),
        "seconds": time.perf_counter() - begun,
    }
    if len(peers) < len(PEERS):
        missing = ", ".join(kind for kind in PEERS if kind not in peers)
        result["reason"] = f"{missing} left out: pip install -r benchmarks/requirements.txt"
    return result


def page(result: Mapping[str, Any]) -> str:
    """Return the dashboard of a result, with the figures that were made with it."""
    made = _home() / "study" / dashboard.FIGURES.name
    figures = dashboard.FIGURES if result.get("recorded") or not made.is_file() else made
    return dashboard.result_page(result, Settings().predictions_path, figures)


def keep() -> None:
    """Keep the figures of the last run beside the recorded result."""
    shutil.copyfile(_home() / "study" / dashboard.FIGURES.name, dashboard.FIGURES)


def _home() -> Path:
    return Settings().home / "surrogate"


def _of_weights(data: Path, seed: int) -> list[Piece]:
    """Return the pieces about the weights that ship; none where there are none or they were not calibrated."""
    try:
        model, _ = stored.read()
        stored.read_calibration(stored.SHIPPED, model)
    except DataError:
        return []
    weights = {"weights": stored.SHIPPED}
    of = {"calibration": digest(stored.calibration_path(stored.SHIPPED))}
    found = [
        Piece(
            f"figures_{name}",
            gather.piece,
            {"regime": name},
            places={**weights, "data": data},
            about={**of, "runs": digests(data, name, gather.READS)},
        )
        for name in model.regimes
    ]
    given = {"predictions": PREDICTIONS, "seed": seed}
    return [*found, Piece("kept", kept.piece, given, places=weights, about=of)]


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean VRMSE of every model of all data sets, and ours over that of the best baseline: a ratio of means.

    `mean_ratio` is over both horizons; `ratio` has them apart, and the geometric mean over data sets of the ratios.
    """
    datasets = {row["dataset"] for row in rows}
    seen: dict[str, set[str]] = {}
    for row in rows:
        seen.setdefault(row["model"], set()).add(row["dataset"])
    models = [model for model, known in seen.items() if known == datasets]
    means = {model: {each: study.mean_of(rows, model, each) for each in records.HORIZONS} for model in models}
    best = study.best_peer(rows)
    found: dict[str, Any] = {"mean_vrmse": means, "best_baseline": best, "mean_ratio": None}
    if best is None or study.OURS not in models:
        return found
    ratio = {each: study.ratio(rows, best, each) for each in records.HORIZONS}
    geometric = {each: study.geometric_ratio(rows, best, each) for each in records.HORIZONS}
    return found | {"mean_ratio": study.ratio(rows, best), "ratio": ratio, "geometric_ratio": geometric}


def trusted(weights: Path = stored.SHIPPED) -> dict[str, Any]:
    """Return coverage, abstention and speed of weights as their calibration has them; None where there is none.

    `coverage_in` and `coverage_out` are means over regimes of the share of whole rollouts within their 90 % band;
    `abstained` is the share of all runs beyond the ranges, whose error exceeds the interval, that the surrogate leaves
    to the solver; `speedup` is the least of all regimes.
    """
    try:
        model, _ = stored.read(weights)
        _, told = stored.read_calibration(weights, model)
    except DataError:
        return dict.fromkeys(TRUSTED)
    inside = {name: each["inside"]["horizons"][-1]["coverage"] for name, each in told.items()}
    missed = sum(each["beyond"]["missed"] for each in told.values())
    caught = sum(each["beyond"]["missed"] * each["beyond"]["caught"] for each in told.values())
    return {
        "coverage_in": statistics.fmean(inside.values()),
        "coverage_out": statistics.fmean(each["beyond"]["coverage"] for each in told.values()),
        "abstained": caught / missed if missed else 1.0,
        "speedup": min(each["speed"]["ratio"] for each in told.values()),
        "coverage_by_regime": inside,
        "speedup_by_regime": {name: each["speed"]["ratio"] for name, each in told.items()},
    }
