"""Predict one run: by the surrogate with its interval, or by the solver where the surrogate should not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics.errors import InputError
from physics.experiment import Experiment
from physics.solution import Cost, Output, Solution, Status
from physics.surrogate.curves import weights
from physics.surrogate.curves.choose import family_of, surrogate_of
from physics.surrogate.curves.surrogate import Prediction, Surrogate
from physics.surrogate.trust import reasons
from physics.validate import validate
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.outputs import outputs
from tools.predictions import Tally, check_asked, joined
from tools.records import Check, Evidence, Fact, Source
from tools.simulate import balances, checks, law_check, limits, read_settings, spoken_length, spoken_time
from tools.traces import embedding

LEVEL = 0.9
Ends = Mapping[str, tuple[Output, Output] | None]  # of each output, the lower and the upper end


def predict(
    experiment: str,
    settings: Mapping[str, str],
    *,
    level: float = LEVEL,
    budget: float | None = None,
    run: str | None = None,
    device: str = "auto",
    folder: Path | None = None,
    tally: Tally | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Predict what one run of an experiment would show, in milliseconds where that can be trusted.

    Give every setting as a number with its unit, as for `simulate`. The surrogate answers with an interval that holds
    the whole of each output with probability `level`. The solver answers in its place, and `reason` says why, where a
    setting lies outside what was learned, an interval is wider than `budget` (relative), an answer would break a law
    of the experiment, or the solver is as fast; its interval is its numerical error.

    Raises:
        Retry: a name, unit or value is wrong; the message says which.
        Failed: the solver ended without a usable result.
    """
    begin = perf_counter()
    declared = find(experiment)
    check_asked(level, budget)
    given, times, time_unit = read_settings(declared, settings)
    found, doubts, surrogate = _ask(experiment, given, times, level, budget, folder or weights.FOLDER)
    asked = perf_counter()
    source = "solver" if doubts or found is None else "surrogate"
    if found is None or doubts:
        solution = _solve(declared, given, times, device, progress, doubts)
        ends: Ends = {name: _ends(output) for name, output in solution.outputs.items()}
        verdicts = checks(declared, given, solution)
    else:
        solution, ends = _as_solution(found, asked - begin)
        verdicts = _judged(declared, given, found)
    _check_clock(settings, solution)
    rows = _rows(declared, solution, ends, settings, time_unit)
    seconds = {"surrogate": asked - begin, "solver": perf_counter() - asked if source == "solver" else 0.0}
    reason = joined(doubts)
    name = "" if surrogate is None else surrogate.family.name
    saved = _saved(surrogate, seconds["surrogate"]) if source == "surrogate" else 0.0
    if tally is not None:
        tally.add(experiment, name, source, [kind for kind, _ in doubts], seconds, saved, run)
    data = {
        "status": solution.status.name.lower() if source == "solver" else "predicted",
        "message": solution.message,
        "experiment": experiment,
        "outputs": rows,
        "level": level,
        "source": source,
        "reason": reason,
        "reasons": [{"kind": kind, "reason": sentence} for kind, sentence in dict.fromkeys(doubts)],
        "surrogate": name,
        "balances": balances(solution),
        "checks": [check.model_dump() for check in verdicts],
        "limits": limits(declared, given),
        "seconds_saved": saved,
    }
    looks = embedding(solution) if source == "solver" else {}
    facts = tuple(_fact(row, level, source, settings, run) for row in rows if isinstance(row.get("value"), float))
    return Evidence(
        tool="predict", run=run, facts=facts, checks=tuple(verdicts), data=data, trace=looks, seconds=seconds
    )


def _ask(
    experiment: str, given: Mapping[str, Any], times: torch.Tensor, level: float, budget: float | None, folder: Path
) -> tuple[Prediction | None, list[tuple[str, str]], Surrogate | None]:
    """Return what the surrogate would say, every reason not to, each with its kind, and the surrogate."""
    family, why = family_of(experiment, given)
    if family is None:
        return None, [("setting", why)], None
    surrogate, why = surrogate_of(family, folder)
    if surrogate is None:
        return None, [("weights", why)], None
    if slow := surrogate.slow():
        return None, [("speed", slow), *reasons(surrogate.outside(given))], surrogate
    found = surrogate.predict(given, times, level=level, budget=budget)
    return found, reasons(found.doubts), surrogate


def _solve(
    declared: Experiment,
    given: Mapping[str, Any],
    times: torch.Tensor,
    device: str,
    progress: Callable[[float, str], None] | None,
    doubts: list[tuple[str, str]],
) -> Solution:
    try:
        solution = declared.simulate(given, times, device=device, progress=progress)
    except InputError as error:
        raise Retry(str(error)) from error
    if not solution.status.ok:
        told = f"{solution.status.value} {solution.message}".strip()
        raise Failed(f"{told} Nor can the surrogate: {joined(doubts)}.")
    return solution


def _as_solution(found: Prediction, seconds: float) -> tuple[Solution, dict[str, tuple[Output, Output]]]:
    """Return the prediction in the form that outputs are written from, and the lower and upper end of each."""
    ends = {
        answer.output.name: (replace(answer.output, values=answer.lower), replace(answer.output, values=answer.upper))
        for answer in found.answers
    }
    cost = Cost(cells=0, steps=0, seconds=seconds)
    return Solution(found.outputs, [], Status.CONVERGED, "", cost, found.tolerance), ends


def _ends(output: Output) -> tuple[Output, Output] | None:
    """Return a solver's output less and plus its numerical error; None for fields and words."""
    if (output.coordinates and list(output.coordinates) != ["position"]) or output.labels:
        return None
    error = torch.zeros_like(output.values) if output.error is None else output.error.abs()
    while error.dim() < output.values.dim():
        error = error.unsqueeze(-1)
    return replace(output, values=output.values - error), replace(output, values=output.values + error)


def _judged(declared: Experiment, given: Mapping[str, Any], found: Prediction) -> list[Check]:
    """Return the verdicts of the experiment's laws on a prediction, as on a run of the solver."""
    return [law_check(each) for each in validate(declared.laws, given, found.outputs, tolerance=found.tolerance)]


def _rows(
    declared: Experiment,
    solution: Solution,
    ends: Ends,
    settings: Mapping[str, str],
    time_unit: str,
) -> list[dict[str, Any]]:
    """Write the outputs in the units that the user speaks in, each with its ends and its meaning."""
    meanings = {item.name: item.meaning for item in declared.observables}
    length, spoken = spoken_length(declared, settings), spoken_time(settings)
    rows: list[dict[str, Any]] = []
    for name, output in solution.outputs.items():
        pair = ends[name]
        shown = [output] if pair is None else [output, *pair]
        written = [
            outputs(replace(solution, outputs={name: each}), time_unit, spoken=spoken, length_unit=length)
            for each in shown
        ]
        for k, row in enumerate(written[0]):
            key = "values" if "values" in row else "value"
            bounds = {} if pair is None else {"lower": written[1][k][key], "upper": written[2][k][key]}
            rows.append(row | bounds | {"meaning": meanings.get(name, "")})
    return rows


def _check_clock(settings: Mapping[str, str], solution: Solution) -> None:
    """Raise `Retry` where `times` has a unit and the run counts a time without one: no factor stands between them."""
    bare = any(output.time is not None and not output.time_unit for output in solution.outputs.values())
    if bare and "times" in settings and (unit := spoken_time({"times": settings["times"]})):
        raise Retry(f"times is in {unit}, but this run counts time without a unit; write bare numbers")


def _saved(surrogate: Surrogate | None, taken: float) -> float:
    """Return the seconds that the solver would have taken, as measured in batches, less what was taken."""
    speed = {} if surrogate is None else surrogate.card.get("speed", {})
    return max(0.0, float(speed.get("solver_us", 0.0)) * 1e-6 - taken)


def _fact(row: Mapping[str, Any], level: float, source: str, settings: Mapping[str, str], run: str | None) -> Fact:
    known = source == "surrogate"
    return Fact(
        id=f"predicted_{row['name']}",
        name=row["name"],
        value=row["value"],
        unit=row["unit"],
        lower=row.get("lower"),
        upper=row.get("upper"),
        level=level if known else None,
        numerical_error=None if known else row.get("error"),
        source=Source(tool="predict", run=run, inputs=dict(settings)),
    )
