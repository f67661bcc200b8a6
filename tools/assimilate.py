"""Find the state and the parameters of a partly observed run from a few sensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics.assimilation.analysis import Agreement, Analysis, AnalysisStatus, agreement
from physics.assimilation.smoother import ensemble_smoother
from physics.assimilation.variational import four_d_var
from physics.errors import InputError
from tools.assimilation import column, convection, gray_scott
from tools.assimilation.case import DRAWS, Case, Request, request_of
from tools.assimilation.rows import (
    agreement_row,
    field_rows,
    frames_of,
    method_row,
    parameter_rows,
    sensor_rows,
    write_frames,
)
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.records import Evidence, Fact, Source
from tools.write_hdf5 import check_place

CASES: dict[str, tuple[tuple[str, ...], Callable[[Request, Path], Case]]] = {
    "convection": (convection.FREE, convection.convection_case),
    "gray_scott": (gray_scott.FREE, gray_scott.gray_scott_case),
    "column": (column.FREE, column.column_case),
}
METHODS: dict[str, Callable[..., Analysis]] = {"variational": four_d_var, "ensemble": ensemble_smoother}
_NAMES = {"variational": "4D-Var", "ensemble": "the ensemble smoother"}


def assimilate(
    experiment: str,
    data: Path,
    settings: Mapping[str, str],
    names: Sequence[str] = (),
    *,
    method: str = "both",
    priors: Sequence[str] = (),
    noise: str | None = None,
    feed: float = 0.0,
    forecast: Sequence[float] = (),
    level: float = 0.9,
    out: Path | None = None,
    run: str | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Evidence:
    """Estimate the fields that no sensor sees, and parameters, from what a few sensors read over a window of time.

    `data` is a long CSV file: `time,x,z,temperature` of a convection cell, `time,x,y,b` of a Gray-Scott square, or
    the curve at a column's outlet, which tells the profile that stood in it at time zero. Give what is known in
    `settings` and what is to be found in `names`, with a prior for each ("rayleigh=1e5 +- 30 %"). `method` is
    "variational" (4D-Var), "ensemble" (an ensemble Kalman smoother) or "both", each then a check of the other.
    `forecast` lists times after the last reading, in the file's unit.

    Raises:
        Retry: a file, a name or a value is wrong; the message says where and how to mend it.
        Failed: no method came to a finite result.
    """
    begin = perf_counter()
    tell = progress or (lambda message: None)
    declared = find(experiment)
    if declared.name not in CASES:
        raise Retry(f"{declared.name} cannot be assimilated; {', '.join(CASES)} can")
    if method != "both" and method not in METHODS:
        raise Retry(f"--method {method} is not one of variational, ensemble, both")
    if any(not later > 0 for later in forecast) or any(b <= a for a, b in pairwise(forecast)):
        raise Retry("--forecast lists times after the last reading, rising and above zero")
    if out is not None:
        check_place(out)
    can, build = CASES[declared.name]
    try:
        request = request_of(declared, settings, names, priors, noise, feed, can)
        tell(f"reading {data} and learning what such a run looks like")
        case = build(request, Path(data))
        found = []
        for name in METHODS if method == "both" else (method,):
            tell(f"{_NAMES[name]}: {len(case.places)} sensors, {len(case.times)} reads")
            found.append(METHODS[name](case.system, case.observations, level=level, seed=seed))
        lead = _lead(found)
        tell("the fields at the end")
        frames = frames_of(case, lead, forecast, _draws(lead, seed))
        checks = case.checks(lead)
    except InputError as error:
        raise Retry(str(error)) from error
    same = agreement(found[0], found[1], level) if len(found) == 2 else None
    rows = parameter_rows(case, lead)
    if out is not None:
        write_frames(out, case, frames, rows, run)
    status, message, doubts = _verdict(found, lead, same, request.free)
    told: dict[str, Any] = {
        "status": status,
        "message": message,
        "experiment": declared.name,
        "parameters": rows,
        "method": lead.method,
        "methods": [method_row(case, one) for one in found],
        "agreement": None if same is None else agreement_row(same, request.free),
        "chi_squared": {"value": lead.chi_squared, "n": lead.points},
        "noise": float(torch.as_tensor(case.observations.deviation).max()),
        "window": {"from": case.begin, "to": float(case.times[-1]), "unit": case.time_unit},
        "times": case.times.tolist(),
        "sensors": sensor_rows(case, lead),
        "fields": field_rows(case, frames),
        "checks": [check.model_dump() for check in checks],
        "words": case.words(lead),
        "warnings": list(dict.fromkeys([*case.notes, *(note for one in found for note in one.warnings), *doubts])),
        "file": None if out is None else str(out),
    }
    source = Source(tool="assimilate", run=run, inputs=dict(settings))
    facts = tuple(
        Fact(id=row["name"], name=row["name"].replace("_", " "), source=source,
             **{key: row[key] for key in ("value", "unit", "lower", "upper", "level")})
        for row in rows
    )  # fmt: skip
    seconds = {"solver": perf_counter() - begin}
    return Evidence(tool="assimilate", run=run, facts=facts, checks=tuple(checks), data=told, seconds=seconds)


def _lead(found: Sequence[Analysis]) -> Analysis:
    """Return the analysis that is told: the first that may be used, else the one that fits best."""
    finite = [one for one in found if one.status is not AnalysisStatus.DIVERGED]
    if not finite:
        raise Failed(AnalysisStatus.DIVERGED.value)
    usable = [one for one in finite if one.status.ok]
    return usable[0] if usable else min(finite, key=lambda one: one.chi_squared)


def _draws(found: Analysis, seed: int) -> torch.Tensor:
    size = len(found.z)
    random = torch.randn(DRAWS, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(found.covariance)
    return found.z + random @ (vectors * values.clamp(min=0.0).sqrt()).T


def _verdict(
    found: Sequence[Analysis], lead: Analysis, same: Agreement | None, names: Sequence[str]
) -> tuple[str, str, list[str]]:
    """Return the status of all methods together, a sentence, and what is doubtful."""
    doubts = [f"{one.method}: {one.status.value} {one.message}" for one in found if not one.status.ok]
    if not lead.status.ok:
        return lead.status.name.lower(), f"{lead.status.value} {lead.message}", []
    if same is None or len(doubts) > 0:
        return "converged", f"{lead.status.value} {lead.message}", doubts
    apart = [name for name in names if same.parameters[name] > 2.0]
    if apart:
        told = f"4D-Var and the ensemble smoother disagree on {', '.join(apart)} by more than their intervals"
        return "disagree", f"{told}: the search may have ended in another minimum; add sensors or a closer prior", []
    if not same.inside:
        doubts.append("one method's value lies outside the other's interval; the intervals are rather too narrow")
    return "converged", f"{lead.status.value} {lead.message}", doubts
