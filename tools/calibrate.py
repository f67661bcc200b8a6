"""Fit parameters of an experiment to measured curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics.calibrate.posterior import Posterior
from physics.errors import InputError
from physics.solution import Solution
from tools.calibration.agree import agreement
from tools.calibration.compare import comparison
from tools.calibration.options import Options
from tools.calibration.predict import prediction, reach
from tools.calibration.problem import Settled, Task, free_names, read_task, settle
from tools.calibration.rows import curve_rows, facts, outlier_rows, parameter_rows, set_rows
from tools.calibration.words import judged, posterior_row, strange
from tools.errors import Retry
from tools.experiments import find
from tools.read_data import of_one_length, read_data
from tools.records import Check, Evidence
from tools.simulate import balances, checks

__all__ = ["Options", "calibrate"]

PLAIN = Options()


def calibrate(
    experiment: str,
    data: Path | Sequence[Path],
    settings: Mapping[str, str],
    names: Sequence[str],
    *,
    options: Options = PLAIN,
    level: float = 0.95,
    run: str | None = None,
    device: str = "cpu",
) -> Evidence:
    """Estimate parameters from one or several measured curves, with intervals and what is not determined.

    Give what is known in `settings` and what is to be found in `names`; a value set for a parameter that is to be
    found is where the search starts. Where there are several files, a setting may list one value for each, separated
    by commas, or be addressed to a file ("a.csv:length"); parameters are shared by the files unless `options` makes
    them separate. `options` also takes the noise, outliers, what the instrument adds, bounds and priors, a richer
    model to compare with, and a run to predict.

    Raises:
        Retry: a file, a name or a value is wrong; the message says where and how to mend it.
    """
    start = perf_counter()
    declared = find(experiment)
    paths = [data] if isinstance(data, str | Path) else list(data)
    try:
        free = free_names(declared, names)
        raw = bool({"gain", "baseline"} & set(options.nuisance))
        files = read_data(declared, paths, settings, free=free, raw=raw)
        if "exchange" in free:
            files = of_one_length(files, reach(declared, options))
        task = read_task(declared, files, free, options, settings)
        found = settle(task, level)
        solved, fitted = found.solved, perf_counter()
        settled = [declared.complete(given) for given in found.here]
        runs = [
            declared.simulate(given, torch.as_tensor(file.seconds), device=device)
            for given, file in zip(settled, files, strict=True)
        ]
        agree = agreement(task, solved)
        broken = any(check.status == "fail" for check in agree.checks)
        known, sure = judged(task, found, level, check=not broken)
        data_told = _told(task, found, known, settings, runs)
        predicted = prediction(task, known, level, device) if options.predicts else None
        compared = None
        if options.compare is not None:
            unit = runs[0].outputs[declared.curve.name].unit
            compared = comparison(task, options.compare, level, settings, unit)
    except InputError as error:
        raise Retry(str(error)) from error
    checked = [*_checks(task, settled, runs), *agree.checks]
    if agree.row is not None:
        data_told["agreement"] = agree.row
    if compared is not None:
        data_told["comparison"] = compared
    if predicted is not None:
        data_told["prediction"] = predicted
    noted = [] if predicted is None else predicted.pop("notes")
    data_told["warnings"] += [*sure, *noted]
    return Evidence(
        tool="calibrate",
        run=run,
        facts=tuple(facts(data_told["parameters"], run, files, settings)),
        checks=tuple(checked),
        data=data_told | {"checks": [check.model_dump() for check in checked]},
        seconds={"fit": fitted - start, "solver": perf_counter() - start},
    )


def _told(
    task: Task, found: Settled, known: Posterior | None, settings: Mapping[str, str], runs: Sequence[Solution]
) -> dict[str, Any]:
    """Return the fit as the contract has it; a single file stands as a curve of its own."""
    solved, fit = found.solved, found.solved.fit
    outputs = [run.outputs[task.declared.curve.name] for run in runs]
    unit = outputs[0].unit
    intervals = {} if known is None else {name: (one.lower, one.upper) for name, one in known.intervals.items()}
    rows = parameter_rows(task, solved, intervals, settings, unit)
    sure = None if known is None else posterior_row(known, rows, task, unit)
    curves = curve_rows(task, solved, outputs)
    single = len(task.files) == 1
    notes = [note for file in task.files for note in file.notes]
    told = {
        "status": fit.status.name.lower(),
        "message": fit.message,
        "parameters": rows,
        "correlation": fit.correlation.tolist(),
        "sse": fit.sse,
        "rmse": fit.rmse,
        "n": fit.n,
        "numerical_error": found.tolerance,
        "identifiable": fit.identifiable,
        "warnings": list(dict.fromkeys([*notes, *solved.warnings, *strange(task, solved)])),
        "balances": [
            row if single else row | {"name": f"{row['name']} ({file.name})"}
            for file, run in zip(task.files, runs, strict=True)
            for row in balances(run)
        ],
        "sets": set_rows(task, solved),
        "outliers": outlier_rows(task, solved),
        "curve": {key: value for key, value in curves[0].items() if key != "name"},
        **({} if sure is None else {"posterior": sure}),
    }
    return told if single else told | {"curves": curves}


def _checks(task: Task, settled: Sequence[Mapping[str, Any]], runs: Sequence[Solution]) -> list[Check]:
    """Judge each fitted run by its balances and laws; where there are several, the names say whose they are."""
    found = []
    for file, given, run in zip(task.files, settled, runs, strict=True):
        for check in checks(task.declared, given, run):
            name = check.name if len(task.files) == 1 else f"{check.name} ({file.name})"
            found.append(check.model_copy(update={"name": name}))
    return found
