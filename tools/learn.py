"""What measured curves say, for the plan of the next run: parameters with intervals, scatter, and whether they agree.

Every curve is fitted alone, and those that agree are joined (`tools.learning.joined`). Where they do not, the plan
stands on the last curve handed over, with those that agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from physics import units
from physics.experiment import Experiment, Parameter
from tools.calibrate import calibrate
from tools.errors import Failed
from tools.experiments import find
from tools.learning.joined import Fitted, agreeing
from tools.learning.told import LEVEL, Told
from tools.plans import past, planning
from tools.records import Check, Curve, Evidence

MISFIT = 0.1  # root mean square of the residuals over the span of the curve: more is another experiment's curve


def learn(
    experiment: str,
    curves: Sequence[Curve],
    target: str | None,
    *,
    run: str | None = None,
    device: str = "cpu",
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Say what measured curves tell of an experiment's parameters, for the plan of the next run.

    Each curve comes with the settings under which it was measured. Returns the parameters with their intervals, the
    scatter of the readings, whether the curves agree, and the balances of the fitted runs.

    Raises:
        Retry: a file or a setting is wrong; the message says which.
        Failed: a fit did not converge, or the curves do not determine what is asked for.
    """
    start = perf_counter()
    declared, after = find(experiment), planning(experiment).after().measured
    names = after.fit if after is not None else ()
    fits = []
    for index, curve in enumerate(curves):
        if progress is not None:
            progress(index / len(curves), f"fitting {curve.name}")
        fits.append(_fit(declared, curve, names, target, run, device))
    used = agreeing(fits)
    told = Told(declared, names, fits, used, run)
    limits = past(experiment).limits(told.past())
    assumed = [{"bound": row["name"], "sentence": row["sentence"]} for row in limits]
    return Evidence(
        tool="calibrate",
        run=run,
        facts=(*told.facts(), *(told.limit(row) for row in limits)),
        checks=tuple(told.checks()),
        data={
            "past": told.past(),
            "calibration": told.shown(),
            "bounds": [
                {key: row[key] for key in row if key != "sentence"} | {"source": "the run before"} for row in limits
            ],
            "assumed": [*assumed, *({"bound": "", "sentence": sentence} for sentence in told.said())],
        },
        seconds={"fit": perf_counter() - start},
    )


def _fit(
    declared: Experiment, curve: Curve, names: Sequence[str], target: str | None, run: str | None, device: str
) -> Fitted:
    settings = past(declared.name).fit_settings(curve)
    found = calibrate(declared.name, Path(curve.path), settings, list(names), level=LEVEL, run=run, device=device)
    result = found.data
    if result["status"] != "converged":
        raise Failed(f"the fit of {curve.name} does not stand: {result['message']}")
    rows = {row["name"]: row for row in result["parameters"]}
    lost = [name for name in names if rows[name]["std"] is None or not rows[name]["value"] > 0]
    if lost:
        why = " ".join(result["warnings"])
        raise Failed(f"{curve.name} does not determine {' and '.join(lost)}: {why}".strip())
    span = max(result["curve"]["measured"]) - min(result["curve"]["measured"])
    if not result["n"] > len(names) or not span > 0:
        raise Failed(f"{curve.name}: {result['n']} points with a span of {span:g} cannot give {', '.join(names)}")
    deviation = np.array([rows[name]["std"] / rows[name]["value"] for name in names])
    correlation = np.array(result["correlation"], dtype=float)
    u = np.log([_si(declared, rows[name]) for name in names])
    covariance = correlation * deviation[:, None] * deviation[None, :]
    misfit = Check(
        name=f"fit of {curve.name}: residuals over the span of the curve",
        kind="constraint",
        status="pass" if result["rmse"] <= MISFIT * span else "fail",
        value=result["rmse"] / span,
        limit=MISFIT,
        detail="a larger misfit is that of another experiment, another unit or another model",
    )
    kept = [check for check in found.checks if check.status != "not applicable"]
    renamed = [check.model_copy(update={"name": f"fit of {curve.name}: {check.name}"}) for check in kept]
    return Fitted(curve, settings, u, covariance, result, (*renamed, misfit))


def _si(declared: Experiment, row: dict[str, Any]) -> float:
    parameter = declared.parameter(row["name"])
    return units.convert(row["value"], row["unit"], parameter.unit if isinstance(parameter, Parameter) else "")
