"""Propose a tracer test: the settings and times that reach a precision soonest, inside all limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from physics.design.candidate import Candidate
from physics.design.predict_interval import Band, draw_prior, predict_interval
from physics.design.propose import Proposal, Run, propose
from physics.design.tracer import TIME_POWERS
from physics.experiments.column import EXPERIMENT
from tools.errors import Failed
from tools.plans.column import runs
from tools.plans.column.facts import BAND_LEVEL, LEVEL, Plan, data, facts
from tools.plans.column.runs import Space
from tools.plans.column.text import outline
from tools.records import Evidence, Source
from tools.simulate import balance_checks

TOLERANCE = 1e-6
CURVE_POINTS = 81
DRAWS = 128
ROBUST = "mean"  # over the dispersivities that the prior admits; the worst of them is reported beside it


def design(
    request: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose how to run a tracer column and when to sample it; see `tools.design.design`.

    Returns the recommended run, a faster and a more precise one, the predicted curve with its interval, and the
    balance of the run that was computed.

    Raises:
        InputError: a setting or a limit is wrong; the message says which.
        Failed: no run inside the limits could be computed.
    """
    found = runs.space(request["settings"], request["bounds"])
    targets = {request["target"]: request["precision"] / 100}
    progress(0.1, f"comparing {len(found.candidates)} runs")
    broad = _propose(found, found.candidates, targets)
    progress(0.6, "settling the best of them")
    finalists = (broad.recommended, broad.fastest, broad.most_precise)
    distinct = {id(run.candidate): runs.rounded(run.candidate) for run in finalists}
    proposal = _propose(found, list(distinct.values()), targets)
    progress(0.8, "running the solver")
    chosen = proposal.recommended
    shown = torch.unique(torch.cat([torch.linspace(0, chosen.duration, CURVE_POINTS).double(), chosen.times]))
    band = _band(found, chosen, shown)
    solution = EXPERIMENT.simulate(
        solver_settings(found, chosen), shown, tolerance=TOLERANCE * tolerance_factor, device=device
    )
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    plan = Plan(found, proposal, band, solution)
    entered = facts(plan, Source(tool="design", run=run, inputs=dict(request["settings"])))
    told = data(plan, request["target"], request["settings"])
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(entered),
        checks=tuple(balance_checks(solution)),
        outline=outline({fact.id: fact for fact in entered}, told, request),
        data=told,
    )


def _propose(found: Space, candidates: list[Candidate], targets: Mapping[str, float]) -> Proposal:
    return propose(
        found.models,
        candidates,
        found.limits,
        targets,
        found.noise,
        time_powers=TIME_POWERS,
        level=LEVEL,
        robust=ROBUST,
        prior_level=runs.PRIOR_LEVEL,
    )


def _band(found: Space, chosen: Run, times: torch.Tensor) -> Band:
    """Return the predicted curve with the interval that the prior leaves."""
    draws = draw_prior(chosen.candidate.unknown, DRAWS)
    known = {name: torch.full((DRAWS,), value, dtype=torch.float64) for name, value in chosen.candidate.known.items()}
    return predict_interval(found.bands[chosen.candidate.model], {**known, **draws}, times, level=BAND_LEVEL)


def solver_settings(found: Space, chosen: Run) -> dict[str, Any]:
    """Return the SI settings of the recommended run, the unknowns at their medians."""
    medians = {name: prior.median for name, prior in chosen.candidate.unknown.items()}
    apparatus = {name: value for name, value in found.base.items() if name not in ("diameter", "porosity")}
    return {**apparatus, **chosen.candidate.known, **medians, "input": chosen.candidate.model}
