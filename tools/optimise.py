"""The most informative settings and times of any experiment, inside the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch

from physics.design.controls import coarse
from physics.design.habits import pace_of
from physics.design.optimise import optimise
from physics.design.responses import at_times, case_of
from physics.design.schedules import Run
from physics.design.screen import Screen
from physics.design.study import Study
from physics.design.tradeoff import cheapest, each_sample, need_of, over_time, trade_off
from physics.errors import InputError, ParameterError
from physics.solution import Solution, Status
from tools.errors import Failed, Retry
from tools.experiments import find
from tools.optimisation import rows
from tools.optimisation.past import known_of, left_by
from tools.optimisation.rivals import told_apart, wanted_rate
from tools.optimisation.study import Asked, limited_material, read_study
from tools.predictions import Tally
from tools.records import Check, Evidence, Fact, Source
from tools.simulate import balance_checks, balances, checks

_SECONDS = 20.0  # that a search may take of an experiment that is slow
_SLOW = 0.3  # seconds of one curve with its slopes, above which an experiment is slow
# A transient that is measured need not settle.
_USABLE = (Status.CONVERGED, Status.NOT_SETTLED, Status.CHAOTIC)
_FEW_SLOTS, _COARSE = 40, 1e-2  # for slow experiments
_MANY = 12  # candidates, from which on several scenarios are afforded


def optimise_run(
    experiment: str,
    settings: Mapping[str, str],
    limits: Sequence[str],
    targets: Mapping[str, str],
    *,
    noise: str | None = None,
    spreads: Mapping[str, str] | None = None,
    level: float = 0.9,
    known: Sequence[Mapping[str, Any]] = (),
    correlation: Sequence[Sequence[float]] = (),
    after: Mapping[str, Any] | None = None,
    even: bool = False,
    rivals: Sequence[str] = (),
    run: str | None = None,
    device: str = "auto",
    seed: int = 0,
    surrogate: bool = False,
    tally: Tally | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Evidence:
    """Find the settings and measurement times that tell most about the targets, inside every limit.

    Give what is fixed or expected in `settings`; ranges and bounds in `limits`, each written "velocity=1..5 cm/h",
    "duration<=8 h", "samples<=20" or "input=step,pulse"; wanted relative precision in `targets`, for example
    {"dispersion": "5%"}, or {"information": "most"} for the most information in all. `known` and `correlation` are
    the rows of a calibration, which then stand in place of priors; `after` is the whole result of one, which also
    tells the settings and the noise where none are given. With the target {"models": "5%"} the run is chosen
    that tells the experiment as it is set from its `rivals`, each "mobile_fraction=0.7, exchange=1", with so many wrong
    verdicts at most. Returns the best run, the expected precision after
    it, how it grows over time, the trade-off with time and material, and what an unreachable target would cost. With
    `surrogate` candidates that it foretells to be far behind are not solved; the run that is proposed is solved always.

    Raises:
        Retry: a name, unit, limit or target is wrong; the message says which and how to mend it.
        Failed: the solver has no usable result for the recommended run.
    """
    begin = perf_counter()
    tell = progress or (lambda share, what: None)
    declared = find(experiment)
    try:
        models = "models" in targets
        if models and len(targets) > 1:
            raise ParameterError("--target models stands alone; leave the other targets out")
        if rivals and not models:
            raise ParameterError("--rival is for --target models=5%; leave it out, or ask for that")
        past = left_by(declared, after, settings, limits) if after is not None else None
        if past is not None:
            settings, limits = {**past.settings, **settings}, [*limits, *past.limits]
        asked = read_study(
            declared, settings, limits, {"information": "most"} if models else targets,
            noise=noise, spreads=spreads, level=level, even=even, past=past,
            known=known_of(declared, known, correlation) if known else None,
        )  # fmt: skip
        asked = limited_material(asked, limits)
        if models:
            best, told = told_apart(asked, rivals, wanted_rate(targets["models"]), seed)
        else:
            screen = Screen() if surrogate else None
            asked, best, told = _searched(asked, seed, screen, tell)
            if screen is not None and tally is not None:
                _count(tally, experiment, screen, run)
        tell(0.95, "running the solver")
        solution = declared.simulate(_runnable(best), _shown_times(best), device=device)
    except InputError as error:
        raise Retry(str(error)) from error
    if solution.status not in _USABLE:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    if not solution.status.ok:
        asked = replace(asked, notes=(*asked.notes, f"{solution.status.value} {solution.message}".strip()))
    # The other laws hold of a settled run.
    laws = checks(declared, best.case.settings, solution) if solution.status.ok else balance_checks(solution)
    found = [*rows.checks(asked, best), *laws]
    told = _data(asked, best, told, found, solution)
    return Evidence(
        tool="optimise",
        run=run,
        facts=tuple(_facts(asked, best, told, run, settings)),
        checks=tuple(found),
        data=told,
        seconds={"solver": perf_counter() - begin},
    )


def _count(tally: Tally, experiment: str, screen: Screen, run: str | None) -> None:
    """Add what the surrogate spared a search, or why it did not, to the tally."""
    source = "surrogate" if screen.foretold else "solver"
    seconds = {"surrogate": screen.seconds, "solver": screen.solving}
    tally.add(experiment, screen.family, source, list(screen.doubts), seconds, screen.saved, run)


def _searched(
    asked: Asked, seed: int, screen: Screen | None, tell: Callable[[float, str], None]
) -> tuple[Asked, Run, dict[str, Any]]:
    """Find the most precise or most informative run, and tell what it is expected to bring."""
    asked, effort = _paced(asked)
    design = optimise(asked.study, seed=seed, screen=screen, progress=tell, **effort)
    study, best = asked.study, design.best
    tell(0.9, "weighing time and material")
    points = trade_off(design)
    need = (
        None
        if design.met in (None, True)
        else rows.need(asked, best, need_of(design, closer=not asked.spaced, seed=seed))
    )
    quick = cheapest(design, points) if study.target.precision else None
    gathered = over_time(study, best, each_sample(study, at_times(study, best.case, design.scenarios, best.times)))
    reason = need["text"] if need else None
    asked = replace(asked, notes=(*asked.notes, *rows.unused(asked, best)))
    return asked, best, {
        "reason": reason,
        "met": design.met,
        "need": need,
        "cheapest": None if quick is None else _alternative(asked, quick),
        "predictions": rows.predictions(asked, best),
        "trade_off": rows.trade_off(asked, points),
        "information_over_time": [{"time": rows.time(asked, at), "precision": widths} for at, widths in gathered],
        "text": _text(asked, best, quick, reason),
        "search": {} if screen is None else screen.summary(),
    }  # fmt: skip


def _paced(asked: Asked) -> tuple[Asked, dict[str, int]]:
    """Choose how many candidates to look at; where nothing is known of how slow they are, by looking at one."""
    study = asked.study
    known = pace_of(study.experiment.name, study.settings)
    if known is None and _seconds_each(study) <= _SLOW:
        return asked, {}
    study = replace(study, slots=_FEW_SLOTS, tolerance=_COARSE)
    asked = replace(asked, study=study)
    if known is not None:
        return asked, {"effort": known, "scenarios": 3 if known >= _MANY else 1, "rounds": 1}
    affordable = _SECONDS / max(_seconds_each(study), 1e-6)
    scenarios = 3 if affordable >= 12 else 1
    return asked, {"effort": max(int(affordable / scenarios / 2), 2), "scenarios": scenarios, "rounds": 1}


def _seconds_each(study: Study) -> float:
    """Seconds of one curve with its slopes, measured; the second call, since the first may compile."""
    for point in coarse(study.controls, 8):
        try:
            case = case_of(study, point, study.limits.duration)
        except InputError:
            continue
        times = torch.linspace(case.window / study.slots, case.window, study.slots, dtype=torch.float64)
        at_times(study, case, study.belief.centre[None], times[:4])
        begin = perf_counter()
        at_times(study, case, study.belief.centre[None], times)
        return perf_counter() - begin
    return 0.0  # the search says why nothing can be run


def _runnable(run: Run) -> dict[str, Any]:
    """Complete settings that the solver takes: a flow beside its velocity would be told twice."""
    full = dict(run.case.settings)
    return {name: value for name, value in full.items() if not (name == "flow" and "velocity" in full)}


def _shown_times(run: Run) -> torch.Tensor:
    """Even times: laws that look between neighbouring ones need them well apart."""
    return torch.linspace(0.0, run.duration, 121, dtype=torch.float64)


def _data(
    asked: Asked, best: Run, told: Mapping[str, Any], found: Sequence[Check], solution: Solution
) -> dict[str, Any]:
    broken = [check.name for check in found if check.status == "fail"]
    reason = f"the run breaks {', '.join(broken)}" if broken else told["reason"]
    return {
        "status": "withheld" if reason else "recommended",
        "experiment": asked.study.experiment.name,
        "settings": rows.settings(asked, best),
        "believed": rows.believed(asked, best),
        "schedule": [rows.time(asked, at) for at in best.times.tolist()],
        "samples": best.samples,
        "duration": rows.time(asked, best.duration),
        "material": rows.material(asked, best.material),
        **told,
        "reason": reason,
        "assumptions": list(asked.notes),
        "balances": balances(solution),
        "checks": [check.model_dump() for check in found],
        "curve": _curve(asked, best, solution),
    }


def _alternative(asked: Asked, run: Run) -> dict[str, Any]:
    return {
        "settings": rows.settings(asked, run),
        "schedule": [rows.time(asked, at) for at in run.times.tolist()],
        "duration": rows.time(asked, run.duration),
        "material": rows.material(asked, run.material),
        "samples": run.samples,
        "precision": dict(run.half_width),
    }


def _text(asked: Asked, best: Run, quick: Run | None, reason: str | None) -> str:
    names = tuple(asked.study.target.precision) or asked.study.belief.names
    widths = ", ".join(f"{name} within {100 * best.half_width[name]:.2g} %" for name in names)
    lasts = rows.time(asked, best.duration)
    said = f"{best.samples} samples in {rows.short(lasts)}" + f" are expected to know {widths}"
    if reason is None and quick is not None and quick.duration < 0.95 * best.duration:
        short = rows.time(asked, quick.duration)
        said += f"; the target alone is met in {rows.short(short)}"
    return said + "."


def _curve(asked: Asked, run: Run, solution: Solution) -> dict[str, Any]:
    output = solution.outputs[asked.study.experiment.curve.name]
    times = output.time if output.time is not None else run.times
    return {
        "time": [rows.time(asked, float(t))["value"] for t in times],
        "time_unit": asked.time,
        "label": output.name.replace("_", " "),
        "unit": output.unit,
        "values": output.values[0].tolist(),
    }


def _facts(
    asked: Asked, best: Run, told: Mapping[str, Any], run: str | None, settings: Mapping[str, str]
) -> list[Fact]:
    source = Source(tool="optimise", run=run, inputs=dict(settings))

    def fact(identifier: str, name: str, value: float, unit: str, **more: Any) -> Fact:
        return Fact(id=identifier, name=name, value=value, unit=unit, source=source, **more)

    found = [
        fact(row["name"], row["name"].replace("_", " "), row["value"], row["unit"])
        for row in told["settings"]
        if isinstance(row["value"], float)
    ]
    found += [
        fact(
            f"precision_{name}",
            f"expected half-width of the interval of {name}",
            100 * best.half_width[name],
            "percent",
            level=asked.study.target.level,
        )
        for name in best.half_width
        if math.isfinite(best.half_width[name])
    ]  # fmt: skip
    found += [
        fact(f"time_{k:03d}", "sampling time", row["value"], row["unit"]) for k, row in enumerate(told["schedule"])
    ]
    lasts = told["duration"]
    return [*found, fact("duration", "duration of the run", lasts["value"], lasts["unit"])]
