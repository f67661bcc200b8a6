"""Runs that were made: what was measured when, with which settings, and what came out.

From the records that `labwright calibrate` keeps, and from the measured curves of the shared data. A record that is not
of one converged fit, or that cannot be read, is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agent.runs import RunRecord, RunStore
from physics import units
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.guess import guess
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import solve
from physics.data import read_measurement
from physics.errors import DataError, InputError
from physics.experiment import Experiment
from physics.experiments import get

_TOLERANCE = 1e-6
DEPTHS = {"sand_step_11cm.csv": "11 cm", "sand_step_17cm.csv": "17 cm"}


@dataclass(frozen=True)
class Past:
    """One run, SI: `theta` is what was found, with the covariance of its logarithms, (P, P); times have shape (n,)."""

    name: str
    experiment: Experiment
    settings: Mapping[str, Any]
    theta: Mapping[str, float]
    covariance: Tensor
    times: Tensor
    noise: float


def from_files(folder: Path) -> list[Past]:
    """Return the tracer tests of the shared data that are there, in the order of their depth."""
    found = []
    for name, depth in DEPTHS.items():
        if not (folder / name).is_file():
            continue
        column = get("column")
        words = {"length": depth, "position": depth, "outlet": "semi-infinite"}
        settings = {key: column.parameter(key).read(text) for key, text in words.items()}
        curve = read_measurement(folder / name, value="relative_concentration")
        times, values = torch.as_tensor(curve.time), torch.as_tensor(curve.value)
        found.append(_fitted(name, column, settings, ("velocity", "dispersion"), times, values))
    return found


def from_records(folder: Path) -> list[Past]:
    """Return the calibrations that were recorded, the first of each data file, in the order of time."""
    found: dict[str, Past] = {}
    for record in sorted(RunStore(folder).all(), key=lambda one: one.started):
        if record.kind != "calibrate":
            continue
        try:
            past = _of_record(record)
        except (InputError, KeyError, TypeError, ValueError, AttributeError):
            continue
        found.setdefault(past.name, past)
    return list(found.values())


def _of_record(record: RunRecord) -> Past:
    told, result = record.inputs, record.result
    if result["status"] != "converged" or not isinstance(told["data"], str):
        raise DataError(f"{record.id}: not one converged fit")
    experiment = get(told["experiment"])
    settings = {name: experiment.parameter(name).read(text) for name, text in told["settings"].items()}
    curve = result["curve"]
    times = torch.tensor([units.convert(t, curve["time_unit"], "s") for t in curve["time"]], dtype=torch.float64)
    values = torch.tensor(curve["measured"], dtype=torch.float64)
    return _fitted(Path(told["data"]).name, experiment, settings, tuple(told["fit"]), times, values)


def _fitted(
    name: str, experiment: Experiment, settings: dict[str, Any], names: tuple[str, ...], times: Tensor, values: Tensor
) -> Past:
    """Fit a curve again, so that the covariance is that of the model as it is now.

    Raises:
        InputError: nothing tells where to begin.
    """
    known = {key: value for key, value in settings.items() if key not in names}
    start = guess(experiment, known, names, times, values)
    if experiment.start is not None:
        start |= {key: value for key, value in experiment.start(times, values, known).items() if key in names}
    model = model_of(experiment, {**known, **start}, times, _TOLERANCE)
    data = DataSet(name, times, values, model, fixed_of(experiment, {**known, **start}, names))
    fit = solve(Problem((data,), tuple(Free(key, start[key]) for key in names)), checks=False).fit
    if not fit.status.ok:
        raise DataError(f"{name}: {fit.message}")
    theta = {key: estimate.value for key, estimate in fit.parameters.items()}
    return Past(name, experiment, known, theta, fit.u_covariance, times, fit.rmse)
