"""How often do the 90 % intervals of a calibration hold the truth, and do those that miss carry a warning?

Hidden truths are drawn, curves simulated with white noise, fitted in batches and judged as every calibration is
(`physics.calibrate.posterior`). One row for each experiment, case and parameter: the share of intervals that hold the
truth with its binomial error, the misses, and how many of all fits and of the misses carry a warning.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from evals.virtual_lab.scenes import CASES, Scene, experiments, scene
from physics.calibrate.fit import fit_batch
from physics.calibrate.posterior.batch import posteriors

VERSION = 1
MINUTES = 25.0
LEVEL = 0.9
PROMISED = (0.88, 0.92)
COUNTS = {"column": 2000, "flash": 2000, "convection": 200, "gray_scott": 200}
_BATCH = 500


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    counts: Mapping[str, int] | None = None,
    cases: Sequence[str] = CASES,
) -> dict[str, Any]:
    """Repeat every scene `counts` times; all experiments that have scenes if left out."""
    started = time.perf_counter()
    rows = []
    for name, count in (counts or {each: COUNTS[each] for each in experiments()}).items():
        for case in cases:
            if progress is not None:
                progress(f"coverage: {name}, {case}, {count} fits")
            rows += score(scene(name, case), count, seed)
    return {
        "suite": "coverage",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def score(given: Scene, count: int, seed: int) -> list[dict[str, Any]]:
    """Fit `count` simulated data sets of a scene and compare the intervals with the truths."""
    generator = torch.Generator().manual_seed(seed)
    truths = given.truths(count, generator)
    normal = torch.randn(count, len(given.times), generator=generator, dtype=torch.float64)
    told: list[bool] = []
    held: dict[str, list[bool]] = {name: [] for name in given.free}
    converged = 0
    for start in range(0, count, _BATCH):
        part = {name: value[start : start + _BATCH] for name, value in truths.items()}
        batch = len(next(iter(part.values())))
        fixed = {name: torch.full((batch,), value, dtype=torch.float64) for name, value in given.fixed.items()}
        with torch.no_grad():
            values = given.nature({**fixed, **part}, given.times)
        values = values + given.noise * normal[start : start + _BATCH]
        fits = fit_batch(
            given.model, given.times, values, given.start, bounds=given.bounds, fixed=given.fixed, level=LEVEL
        )
        judged = posteriors(
            given.model, given.times, values, fits,
            fixed=given.fixed, level=LEVEL, numerical_error=given.numerical_error,
        )  # fmt: skip
        converged += sum(fit.status.ok for fit in fits)
        told += [
            bool(one.warnings) or bool(fit.warnings) or not fit.status.ok for one, fit in zip(judged, fits, strict=True)
        ]
        for name in given.free:
            held[name] += [
                one.intervals[name].lower <= float(true) <= one.intervals[name].upper
                for one, true in zip(judged, part[name], strict=True)
            ]
    return [_row(given, name, held[name], told, converged) for name in given.free]


def _row(given: Scene, name: str, held: Sequence[bool], told: Sequence[bool], converged: int) -> dict[str, Any]:
    count, inside = len(held), sum(held)
    share = inside / count
    quiet = [h for h, t in zip(held, told, strict=True) if not t]
    missed = [t for h, t in zip(held, told, strict=True) if not h]
    return {
        "experiment": given.experiment,
        "case": given.case,
        "parameter": name,
        "n": count,
        "covered": share,
        "error": _error(count),
        "within": _kept(share, count),
        "warned": sum(told) / count,
        "misses": len(missed),
        "misses_warned": sum(missed),
        "covered_unwarned": sum(quiet) / len(quiet) if quiet else None,
        "unwarned": len(quiet),
        "converged": converged / count,
    }


def _error(count: int) -> float:
    return math.sqrt(LEVEL * (1 - LEVEL) / count)


def _kept(share: float, count: int) -> bool:
    """Say whether a share lies within what is promised, allowing for two binomial errors."""
    return PROMISED[0] - 2 * _error(count) <= share <= PROMISED[1] + 2 * _error(count)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return in how many rows the promise is kept, and those in which it is not and nothing is said.

    A promise is broken without a word where neither all fits nor those without a warning hold the truth as often as
    promised, within two binomial errors.
    """
    broken = []
    for row in rows:
        if row["within"] or row["unwarned"] < 0.1 * row["n"] or _kept(row["covered_unwarned"], row["unwarned"]):
            continue
        broken.append(
            f"{row['experiment']}, {row['case']}, {row['parameter']}: {100 * row['covered_unwarned']:.1f} % of "
            f"{row['unwarned']} fits without a warning"
        )
    return {
        "level": LEVEL,
        "rows": len(rows),
        "within": sum(row["within"] for row in rows),
        "least": min((row["covered"] for row in rows), default=None),
        "most": max((row["covered"] for row in rows), default=None),
        "promise_broken_without_a_word": broken,
    }
