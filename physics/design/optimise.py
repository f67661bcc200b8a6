"""The best settings and times within the limits: a coarse grid over the controls, then a pattern search.

Every candidate is made inside the box of the controls, is completed by the experiment, and is kept only if it holds
every bound; times are chosen on its raster (`physics.design.schedules`). What is proposed is feasible because nothing
else is ever looked at, not because a penalty was paid; `violations` says it again from the numbers of the proposal
alone. The search then walks from the best few along each control and along the diagonals, halving its step where
nothing is gained. It is local: a basin that the grid misses is missed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from torch import Tensor

from physics.design.controls import active, coarse, neighbours, spacing
from physics.design.raster import SLOTS, raster_of
from physics.design.responses import Case, Responses, at_times, case_of, none_left, respond
from physics.design.schedules import Run, informed, run_of, schedule
from physics.design.screen import Screen
from physics.design.study import Options, Range, Study
from physics.errors import InputError

EFFORT = 125  # settings of the coarse grid
SCENARIOS = 5
_FINALISTS = 3
_ROUNDS = 6
_LEAST_STEP = 0.01
_FINER = 4
_GAIN = 1e-4  # relative; a step that gains less is none


@dataclass(frozen=True)
class Design:
    """The answer.

    Attributes:
        best: the run that serves the target best within the limits, its precision computed at its very times.
        runs: every run that was looked at, the grid's and the search's; of those not solved what was foretold.
        responses: of those runs, on their rasters.
        scenarios: draws of u that were averaged over, (scenarios, P).
        met: whether the wanted precision is reached; None where none was named.
        refused: why candidates were left out, a sentence each, the most frequent first.
        screen: what foretold candidates, None where all were solved.
    """

    study: Study
    best: Run
    runs: tuple[Run, ...]
    responses: tuple[Responses, ...]
    scenarios: Tensor
    met: bool | None
    refused: tuple[str, ...]
    screen: Screen | None = None


def optimise(
    study: Study,
    *,
    effort: int = EFFORT,
    scenarios: int = SCENARIOS,
    rounds: int = _ROUNDS,
    seed: int = 0,
    screen: Screen | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Design:
    """Find the settings and times that serve the target best.

    Args:
        effort: about how many settings the coarse grid has; scenarios: draws of the unknowns, the centre among them;
        rounds: of the search after the grid; screen: leaves out candidates that need not be solved.

    Raises:
        ParameterError: no settings within the limits can be run; the message has the reason.
    """
    tell = progress or (lambda share, what: None)
    draws = study.belief.scenarios(scenarios, seed)
    search = _Search(study, draws, screen)
    points = coarse(study.controls, effort, seed)
    tell(0.05, f"comparing {len(points)} settings")
    search.look(points)
    step = spacing(points, study.controls)
    for round_ in range(rounds if any(isinstance(c, Range) for c in study.controls.values()) else 0):
        tell(0.5 + 0.4 * round_ / rounds, "refining the best of them")
        finalists = search.leaders(_FINALISTS if round_ < 2 else 1)
        known = search.score
        search.look([point for run in finalists for point in neighbours(study.controls, run.case.chosen, step)])
        if search.score > known * (1 - _GAIN) if known > 0 else search.score > known - _GAIN:
            step /= 2
        if step < _LEAST_STEP:
            break
    runs = list(search.runs)
    # The raster ranks; what is proposed is computed at its very times, and must still lead.
    while True:
        place = min(range(len(runs)), key=lambda i: (runs[i].score, runs[i].duration))
        if place in search.settled:
            break
        runs[place] = settled(study, runs[place], draws)
        search.settled.add(place)
    best = runs[place]
    if search.refined(best.case):
        best = min(best, _polished(study, best, draws), key=lambda run: run.score)
    met = best.score <= 1 if study.target.criterion == "precision" else None
    return Design(study, best, tuple(runs), tuple(search.responses), draws, met, search.reasons(), screen)


def settled(study: Study, run: Run, draws: Tensor) -> Run:
    """Return the run with its precision computed at its very times."""
    exactly = at_times(study, run.case, draws, run.times)
    return run_of(study, run.case, run.times, informed(study, exactly))


def _polished(study: Study, run: Run, draws: Tensor) -> Run:
    """Choose the times of a run anew on a finer raster."""
    if study.spacing == "even":
        return run
    case = finer(study, run.case)
    found = schedule(study, [case], respond(study, [case], draws))[0]
    return run if found is None else settled(study, found, draws)


def finer(study: Study, case: Case) -> Case:
    """Return the case on a raster `_FINER` times finer; of a slow experiment, whose slots are few, as it is."""
    if study.slots < SLOTS:
        return case
    return replace(case, step=raster_of(case.window, study.limits, _FINER * study.slots))


class _Search:
    """What has been looked at."""

    def __init__(self, study: Study, draws: Tensor, screen: Screen | None = None) -> None:
        self.study, self.draws, self.screen = study, draws, screen
        self.runs: list[Run] = []
        self.responses: list[Responses] = []
        self.seen: set[tuple[Any, ...]] = set()
        self.refused: dict[str, int] = {}
        self.settled: set[int] = set()
        self.alone: list[Case] = []  # solved by a model of their own, not by that of the first of many

    @property
    def score(self) -> float:
        """The best so far."""
        return min(run.score for run in self.runs)

    def leaders(self, count: int) -> list[Run]:
        """The best run of each combination of options, at most `count` of them."""
        found: dict[tuple[Any, ...], Run] = {}
        for run in sorted(self.runs, key=lambda run: run.score):
            kinds = tuple(
                repr(run.case.chosen.get(name)) for name, c in self.study.controls.items() if isinstance(c, Options)
            )
            found.setdefault(kinds, run)
        return list(found.values())[:count]

    def refined(self, case: Case) -> bool:
        """Whether polishing would compute other curves than the search did."""
        return finer(self.study, case) is not case or not any(each is case for each in self.alone)

    def look(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Evaluate settings that were not seen yet."""
        cases = []
        for point in points:
            key = tuple(sorted((name, repr(value)) for name, value in point.items()))
            if key in self.seen:
                continue
            self.seen.add(key)
            case = self._admitted(point)
            if case is not None:
                cases.append(case)
        if cases:
            self._rank(cases)
        if not self.runs:
            raise none_left(self.reasons(), self.study.experiment.name)

    def _rank(self, cases: Sequence[Case]) -> None:
        """Solve the cases, with a screen only those that may lead; of the others keep what is foretold."""
        study, screen = self.study, self.screen
        if screen is None or not screen.trusted:
            self._solve(cases)
            return
        forecasts = screen.forecasts(study, cases, self.draws)
        runs = [
            None if forecast is None else schedule(study, [case], [forecast])[0]
            for case, forecast in zip(cases, forecasts, strict=True)
        ]
        wanted = screen.contenders(study, runs, self.score if self.runs else math.inf)
        solved = self._solve(list(itertools.compress(cases, wanted)))
        for found, foretold in zip(solved, itertools.compress(runs, wanted), strict=True):
            if found is not None and foretold is not None:
                screen.compare(study, foretold, found)
        for run, forecast, solve in zip(runs, forecasts, wanted, strict=True):
            if not solve and run is not None and forecast is not None:
                self.runs.append(replace(run, foretold=True))
                self.responses.append(forecast)
                screen.foretold += 1
        if not screen.trusted:
            self._solve_foretold(screen)

    def _solve_foretold(self, screen: Screen) -> None:
        """Solve all that was left out, since a forecast was missed."""
        left = [run.case for run in self.runs if run.foretold]
        kept = [not run.foretold for run in self.runs]
        self.runs = list(itertools.compress(self.runs, kept))
        self.responses = list(itertools.compress(self.responses, kept))
        screen.foretold -= len(left)
        self._solve(left)

    def _solve(self, cases: Sequence[Case]) -> Sequence[Run | None]:
        if not cases:
            return ()
        begin = perf_counter()
        responses = respond(self.study, cases, self.draws)
        runs = schedule(self.study, cases, responses)
        self._enter(runs, responses)
        if len(cases) == 1:
            self.alone += cases
        if self.screen is not None:
            self.screen.solved += len(cases)
            self.screen.solving += perf_counter() - begin
        return runs

    def _enter(self, runs: Sequence[Run | None], responses: Sequence[Responses]) -> None:
        for run, response in zip(runs, responses, strict=True):
            if run is None or not len(run.times) or not math.isfinite(run.score):
                scarce = " and with the material" if math.isfinite(self.study.limits.material) else ""
                self._refuse(f"nothing can be seen at the times{scarce} that the limits leave")
                continue
            self.runs.append(run)
            self.responses.append(response)

    def _admitted(self, point: Mapping[str, Any]) -> Case | None:
        study = self.study
        try:
            case = case_of(study, point, study.limits.duration)
        except InputError as error:
            self._refuse(str(error))
            return None
        for bound in study.bounds:
            if not bound.holds(case.settings):
                self._refuse(
                    f"{bound.name} = {bound.value(case.settings):.4g} {bound.unit}".rstrip() + " would leave its limit"
                )
                return None
        return case

    def _refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def reasons(self) -> tuple[str, ...]:
        return tuple(sorted(self.refused, key=lambda reason: -self.refused[reason]))


def violations(study: Study, run: Run) -> list[str]:
    """Hold a run against every limit of its study, from its numbers alone; an empty list if it keeps all."""
    limits, times, found = study.limits, run.times.tolist(), []
    if len(times) > limits.samples:
        found.append(f"{len(times)} samples where {limits.samples} are allowed")
    if not times or times[0] < limits.first or times[-1] > limits.duration:
        found.append("a sample before the first or after the last moment allowed")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if any(gap < limits.interval or gap <= 0 for gap in gaps):
        found.append("two samples closer than the least interval")
    if study.used(run.case.settings, run.duration) > limits.material:
        found.append("more material than allowed")
    for name, control in study.controls.items():
        if name not in run.case.chosen:
            if active(name, run.case.chosen, study.controls):
                found.append(f"{name} was not chosen")
            continue
        value = run.case.chosen[name]
        inside = value in control.values if isinstance(control, Options) else control.lower <= value <= control.upper
        if not inside:
            found.append(f"{name} = {value} outside its limits")
    found += [f"{bound.name} outside its limits" for bound in study.bounds if not bound.holds(run.case.settings)]
    return found


def at_settings(study: Study, chosen: Mapping[str, Any], times: Tensor, *, scenarios: int = SCENARIOS) -> Run:
    """Return what given settings and times would tell: a design to compare with, or one that was carried out."""
    case = replace(case_of(study, chosen, math.inf), window=float(times[-1]))
    return settled_at(study, case, times, study.belief.scenarios(scenarios))


def settled_at(study: Study, case: Case, times: Tensor, draws: Tensor) -> Run:
    """Return what a case tells at given times."""
    return run_of(study, case, times, informed(study, at_times(study, case, draws, times)))
