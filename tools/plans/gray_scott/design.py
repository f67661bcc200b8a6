"""Propose the feed and kill rates that separate two patterns, and how long to run each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from physics.equations.gray_scott.map import CELLS, SIDE, Point
from physics.errors import ParameterError
from physics.experiments.gray_scott import EXPERIMENT
from physics.solution import Solution
from tools.errors import Failed
from tools.plans.gray_scott.boundary import DURATION, FINEST, Boundary, ends, find_boundary
from tools.plans.gray_scott.text import outline
from tools.plans.numbers import Facts, bounds_on, digits, limit_checks, number, upwards
from tools.records import Check, Evidence, Fact
from tools.simulate import balance_checks

FEEDS = (0.030, 0.036, 0.042)
PAIR = ("worms", "spots")
PARTNER = {"spots": "worms", "worms": "spots", "maze": "worms"}  # whose boundary is meant where one is named
OFF = 0.0012  # kill rate by which the runs that are proposed stand off the boundary
MARGIN = 1.25  # on the time at which a run had settled
TOLERANCE = 1e-4  # of the mean of the autocatalyst
COARSER = 2.0  # the steps of the run whose wavelengths tell the numerical error, over those of the other
TIMES = 121


def design(
    request: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose where to look for the boundary of two patterns; see `tools.design.design`.

    The boundary is scanned on small squares; one run on either side of it is then made again to a tolerance, and its
    pattern must be the one that is promised.

    Raises:
        InputError: the patterns have no boundary, or a setting cannot be used.
        Failed: a run gave no usable result.
    """
    pair = _pair([name for name in request.get("choices", {}) if name != "reactor"])
    _check_rates(request)
    feeds = [_feed(request)] if "feed" in request["settings"] else FEEDS
    boundary = find_boundary(pair, feeds, progress)
    progress(0.8, "running one square on either side")
    sides = _sides(boundary)
    longest = bounds_on(request["bounds"], "duration", "")[1]
    run_time = _run_times(boundary)
    solution = _simulate(sides, max(run_time.values()), TOLERANCE * tolerance_factor, device)
    rough = _simulate(sides, max(run_time.values()), TOLERANCE, device, COARSER * float(solution.extra["step"]))
    facts = _facts(Facts(run, request["settings"]), boundary, sides, run_time, solution, rough)
    found = {fact.id: fact for fact in facts}
    schedule = [f"run_{name}" for name in (boundary.first, boundary.second)]
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(facts),
        checks=(
            *balance_checks(solution, (0, 1)),
            *limit_checks(EXPERIMENT, EXPERIMENT.read(_settings(sides[0]))),
            _named_alike(boundary, solution),
        ),
        outline=outline(boundary.first, boundary.second, len(boundary.crossings)),
        data={
            "settings": _settings(sides[1]),
            "shown_settings": [
                {"name": f"{name} of {pattern}", "value": value, "unit": ""}
                for pattern, side in zip((boundary.first, boundary.second), sides, strict=True)
                for name, value in (("feed", side[0]), ("kill", side[1]))
            ],
            "variant": "boundary",
            "predictions": [f"wavelength_{name}" for name in (boundary.first, boundary.second)],
            "schedule": schedule,
            "predicted_at": {},
            "alternatives": [],
            "curve": _curve(solution),
            "need": _need(found, schedule, longest),
        },
    )


def _pair(named: Sequence[str]) -> Sequence[str]:
    """Return the two patterns whose boundary is meant.

    Raises:
        ParameterError: more than two are named, or one that has no neighbour here.
    """
    if len(named) > 2 or (len(named) == 1 and named[0] not in PARTNER):
        raise ParameterError(
            f"gray_scott: {', '.join(named)} {'are' if len(named) > 1 else 'is'} named; a plan is made for the "
            "boundary of two patterns, spots and worms or worms and maze"
        )
    if len(named) == 1:
        return named[0], PARTNER[named[0]]
    return named or PAIR


def _check_rates(request: Mapping[str, Any]) -> None:
    """Refuse what the scan, which runs along the kill rate at given feed rates, cannot answer.

    Raises:
        ParameterError: the kill rate is given, or a finer boundary is wanted than the scan shows.
    """
    if "kill" in request["settings"]:
        raise ParameterError(
            "gray_scott: the kill rate of the boundary is what the plan finds, at feed rates that are given; "
            "leave the kill rate out, or ask for a simulation at both rates"
        )
    kill = ends(_feed(request)) if "feed" in request["settings"] else min(ends(feed) for feed in FEEDS)
    finest = upwards(100 * FINEST / kill) if kill > 0 else 0.0
    if request["precision"] < finest:
        raise ParameterError(
            f"gray_scott: the scan brackets the boundary within {finest:g} % of the kill rate, and "
            f"{request['precision']:g} % was asked for; ask for {finest:g} % or more"
        )


def _feed(request: Mapping[str, Any]) -> float:
    return number(request["settings"], "feed", "")


def _sides(boundary: Boundary) -> list[tuple[float, float]]:
    """Return the rates (feed, kill) of a run well inside either pattern, at the middle feed rate."""
    middle = boundary.crossings[len(boundary.crossings) // 2]
    return [(middle.feed, round(middle.kill - OFF, 5)), (middle.feed, round(middle.kill + OFF / 2, 5))]


def _settings(side: tuple[float, float]) -> dict[str, str]:
    size = SIDE * math.sqrt(1e-5)
    return {"feed": repr(side[0]), "kill": repr(side[1]), "size": repr(size), "cells": repr(CELLS)}


def _simulate(
    sides: list[tuple[float, float]], duration: float, tolerance: float, device: str, step: float | None = None
) -> Solution:
    read = [EXPERIMENT.read({**_settings(side), "duration": repr(duration)}) for side in sides]
    both = {**read[0], **{key: torch.tensor([one[key] for one in read]) for key in ("feed", "kill")}}
    times = torch.linspace(0.0, duration, TIMES, dtype=torch.float64)
    solution = EXPERIMENT.simulate(both, times, tolerance=tolerance, device=device, step=step)
    if not solution.status.ok and solution.status.name != "NOT_SETTLED":
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    return solution


def _run_times(boundary: Boundary) -> dict[str, float]:
    """Return how long to run each pattern: until the slowest run of its class had settled, and a margin."""

    def rest(point: Point) -> float:
        return point.settling_time if point.settling_time is not None else DURATION

    near = [point for crossing in boundary.crossings for point in (crossing.before, crossing.after)]
    times = {}
    for pattern in (boundary.first, boundary.second):
        times[pattern] = upwards(MARGIN * max(rest(point) for point in near if point.pattern == pattern))
    return times


def _facts(
    facts: Facts,
    boundary: Boundary,
    sides: list[tuple[float, float]],
    run_time: dict[str, float],
    solution: Solution,
    rough: Solution,
) -> list[Fact]:
    for index, crossing in enumerate(boundary.crossings):
        facts.enter(f"feed_{index}", "feed rate", crossing.feed, "")
        facts.enter(
            f"last_{index}", f"highest kill rate that gave {boundary.first}", round(crossing.before.kill, 5), ""
        )
        facts.enter(f"next_{index}", f"lowest kill rate that gave {boundary.second}", round(crossing.after.kill, 5), "")
    worst = max(crossing.half_width / crossing.kill for crossing in boundary.crossings)
    facts.enter("precision_boundary", "half-width of the boundary's interval", upwards(100 * worst), "percent")
    facts.enter("squares", "number of runs", float(len(boundary.points)), "")
    lengths, before = solution.outputs["wavelength"].values, rough.outputs["wavelength"].values
    for index, (pattern, side) in enumerate(zip((boundary.first, boundary.second), sides, strict=True)):
        seen = [point.wavelength for point in boundary.of(pattern)]
        value = float(lengths[index])
        error = abs(float(before[index]) - value)
        facts.enter(f"feed_{pattern}", f"feed rate to show {pattern}", side[0], "")
        facts.enter(f"kill_{pattern}", f"kill rate to show {pattern}", side[1], "")
        facts.enter(
            f"wavelength_{pattern}", f"wavelength of {pattern}", value, "",
            lower=min(*seen, value), upper=max(*seen, value), numerical_error=error,
        )  # fmt: skip
        clear = max(point.clear_time for point in boundary.of(pattern))
        facts.enter(f"clear_{pattern}", f"time from which on {pattern} are seen", upwards(clear), "")
        facts.enter(f"run_{pattern}", f"length of a run of {pattern}", run_time[pattern], "")
    facts.enter("numerical_error", "numerical error", solution.error, "")
    facts.enter("duration", "longest run", max(run_time.values()), "")
    facts.enter("diffusion_a", "diffusivity of the fed species", 2e-5, "")
    facts.enter("diffusion_b", "diffusivity of the autocatalyst", 1e-5, "")
    facts.enter("size", "side of the square", digits(SIDE * math.sqrt(1e-5)), "")
    return facts.found


def _named_alike(boundary: Boundary, solution: Solution) -> Check:
    """Whether the runs to a tolerance show the patterns that the scan promised."""
    output = solution.outputs["pattern"]
    shown = [output.labels[int(value)] for value in output.values]
    promised = [boundary.first, boundary.second]
    wrong = sum(one != other for one, other in zip(shown, promised, strict=True))
    return Check(
        name="patterns of the finer runs",
        kind="constraint",
        status="pass" if wrong == 0 else "fail",
        value=float(wrong),
        limit=0.0,
        detail=f"promised {' and '.join(promised)}, seen {' and '.join(shown)}",
    )


def _need(facts: Mapping[str, Fact], keys: list[str], longest: float) -> str:
    needed = max(facts[key].value for key in keys)
    if needed <= longest:
        return ""
    return f"a run must last {needed:g} reaction times, longer than the {longest:g} there are"


def _curve(solution: Solution) -> dict[str, Any]:
    output = solution.outputs["mean_b"]
    return {
        "time": [] if output.time is None else output.time.tolist(),
        "time_unit": "",
        "label": "mean of the autocatalyst",
        "values": output.values[1].tolist(),
    }
