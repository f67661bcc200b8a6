"""Is the designed run worth more than the protocol's at equal cost? Hidden truths and realistic instruments.

Each laboratory (`evals.virtual_lab`) plans from what it believes; the truths are drawn from that belief and hidden.
The protocol's default, a default that knows where to look, the protocol's run with our times, and our design are
simulated, read and fitted alike. A row for each laboratory: the median ratio of the posterior variance of the target
under ours to that under each of the others, the ratio of the mean squared errors, and the rules that ours broke,
counted by code that the design does not use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from evals.virtual_lab import column, fields, flash
from evals.virtual_lab.laboratory import Laboratory, broken
from evals.virtual_lab.trial import carry_out, learn, truths

VERSION = 1
MINUTES = 8.0
TRUTHS = {"column": 200, "flash": 200, "convection": 60, "gray_scott": 60}
LABORATORIES: dict[str, Callable[[int, int], list[Laboratory]]] = {
    "column": column.laboratories,
    "flash": flash.laboratories,
    "convection": fields.convection,
    "gray_scott": fields.gray_scott,
}
EACH = 20  # truths a laboratory
WANTED = 0.5
OTHERS = ("protocol", "informed", "retimed")


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    counts: Mapping[str, int] | None = None,
    each: int = EACH,
) -> dict[str, Any]:
    """Let the designs compete on `counts` hidden truths of each experiment, `each` of them in one laboratory."""
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    ratios: dict[str, dict[str, list[Tensor]]] = {}
    for name, count in (counts or TRUTHS).items():
        ratios[name] = {}
        for number, laboratory in enumerate(LABORATORIES[name](-(-count // each), seed)):
            if progress is not None:
                progress(f"virtual laboratory: {name}, {laboratory.title}")
            row, found = compete(laboratory, min(each, count - number * each), 1000 * seed + number)
            rows.append({"experiment": name, **row})
            for other, ratio in found.items():
                ratios[name].setdefault(other, []).append(ratio)
    return {
        "suite": "virtual_lab",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows, {name: {o: torch.cat(r) for o, r in each.items()} for name, each in ratios.items()}),
        "seconds": time.perf_counter() - started,
    }


def compete(laboratory: Laboratory, count: int, seed: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a laboratory's row, and ours over theirs of the target's variance for every truth, (count,) by design."""
    began = time.perf_counter()
    plans = laboratory.plans()
    planning = time.perf_counter() - began
    generator = torch.Generator().manual_seed(seed)
    u = truths(laboratory, count, generator)
    learnt = {}
    for name, plan in plans.items():
        reading = carry_out(laboratory, plan, u, torch.Generator().manual_seed(seed + 1))
        learnt[name] = learn(laboratory, plan, reading, u)
    variance, error = learnt["ours"]
    found = {other: variance / learnt[other][0] for other in OTHERS if other in plans}
    row: dict[str, Any] = {"laboratory": laboratory.title, "target": laboratory.target, "n": count}
    row |= {f"ratio_{other}": _median(ratio) for other, ratio in found.items()}
    squared = float(error.square().nanmean())
    row |= {f"error_ratio_{other}": squared / float(learnt[other][1].square().nanmean()) for other in found}
    wrong = {name: broken(laboratory.rules, plan) for name, plan in plans.items()}
    row |= {
        "deviation": float(variance.nanmedian().sqrt()),
        "failed": int(sum(torch.isnan(v).sum() for v, _ in learnt.values())),
        "violations": sum(len(wrong[name]) for name in ("ours", "retimed") if name in wrong),
        "broken": [f"{name}: {rule}" for name, rules in wrong.items() for rule in rules],
        "planning_seconds": planning,
    }
    return row, found


def summary(rows: Sequence[Mapping[str, Any]], ratios: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """Return, for every experiment, the quartiles of the ratios over all truths, and the violations."""
    told: dict[str, Any] = {}
    for name, by_other in ratios.items():
        mine = [row for row in rows if row["experiment"] == name]
        known = by_other["protocol"][~by_other["protocol"].isnan()]
        told[name] = {
            "truths": sum(row["n"] for row in mine),
            "median_ratio": {other: _median(ratio) for other, ratio in by_other.items()},
            "quartiles_protocol": torch.quantile(known, torch.tensor([0.25, 0.75], dtype=torch.float64)).tolist(),
            "worst_laboratory": max(row["ratio_protocol"] for row in mine),
            "at_most_half": _median(by_other["protocol"]) <= WANTED,
            "error_ratio_protocol": _median(torch.tensor([row["error_ratio_protocol"] for row in mine])),
            "failed_fits": sum(row["failed"] for row in mine),
            "violations": sum(row["violations"] for row in mine),
        }
    return told


def _median(values: Tensor) -> float:
    return float(values.double().nanmedian())
