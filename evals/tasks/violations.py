"""Do an experiment's laws catch spoilt outputs, and let sound ones pass? Every experiment that has a file is asked."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch

from evals.planted import VARIANTS, draw, spoil
from physics.experiment import Experiment
from physics.experiments import all_experiments
from physics.validate import broken

VERSION = 1
MINUTES = 40.0
COUNT = 1000  # sound runs of each experiment; each is spoilt in every way that its outputs allow
BATCH = 32
SECONDS = 600.0  # for one experiment: what is slow to run is asked less often


def run(
    seed: int = 0,
    experiments: Sequence[Experiment] | None = None,
    count: int = COUNT,
    batch: int = BATCH,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Score the laws of every experiment: one row for each way of spoiling each output, and one for sound runs.

    Args:
        seed: of everything that is drawn.
        experiments: those to be asked; all that have a file if left out.
        count: the least number of sound runs of each, if time allows.
        batch: runs at once.
        seconds: for one experiment, after which its last batch is judged.
    """
    started = time.perf_counter()
    rows = []
    for experiment in experiments or all_experiments():
        rows += score(experiment, seed, count, batch, seconds)
    return {
        "suite": "violations",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def score(experiment: Experiment, seed: int, count: int, batch: int, seconds: float) -> list[dict[str, Any]]:
    """Run sound members in batches, judge them, spoil them and judge again, until there is enough of both."""
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    sound = {"n": 0, "refused": 0}
    laws: dict[str, int] = {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    variants = VARIANTS.get(experiment.name, ({},))
    for turn in range(len(variants) * math.ceil(count / (batch * len(variants)))):
        runs = draw(experiment, batch, generator, variants[turn % len(variants)])
        if runs is None:
            continue
        tolerance = runs.solution.tolerance
        verdicts = broken(experiment.laws, runs.settings, runs.solution.outputs, tolerance=tolerance)
        refused = torch.stack(list(verdicts.values())).any(0)
        sound["n"] += runs.count
        sound["refused"] += int(refused.sum())
        for name, members in verdicts.items():
            if bool(members.any()):
                laws[name] = laws.get(name, 0) + int(members.sum())
        for spoilt in spoil(experiment, runs.solution.outputs, generator):
            judged = broken(experiment.laws, runs.settings, spoilt.outputs, tolerance=tolerance)
            caught = torch.stack(list(judged.values())).any(0)
            row = found.setdefault((spoilt.way, spoilt.output), {"n": 0, "caught": 0})
            counted = spoilt.changed & ~refused  # what was refused before says nothing of the corruption
            row["n"] += int(counted.sum())
            row["caught"] += int((caught & counted).sum())
        if time.perf_counter() - started > seconds:
            break
    rows = [
        {"experiment": experiment.name, "way": way, "output": output, **row}
        for (way, output), row in found.items()
        if row["n"]
    ]
    return [{"experiment": experiment.name, "way": "none", "output": "", **sound, "laws": laws}, *rows]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the shares over all experiments and for each, and what is missed most."""
    names = list(dict.fromkeys(row["experiment"] for row in rows))
    told = {name: _shares([row for row in rows if row["experiment"] == name]) for name in names}
    missed = [row for row in rows if row["way"] != "none" and row["caught"] < row["n"]]
    worst = sorted(missed, key=lambda row: row["caught"] - row["n"])[:10]
    return {
        **_shares(rows),
        "experiments": told,
        "missed": [
            f"{r['experiment']}: {r['way']} of {r['output']}, {r['n'] - r['caught']} of {r['n']}" for r in worst
        ],
    }


def _shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    spoilt = [row for row in rows if row["way"] != "none"]
    n, caught = sum(row["n"] for row in spoilt), sum(row["caught"] for row in spoilt)
    sound = [row for row in rows if row["way"] == "none"]
    runs, refused = sum(row["n"] for row in sound), sum(row["refused"] for row in sound)
    return {
        "spoilt": n,
        "caught": caught / n if n else None,
        "sound": runs,
        "refused": refused / runs if runs else None,
    }
