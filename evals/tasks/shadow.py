"""What would our times have told in runs that were made? Replanned from what was known then, at the same cost.

Every past run is planned anew, with the same settings, as many readings, none later than the last that was taken and
none closer to each other than a quarter of the least distance that was kept. It is planned as often as something was
known: from the experiment's declared priors alone; of a column, from the time at which its readings were centred,
since whoever chose them expected the front there; and from the run before it, whose scatter from bed to bed is allowed
for. The times that come out and those that were used are then compared at the parameters that the run itself gave: the
expected relative half-width of the target's interval.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent.settings import Settings
from evals.tasks.next_run import data_folder
from evals.virtual_lab.past import Past, from_files, from_records
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.sensitivity import sensitivities
from physics.design.belief import Belief
from physics.design.candidate import Limits
from physics.design.information import Noise, fisher, relative_deviation
from physics.design.optimise import optimise
from physics.design.study import Study, Target
from physics.errors import ParameterError
from physics.experiment import Parameter

VERSION = 1
MINUTES = 1.0
TARGETS = ("dispersion", "diffusivity")  # what is asked for, where it was fitted; else the first parameter
SCATTER = {"velocity": 0.05, "dispersion": 0.3}  # log-standard deviation between two runs in like beds
PECLET = 50.0  # of a packed column of which nothing is known
_OTHER, _WIDE = 0.1, 1.0  # of parameters that are not named there, and where nothing is declared
_TOLERANCE = 1e-6
_CLOSER = 0.25  # of the least distance of two readings that was kept
_LEVEL, _QUANTILE = 0.95, 1.96


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    records: Path | None = None,
    files: Path | None = None,
) -> dict[str, Any]:
    """Replan the runs whose records are in `records` and those of the shared data in `files`.

    Nothing in it is random: `seed` is only recorded.
    """
    started = time.perf_counter()
    folder = data_folder() / "column" if files is None else files
    pasts = from_files(folder)
    known = {past.name for past in pasts}
    pasts += [
        past for past in from_records(Settings().runs_path if records is None else records) if past.name not in known
    ]
    rows = []
    for index, past in enumerate(pasts):
        if progress is not None:
            progress(f"shadow mode: {past.name}")
        rows += [replanned(past, belief, word) for word, belief in beliefs(past, pasts[:index]).items()]
    result = {
        "suite": "shadow",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }
    if not pasts:
        result["skipped"] = f"no past run: {folder} holds no measured curve, and no calibration is recorded"
    return result


def beliefs(past: Past, earlier: Sequence[Past]) -> dict[str, Belief]:
    """Return what was known before a run: of the declared priors, and of like runs before it."""
    names = tuple(past.theta)
    found = {}
    declared = {name: _declared(past, name) for name in names}
    centre = torch.tensor([math.log(median) for median, _ in declared.values()], dtype=torch.float64)
    spread = torch.tensor([deviation for _, deviation in declared.values()], dtype=torch.float64)
    found["declared priors"] = Belief(names, centre, torch.diag(spread**2))
    if past.experiment.name == "column":
        found["own schedule"] = _expected(past, names, found["declared priors"])
    like = [one for one in earlier if one.experiment is past.experiment and tuple(one.theta) == names]
    if like:
        last = like[-1]
        between = torch.tensor([SCATTER.get(name, _OTHER) for name in names], dtype=torch.float64)
        u = torch.tensor([math.log(value) for value in last.theta.values()], dtype=torch.float64)
        found[last.name] = Belief(names, u, last.covariance + torch.diag(between**2))
    return found


def _expected(past: Past, names: tuple[str, ...], declared: Belief) -> Belief:
    """Return what the times of a column's readings say: a front in their middle, two sd within their span."""
    first, last = float(past.times[0]), float(past.times[-1])
    middle = 0.5 * (first + last)
    place = float(past.settings.get("position", past.settings["length"]))
    velocity = float(past.settings.get("retardation", 1.0)) * place / middle
    guess = {
        "velocity": (velocity, 0.25 * (last - first) / middle),
        "dispersion": (velocity * place / PECLET, _WIDE),
    }
    centre, covariance = declared.centre.clone(), declared.covariance.clone()
    for j, name in enumerate(names):
        if name in guess:
            centre[j], covariance[j, j] = math.log(guess[name][0]), guess[name][1] ** 2
    return Belief(names, centre, covariance)


def _declared(past: Past, name: str) -> tuple[float, float]:
    """Return the prior that the experiment declares: median and log-standard deviation."""
    item = past.experiment.parameter(name)
    if isinstance(item, Parameter) and item.prior is not None:
        return item.prior
    if isinstance(item, Parameter) and item.default:
        return item.default, _WIDE
    raise ParameterError(f"{past.experiment.name} says nothing of {name} beforehand")


def replanned(past: Past, belief: Belief, known: str) -> dict[str, Any]:
    """Return the row of one run, planned from one belief."""
    target = next((name for name in TARGETS if name in past.theta), next(iter(past.theta)))
    study = Study(
        experiment=past.experiment,
        settings=past.settings,
        controls={},
        belief=belief,
        noise=Noise(past.noise),
        limits=Limits(float(past.times[-1]), len(past.times), _CLOSER * float(torch.diff(past.times).min())),
        target=Target({target: 0.01}),
    )
    best = optimise(study).best
    used, ours = (precision(past, times)[target] for times in (past.times, best.times))
    return {
        "run": past.name,
        "experiment": past.experiment.name,
        "known": known,
        "target": target,
        "points": len(past.times),
        "points_replanned": len(best.times),
        "used_percent": 100 * used,
        "replanned_percent": 100 * ours,
        "variance_ratio": (ours / used) ** 2,
    }


def precision(past: Past, times: Tensor) -> dict[str, float]:
    """Return the relative half-width of each parameter's interval from readings at `times`, at what the run gave."""
    names = tuple(past.theta)
    settings = {**past.settings, **past.theta}
    fixed = fixed_of(past.experiment, settings, names)
    one = {name: torch.tensor([value], dtype=torch.float64) for name, value in {**fixed, **past.theta}.items()}
    curve, slope = sensitivities(model_of(past.experiment, settings, times, _TOLERANCE), one, names, times)
    theta = torch.tensor(list(past.theta.values()), dtype=torch.float64)
    deviation = relative_deviation(fisher(slope * theta, Noise(past.noise).deviation(curve)))[0]
    return {name: _QUANTILE * float(deviation[j]) for j, name in enumerate(names)}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ratios of the variance, ours over that of the times used, for either kind of knowledge."""
    kinds = {
        "declared priors": [row for row in rows if row["known"] == "declared priors"],
        "own schedule": [row for row in rows if row["known"] == "own schedule"],
        "a run before": [row for row in rows if row["known"] not in ("declared priors", "own schedule")],
    }
    told: dict[str, Any] = {"level": _LEVEL}
    for kind, mine in kinds.items():
        if mine:
            ratios = torch.tensor([row["variance_ratio"] for row in mine], dtype=torch.float64)
            told[kind] = {"runs": len(mine), "median_variance_ratio": float(ratios.median())}
    return told
