"""Precision against time, material and samples, and what a target would cost that the limits do not allow.

A run belongs to the trade-off if none is at least as precise and at least as cheap in everything that is counted
(Pareto). The runs of a search give points at the full time and the full number of samples; here the best of them are
scheduled anew for shorter times and for fewer samples. Where the target is out of reach, each limit is widened alone:

    noise       s / s_needed, from the information, exactly: F goes as 1 / s^2
    samples     by scheduling more of them, until it suffices or nothing more can be placed
    time        by a search with a longer limit
    material    by a search with a larger limit
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from physics.design.optimise import Design, finer, optimise, settled
from physics.design.responses import Case, Responses, respond
from physics.design.schedules import Run, half_widths, schedule
from physics.design.screen import Screen
from physics.design.study import Study
from physics.errors import InputError

_TIMES = (0.25, 0.4, 0.55, 0.7, 0.85)  # of the longest run
_LEADERS = 12  # runs that are scheduled anew
_MOST_SAMPLES = 64  # times as many as allowed
_LONGER = (2.0, 8.0, 32.0, 128.0)
_EFFORT = 40
_QUIETER = 1e4
_STALLED = 3  # larger counts in turn that place no further sample


@dataclass(frozen=True)
class Point:
    """One run on the trade-off: what it costs and the half-width that it leaves of what is asked for."""

    run: Run
    precision: float
    duration: float
    material: float
    samples: int


@dataclass(frozen=True)
class Need:
    """What would bring the target within reach, each alone, all else as it is; None where it would not help.

    Attributes:
        samples: how many; noise: of one reading, over what it is; duration: seconds; material: in its unit.
    """

    samples: int | None
    noise: float | None
    duration: float | None
    material: float | None


def precision_of(study: Study, run: Run) -> float:
    """Return the one number that the trade-off shows: the half-width of what is asked for, the worst of several."""
    names = tuple(study.target.precision) or study.belief.names
    return max(run.half_width[name] for name in names)


def trade_off(design: Design) -> list[Point]:
    """Return the runs that no other beats in time, material, samples and precision at once, by duration."""
    study = design.study
    order = sorted(range(len(design.runs)), key=lambda i: design.runs[i].score)[:_LEADERS]
    fastest = sorted(range(len(design.runs)), key=lambda i: (design.runs[i].case.window, design.runs[i].score))
    chosen = list(dict.fromkeys([*order, *fastest[:_LEADERS]]))
    cases, responses = [design.runs[i].case for i in chosen], [design.responses[i] for i in chosen]
    found: list[Run] = [design.best, *design.runs]
    longest = max(run.duration for run in design.runs)
    for share in _TIMES:
        found += _some(schedule(study, cases, responses, duration=share * longest, passes=1))
    for count in _fewer(study.limits.samples):
        found += _some(schedule(study, cases[:3], responses[:3], samples=count, passes=1))
    return front([_point(study, run) for run in found if run.samples > 0])


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other dominates, by duration; of equals the first."""
    kept: list[Point] = []
    for point in points:
        beaten = any(_beats(other, point) for other in points)
        if math.isfinite(point.precision) and not beaten and all(_costs(other) != _costs(point) for other in kept):
            kept.append(point)
    return sorted(kept, key=lambda point: (point.duration, point.material, point.samples))


def need_of(design: Design, *, closer: bool = False, seed: int = 0) -> Need:
    """Return what would bring the target within reach; with `closer`, more samples may also stand closer together."""
    study = design.study
    return Need(_samples(design, closer), _noise(study, design.best), _duration(design, seed), _material(design, seed))


def cheapest(design: Design, points: Sequence[Point]) -> Run | None:
    """Return the shortest run that still meets the target, computed at its very times; None if none does."""
    meeting = sorted((p for p in points if _meets(design.study, p.run)), key=lambda p: (p.duration, p.material))
    for point in meeting:
        run = settled(design.study, point.run, design.scenarios)
        if _meets(design.study, run):
            return run
    return None


def _meets(study: Study, run: Run) -> bool:
    return all(run.half_width[name] <= wanted for name, wanted in study.target.precision.items())


def _some(runs: Sequence[Run | None]) -> list[Run]:
    return [run for run in runs if run is not None]


def _fewer(samples: int) -> list[int]:
    row = (3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100, 200, 500)
    return [count for count in row if count < samples]


def _point(study: Study, run: Run) -> Point:
    return Point(run, precision_of(study, run), run.duration, run.material, run.samples)


def _costs(point: Point) -> tuple[float, ...]:
    return (point.precision, point.duration, point.material, float(point.samples))


def _beats(one: Point, other: Point) -> bool:
    a, b = _costs(one), _costs(other)
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def _missed(study: Study, information: Tensor) -> float:
    half = half_widths(study, information)
    counted = half.amax(0) if study.target.robust == "worst" else (half**2).mean(0).sqrt()
    return max(
        float(counted[study.belief.names.index(name)]) / wanted for name, wanted in study.target.precision.items()
    )


def _noise(study: Study, run: Run) -> float | None:
    """By bisection in the logarithm, since what is known before does not change with the noise."""
    if _missed(study, run.information * _QUIETER**2) > 1:
        return None
    low, high = 0.0, math.log(_QUIETER)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _missed(study, run.information * math.exp(2 * middle)) <= 1 else (middle, high)
    return math.exp(-high)


def _samples(design: Design, closer: bool) -> int | None:
    """The least number of samples, in steps of an eighth, that the best settings need."""
    study = design.study
    case, count = finer(study, design.best.case), study.limits.samples
    response = respond(study, [case], design.scenarios)[0]
    placed, stalled = 0, 0
    while count <= study.limits.samples * _MOST_SAMPLES and stalled < _STALLED:
        count = max(count + 1, math.ceil(count * 1.125))
        run = _with(study, case, response, count, closer)
        if run is None:
            return None
        if run.score <= 1:
            return count
        stalled = stalled + 1 if run.samples <= placed else 0
        placed = max(placed, run.samples)
    return None


def _with(study: Study, case: Case, response: Responses, samples: int, closer: bool) -> Run | None:
    interval = study.limits.interval * (study.limits.samples / samples if closer else 1.0)
    wider = replace(study, limits=replace(study.limits, samples=samples, interval=interval))
    return schedule(wider, [case], [response], passes=0)[0]


def _duration(design: Design, seed: int) -> float | None:
    study = design.study
    for factor in _LONGER:
        wider = replace(study, limits=replace(study.limits, duration=study.limits.duration * factor))
        shortest = _shortest(wider, design.screen, seed, lambda run: run.duration)
        if shortest is not None:
            return shortest
    return None


def _material(design: Design, seed: int) -> float | None:
    study = design.study
    if study.material is None or not math.isfinite(study.limits.material):
        return None
    for factor in _LONGER:
        wider = replace(study, limits=replace(study.limits, material=study.limits.material * factor))
        least = _shortest(wider, design.screen, seed, lambda run: run.material)
        if least is not None:
            return least
    return None


def _shortest(study: Study, screen: Screen | None, seed: int, cost) -> float | None:  # type: ignore[no-untyped-def]
    """The least cost of a run that meets the target under wider limits."""
    try:
        found = optimise(study, effort=_EFFORT, rounds=2, seed=seed, screen=screen)
    except InputError:
        return None
    costs = [cost(run) for run in found.runs if _meets(study, run)]
    return min(costs, default=None)


def over_time(study: Study, run: Run, information: Tensor) -> list[tuple[float, dict[str, float]]]:
    """Return (time, half-width by name) after each sample, from F of every single one, (samples, scenarios, P, P)."""
    gathered = information.cumsum(0)
    rows = []
    for k, time in enumerate(run.times.tolist()):
        half = half_widths(study, gathered[k])
        counted = half.amax(0) if study.target.robust == "worst" else (half**2).mean(0).sqrt()
        rows.append((time, {name: float(counted[j]) for j, name in enumerate(study.belief.names)}))
    return rows


def each_sample(study: Study, response: Responses) -> Tensor:
    """Return F of every single sample, (samples, scenarios, P, P)."""
    white = response.slope / study.noise.deviation(response.curve)[..., None]
    return torch.einsum("stp,stq->tspq", white, white)
