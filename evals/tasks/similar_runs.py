"""Similar runs: does the search by what a run looked like, and by what was written, find its regime first?

200 runs that nobody learned from, of every regime of fields and every family of curves, with settings and noise of
their own, ask an index that holds 40 training runs of each. Right is a first answer of the same regime: the data set
for fields; for curves the experiment and, of a column, its transport (at equilibrium, two-region, Freundlich), over the
whole ranges of its family, where some runs of two kinds differ less than their noise. Curves that ask come from the
solver. The words that ask name one setting of the run, never its regime, and those that are stored all settings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from agent.settings import Settings
from corpora.likeness import SHARE
from physics.surrogate import frames
from physics.surrogate.curves.families import all_families
from physics.surrogate.embedding.curves import curves
from physics.surrogate.embedding.judge import fixed, found_first
from physics.surrogate.embedding.sets import CURVES, fields
from physics.surrogate.embedding.trace import Trace
from physics.surrogate.embedding.train import Runs
from physics.surrogate.embedding.views import noisy
from physics.surrogate.regimes import all_regimes
from tools.similar import Past, Vector
from tools.traces import encoded, encoder_digest

VERSION = 1
MINUTES = 2.0
HELD, STORED = 200, 40
NOISE = 0.02  # of the fields that ask, over the deviation of a channel
TARGET = 0.9
SHARES = (0.2, 0.35, 0.5, 0.65, 0.8)  # of the words in the score, compared
_RANKS = 60  # of rank fusion
_WORDS = {"freundlich_exponent": "exponent"}


@dataclass(frozen=True)
class Set:
    """Runs of one regime or family with their settings, in words."""

    runs: Runs
    settings: list[dict[str, str]]

    def cut(self, count: int) -> Set:
        """Return the first of them."""
        runs = Runs(self.runs.name, self.runs.traces[:count], self.runs.scaled[:count])
        return Set(runs, self.settings[:count])


class Records:
    """The training runs as records of a keeper."""

    def __init__(self, sets: Sequence[Set]) -> None:
        self.whose: dict[str, str] = {}
        self._records: dict[str, dict[str, Any]] = {}
        for each in sets:
            vectors = encoded(each.runs.traces)
            for k, (settings, vector) in enumerate(zip(each.settings, vectors, strict=True)):
                run = f"{each.runs.name}-{k}"
                self.whose[run] = each.runs.name
                self._records[run] = {
                    "id": run,
                    "kind": "run",
                    "inputs": {"settings": settings},
                    "result": {},
                    "trace": {"encoder": encoder_digest(), "vector": vector.tolist()},
                }

    def stamps(self) -> Mapping[str, str]:
        """See `tools.similar.Kept`."""
        return dict.fromkeys(self._records, "")

    def read(self, run: str) -> Mapping[str, Any] | None:
        """See `tools.similar.Kept`."""
        return self._records.get(run)


def run(
    seed: int = 0,
    progress: Callable[[str], None] = lambda message: None,
    *,
    held: int = HELD,
    stored: int = STORED,
    data: Path | None = None,
    families: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the suite's result.

    Args:
        seed: of noise, of what the words name, of curves, and of fields where they are solved.
        progress: told what is being done.
        held: runs that ask, in all.
        stored: runs of each kind that can be found.
        data: the folder of `surrogate data`; that under LABWRIGHT_HOME if left out; where one is missing, fields are
            solved.
        families: of curves, all if left out.
    """
    start = perf_counter()
    folder = Settings().home / "surrogate" / "data" if data is None else data
    place = folder if all(frames.path_of(folder, name, "test").is_file() for name in all_regimes()) else None
    known_curves = list(all_families()) if families is None else list(families)
    kinds = len(all_regimes()) + len(known_curves)
    counts = [held * (k + 1) // kinds - held * k // kinds for k in range(kinds)]
    known = _sets("train", stored, seed, place, known_curves, False, progress)
    asking = _sets("test", max(counts), seed, place, known_curves, True, progress)
    generator = torch.Generator().manual_seed(seed)
    asking = [_noised(each.cut(count), generator) for each, count in zip(asking, counts, strict=True)]
    progress("searching")
    rows, seconds, fusions = _searched(known, asking, seed)
    by_features = found_first([s.runs for s in known], [s.runs for s in asking], fixed([s.runs for s in known]))
    rows = [{**row, "fixed_features": by_features[row["kind"]]} for row in rows]
    sizes = np.array([row["runs"] for row in rows], dtype=float)
    means = {
        name: float(np.average([row[name] for row in rows], weights=sizes))
        for name in ("trace", "text", "both", "fixed_features")
    }
    summary = {
        **means, "target": TARGET, "runs": int(sizes.sum()), "stored": stored * kinds,
        "words_share": SHARE, "both_with": fusions, **seconds, "fields": "solved" if place is None else "read",
    }  # fmt: skip
    result = {"suite": "similar_runs", "version": VERSION, "seed": seed, "rows": rows, "summary": summary}
    return result | {"seconds": perf_counter() - start}


def _sets(
    split: str, count: int, seed: int, place: Path | None, families: Sequence[str], solve: bool,
    progress: Callable[[str], None],
) -> list[Set]:  # fmt: skip
    """Return `count` runs of every kind of a split."""
    found = []
    for runs, values in fields(place, split, count, seed=seed, report=lambda name: progress(f"{split} runs of {name}")):
        found.append(Set(runs, _told(values.settings, len(runs.traces))))
    for name in families:
        progress(f"{split} curves of {name}")
        made = curves(name, split, count, seed + 1, solve=solve)
        found.append(Set(Runs(f"{name}{CURVES}", made.traces, made.scaled), _told(made.numbers, len(made.traces))))
    return found


def _told(settings: Mapping[str, torch.Tensor], count: int) -> list[dict[str, str]]:
    """Return the settings of each run in words."""
    return [
        {_WORDS.get(name, name): f"{float(value[k]):.3g}" for name, value in settings.items()} for k in range(count)
    ]


def _noised(each: Set, generator: torch.Generator) -> Set:
    """Return runs that ask, fields with noise (curves have theirs)."""
    traces = [
        trace if trace.axes == 0 else Trace(noisy(trace.values, NOISE, generator), trace.times)
        for trace in each.runs.traces
    ]
    return replace(each, runs=Runs(each.runs.name, traces, each.runs.scaled))


def _searched(
    known: Sequence[Set], asking: Sequence[Set], seed: int
) -> tuple[list[dict[str, Any]], dict[str, float], dict[str, float]]:
    """Ask the index for every run by trace, by text and by both; return rows, times, and what other fusions find."""
    kept, generator = Records(known), np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    taken, hits = 0.0, dict.fromkeys([*(f"share {share:g}" for share in SHARES), "rank fusion"], 0)
    with tempfile.TemporaryDirectory() as home:
        begin = perf_counter()
        with Past(kept, Path(home)) as past:
            indexing = perf_counter() - begin
            for each in asking:
                begin = perf_counter()
                looks = encoded(each.runs.traces)
                taken += perf_counter() - begin
                right = {"trace": 0, "text": 0, "both": 0}
                for settings, vector in zip(each.settings, looks, strict=True):
                    words = _asked(settings, generator)
                    begin = perf_counter()
                    first = past.find(words, vector, 1, None)[0]
                    taken += perf_counter() - begin
                    right["both"] += int(kept.whose[first.id] == each.runs.name)
                    right["trace"] += int(kept.whose[past.find(None, vector, 1, None)[0].id] == each.runs.name)
                    right["text"] += int(kept.whose[past.find(words, None, 1, None)[0].id] == each.runs.name)
                    for fusion, run in _others(past, words, vector, len(kept.whose)).items():
                        hits[fusion] += kept.whose[run] == each.runs.name
                count = len(each.settings)
                rows.append({"kind": each.runs.name, "runs": count, **{k: v / count for k, v in right.items()}})
    asked = sum(row["runs"] for row in rows)
    times = {"index_ms_a_run": 1e3 * indexing / len(kept.whose), "search_ms": 1e3 * taken / asked}
    return rows, times, {fusion: count / asked for fusion, count in hits.items()}


def _others(past: Past, words: str, looks: Vector, every: int) -> dict[str, str]:
    """Return what other ways to weigh text and trace would find first."""
    matches = past.find(words, looks, every, None)
    text, trace = (np.array([getattr(match, leg) or 0.0 for match in matches]) for leg in ("text", "trace"))
    scores = {f"share {share:g}": share * text + (1.0 - share) * trace for share in SHARES}
    ranks = [np.argsort(np.argsort(-leg, kind="stable"), kind="stable") for leg in (text, trace)]
    scores["rank fusion"] = sum((1.0 / (_RANKS + rank) for rank in ranks), np.zeros(len(matches)))
    return {fusion: matches[int(score.argmax())].id for fusion, score in scores.items()}


def _asked(settings: Mapping[str, str], generator: np.random.Generator) -> str:
    """Return what somebody remembers of a run: one of its settings."""
    name = list(settings)[int(generator.integers(len(settings)))]
    return f"the run with {name.replace('_', ' ')} {settings[name]}"
