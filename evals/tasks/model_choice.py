"""Does the test between nested models err as often as it promises, and does it see what is there?

A column is fitted with the equilibrium and with the two-region model, a flash without and with heat loss, and the two
are compared (`physics.calibrate.selection`). While the restricted model is true it must be rejected in a share alpha
of the cases (type I); how often a false one is rejected is the power. One row for each truth: the rejections with
their binomial error, at two noises; and how often AICc and BIC would have chosen the full model.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.fit import Fit, fit_batch
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.selection import ALPHA, Comparison, compare
from physics.calibrate.sensitivity import Model
from physics.calibrate.solve import solve
from physics.experiments import get

VERSION = 1
MINUTES = 12.0
TRUE, FALSE = 500, 60  # data sets where the restricted model is true, and where it is not
_TOLERANCE = 1e-6
_BATCH = 250
_ITERATIONS = 25  # of the full fits; where the restricted model is true most have no end, and the test needs none
_LEAST = 1e-12  # what a parameter that ended at zero is taken to be


@dataclass(frozen=True)
class Question:
    """Two nested models of an experiment.

    Attributes:
        name: as it is asked for.
        settings: of the restricted model, SI. more: where the fit of the full one begins.
        start: of what both fit; upper: bounds of the further parameters.
        times: of the readings, s.
        truths: what the further parameters really are, by a word; empty where the restricted model is true.
    """

    name: str
    experiment: str
    settings: Mapping[str, Any]
    start: Mapping[str, float]
    more: Mapping[str, float]
    upper: Mapping[str, float]
    times: Tensor
    noises: tuple[float, ...]
    truths: Mapping[str, Mapping[str, float]]


_VOLUME = 0.2 / 5e-6  # s, of the column below
_HALF = 0.1388 * 2e-3**2 / 4e-6
QUESTIONS = {
    "equilibrium or two-region": Question(
        name="equilibrium or two-region",
        experiment="column",
        settings={"length": 0.2, "velocity": 5e-6, "dispersion": 2e-8, "reading": "flux"},
        start={"velocity": 5e-6, "dispersion": 2e-8},
        more={"mobile_fraction": 0.8, "exchange": 1.0},
        upper={"mobile_fraction": 1.0, "exchange": 1e6},
        times=torch.linspace(0.1, 4.0, 40, dtype=torch.float64) * _VOLUME,
        noises=(0.01, 0.003),
        truths={
            "equilibrium": {},
            "a tenth at rest": {"mobile_fraction": 0.9, "exchange": 0.5},
            "three tenths at rest": {"mobile_fraction": 0.7, "exchange": 0.5},
            "half at rest": {"mobile_fraction": 0.5, "exchange": 0.3},
        },
    ),
    "without or with loss": Question(
        name="without or with loss",
        experiment="flash",
        settings={"thickness": 2e-3, "diffusivity": 4e-6, "pulse": "square", "pulse_width": 0.02 * _HALF},
        start={"diffusivity": 4e-6, "amplitude": 1.0},
        more={"biot": 0.01},
        upper={"biot": 10.0},
        times=torch.linspace(0.05, 10.0, 120, dtype=torch.float64) * _HALF,
        noises=(0.01, 0.003),
        truths={"without": {}, "biot 0.002": {"biot": 0.002}, "biot 0.01": {"biot": 0.01}},
    ),
}


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    questions: Sequence[str] = tuple(QUESTIONS),
    true: int = TRUE,
    false: int = FALSE,
) -> dict[str, Any]:
    """Ask every question of `true` data sets where the restricted model holds, and of `false` where another does."""
    started = time.perf_counter()
    rows = []
    for name in questions:
        question = QUESTIONS[name]
        for noise in question.noises:
            for word, truth in question.truths.items():
                count = false if truth else true
                if progress is not None:
                    progress(f"model choice: {name}, {word}, noise {noise:g}, {count} data sets")
                found = decide(question, _read(question, truth, noise, count, seed), progress)
                rows.append(_row(name, word, noise, found, holds=not truth))
    return {
        "suite": "model_choice",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def _read(question: Question, truth: Mapping[str, float], noise: float, count: int, seed: int) -> Tensor:
    """Noisy curves of one truth, (count, n)."""
    settings = {**question.settings, **truth}
    experiment = get(question.experiment)
    given = {**fixed_of(experiment, settings, ()), **{n: v for n, v in question.start.items() if n not in settings}}
    with torch.no_grad():
        model = model_of(experiment, settings, question.times, 0.1 * _TOLERANCE)
        columns = {name: torch.tensor([value], dtype=torch.float64) for name, value in given.items()}
        curve = model(columns, question.times)
    generator = torch.Generator().manual_seed(seed)
    return curve + noise * torch.randn(count, len(question.times), generator=generator, dtype=torch.float64)


def decide(question: Question, curves: Tensor, progress: Callable[[str], None] | None = None) -> list[Comparison]:
    """Fit both models to every curve, (count, n), and compare them.

    The full fits are made in batches; what `solve` would find from there is not searched for again.
    """
    found: list[Comparison] = []
    names = tuple(question.start)
    for part in curves.split(_BATCH):
        restricted = [solve(_problem(question, values, {}, question.start), checks=False) for values in part]
        start = {n: torch.tensor([one.fit.parameters[n].value for one in restricted]) for n in names}
        fits = _full(question, part, start)
        for values, one, fit in zip(part, restricted, fits, strict=True):
            place = {name: max(estimate.value, _LEAST) for name, estimate in fit.parameters.items()}
            full = solve(_problem(question, values, question.more, place), checks=False, iterations=0)
            found.append(compare(one, full, seed=len(found)))
        if progress is not None:
            progress(f"model choice: {len(found)} of {len(curves)} data sets")
    return found


def _full(question: Question, curves: Tensor, start: Mapping[str, Tensor]) -> Sequence[Fit]:
    one = _problem(question, curves[0], question.more, {**question.start, **question.more}).sets[0]
    return fit_batch(
        one.model,
        question.times,
        curves,
        {**start, **question.more},
        bounds={name: (0.0, most) for name, most in question.upper.items()},
        fixed=one.fixed,
        iterations=_ITERATIONS,
    )


def _problem(question: Question, values: Tensor, more: Mapping[str, float], start: Mapping[str, float]) -> Problem:
    experiment = get(question.experiment)
    settings = {**question.settings, **more}
    data = DataSet(
        "curve",
        question.times,
        values,
        _built(question.name, tuple(more.items())),
        fixed_of(experiment, settings, tuple(start)),
    )
    return Problem((data,), tuple(Free(n, v, upper=question.upper.get(n, math.inf)) for n, v in start.items()))


@cache
def _built(name: str, more: tuple[tuple[str, float], ...]) -> Model:
    question = QUESTIONS[name]
    return model_of(get(question.experiment), {**question.settings, **dict(more)}, question.times, _TOLERANCE)


def _row(name: str, word: str, noise: float, found: Sequence[Comparison], *, holds: bool) -> dict[str, Any]:
    count = len(found)
    rejected = sum(one.p < ALPHA for one in found) / count
    expected = ALPHA if holds else rejected
    return {
        "question": name,
        "truth": word,
        "noise": noise,
        "n": count,
        "rejected": rejected,
        "error": math.sqrt(max(expected * (1 - expected), 1 / count) / count),
        "promised": ALPHA if holds else None,
        "rejected_at_10_percent": sum(one.p < 0.1 for one in found) / count,
        "aicc_chooses_full": sum(one.aicc[1] < one.aicc[0] for one in found) / count,
        "bic_chooses_full": sum(one.bic[1] < one.bic[0] for one in found) / count,
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the type I errors beside what was promised, and the power."""
    held = [row for row in rows if row["promised"] is not None]
    off = [row for row in held if abs(row["rejected"] - row["promised"]) > 2 * row["error"]]
    return {
        "alpha": ALPHA,
        "type_i": {f"{row['question']}, noise {row['noise']:g}": row["rejected"] for row in held},
        "kept_within_two_errors": not off,
        "power": {
            f"{row['question']}, {row['truth']}, noise {row['noise']:g}": row["rejected"]
            for row in rows
            if row["promised"] is None
        },
    }
