"""Settings and times that tell most where the local form does not hold: rival models, or a belief with several modes.

Two aims, both expected information in nats (`physics.design.expected_information`):

    models      I(m; y), which of several models holds; at most ln of their number
    parameters  I(theta; y), of one model with any belief

Curves of all draws are computed once for every candidate, on a thinned raster. Times are added one after another, each
the one that raises most the estimate

    models      1/N sum_n  ln sum_{m in own} L_nm / sum_m L_nm,        L_nm = prod_i N(y_ni; f_m(t_i), s)
    parameters  1/N sum_n  [ ln L_nn - ln sum_m L_nm ]

with a reading y_n of every draw, held fixed so that candidates are compared by the same noise. What is recommended is
then judged with fresh draws and fresh noise, since the best of many noisy estimates flatters itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from physics.design.belief import Belief
from physics.design.controls import coarse
from physics.design.expected_information import Discrimination, Gain, discriminate, expected_gain
from physics.design.raster import exact, gap_of
from physics.design.responses import Case, case_of, curves_at, none_left
from physics.design.schedules import latest
from physics.design.study import Study
from physics.errors import InputError, ParameterError

_THIN = 48  # moments of a raster that are looked at
_IDLE = 1e-4  # nats; a sample that adds no more is not taken


@dataclass(frozen=True)
class Rival:
    """A model that may hold: its name, what it sets besides (None takes a setting away), and what is believed of it."""

    name: str
    settings: Mapping[str, Any]
    belief: Belief
    weight: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """The run that tells most: its case (of the first rival), times (n,), and what it is expected to tell.

    `apart` is given for rival models, `gain` for one model; `ranking` has the estimate of every candidate.
    """

    case: Case
    times: Tensor
    apart: Discrimination | None
    gain: Gain | None
    ranking: tuple[tuple[Mapping[str, Any], float], ...]


def tell_apart(
    study: Study,
    rivals: Sequence[Rival],
    *,
    effort: int = 40,
    draws: int = 48,
    judges: int = 512,
    seed: int = 0,
) -> Verdict:
    """Find the settings and times at which rival models are told apart best.

    Args:
        draws: of each rival, with which candidates are compared; judges: with which the best is judged.

    Raises:
        ParameterError: fewer than two rivals, or no settings within the limits.
    """
    if len(rivals) < 2:
        raise ParameterError("one model cannot be told apart from itself; name at least two")
    found = _search(study, rivals, effort, draws, seed, parameters=False)
    best, ranking = found
    studies = [_of(study, rival) for rival in rivals]
    curves = [
        curves_at(each, _matched(each, best.case), _shuffled(each.belief, judges, seed + 1), best.times)
        for each in studies
    ]
    total = sum(rival.weight for rival in rivals)
    verdict = discriminate(
        curves, [study.noise.deviation(c) for c in curves], [rival.weight / total for rival in rivals], seed + 2
    )
    return Verdict(best.case, best.times, verdict, None, ranking)


def most_informative(study: Study, *, effort: int = 40, draws: int = 96, judges: int = 2048, seed: int = 0) -> Verdict:
    """Find the settings and times with the largest expected information on the parameters, whatever the belief.

    Raises:
        ParameterError: no settings within the limits can be run.
    """
    rival = Rival(study.experiment.name, {}, study.belief)
    best, ranking = _search(study, [rival], effort, draws, seed, parameters=True)
    curves = curves_at(study, best.case, _shuffled(study.belief, judges, seed + 1), best.times)
    return Verdict(
        best.case, best.times, None, expected_gain(curves, study.noise.deviation(curves), seed=seed + 2), ranking
    )


@dataclass(frozen=True)
class _Scheduled:
    case: Case
    times: Tensor
    score: float


def _search(
    study: Study, rivals: Sequence[Rival], effort: int, draws: int, seed: int, *, parameters: bool
) -> tuple[_Scheduled, tuple[tuple[Mapping[str, Any], float], ...]]:
    studies = [_of(study, rival) for rival in rivals]
    points = [_shuffled(each.belief, draws, seed) for each in studies]
    group = np.repeat(np.arange(len(rivals)), draws)
    prior = np.log(np.repeat([rival.weight for rival in rivals], draws))
    scheduled, reasons = [], []
    for chosen in coarse(study.controls, effort, seed):
        try:
            cases = [case_of(each, chosen, study.limits.duration) for each in studies]
        except InputError as error:
            reasons.append(str(error))
            continue
        if any(not bound.holds(case.settings) for bound in study.bounds for case in cases):
            reasons.append("a bound would be left")
            continue
        # One raster for all rivals, the longest.
        longest = max(cases, key=lambda case: case.window)
        cases = [replace(case, window=longest.window, step=longest.step) for case in cases]
        times = _moments(study, cases[0])
        if not len(times):
            reasons.append("nothing can be seen at the times that the limits leave")
            continue
        curves = torch.cat(
            [curves_at(each, case, u, times) for each, case, u in zip(studies, cases, points, strict=True)]
        )
        gap = max(gap_of(float(times[1] - times[0]), study.limits.interval), 1) if len(times) > 1 else 1
        picked, score = _place(study, curves, group, prior, gap, parameters, seed)
        kept = exact(times[picked], study.limits, latest(study, cases[0], math.inf))
        if len(kept):
            scheduled.append(_Scheduled(cases[0], kept, score))
    if not scheduled:
        raise none_left(reasons)
    best = max(scheduled, key=lambda each: (each.score, -float(each.times[-1])))
    return best, tuple((each.case.chosen, each.score) for each in sorted(scheduled, key=lambda each: -each.score))


def _of(study: Study, rival: Rival) -> Study:
    merged = {**study.settings, **rival.settings}
    settings = {name: value for name, value in merged.items() if value is not None}
    return replace(
        study,
        settings=settings,
        belief=rival.belief,
        target=replace(study.target, precision={}, criterion="information"),
    )


def _matched(study: Study, case: Case) -> Case:
    """The same candidate under another rival."""
    other = case_of(study, case.chosen, math.inf)
    return replace(other, window=case.window, step=case.step)


def _moments(study: Study, case: Case) -> Tensor:
    """At most `_THIN` even slots of the raster within the limits."""
    last, first = latest(study, case, math.inf), study.limits.first
    times = case.step * torch.arange(1, case.slots + 1, dtype=torch.float64)
    times = times[(times >= first) & (times <= last * (1 + 1e-15))]
    stride = -(-len(times) // _THIN)
    return times[stride - 1 :: stride] if len(times) else times


def _shuffled(belief: Belief, count: int, seed: int) -> Tensor:
    """Draws in no order, so that halves of them are alike."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return belief.draws(count, seed)[order]


def _place(
    study: Study, curves: Tensor, group: np.ndarray, prior: np.ndarray, gap: int, parameters: bool, seed: int
) -> tuple[Tensor, float]:
    """Slots in rising order, and the estimate that they reach."""
    deviation = study.noise.deviation(curves)
    noise = torch.randn(curves.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    readings = curves + deviation * noise
    chosen = np.full(min(study.limits.samples, curves.shape[1]), -1, dtype=np.int64)
    score = _greedy(
        np.ascontiguousarray(readings.numpy().T),
        np.ascontiguousarray(curves.numpy().T),
        np.ascontiguousarray(deviation.numpy().T),
        group,
        prior,
        gap,
        parameters,
        chosen,
    )
    return torch.as_tensor(np.sort(chosen[chosen >= 0])), float(score)


@njit(cache=True, nogil=True)
def _greedy(readings, curves, deviation, group, prior, gap, parameters, chosen):  # pragma: no cover
    """Fill `chosen`, shape (samples,); arrays are (slots, draws); return the estimate."""
    slots, draws = readings.shape
    log_likelihood = np.zeros((draws, draws))
    for n in range(draws):
        log_likelihood[n] = prior
    free = np.ones(slots, dtype=np.bool_)
    reached = -np.inf
    trial = np.empty(draws)
    for k in range(chosen.size):
        best, most = -1, reached + _IDLE if k > 0 else -np.inf
        for g in range(slots):
            if not free[g]:
                continue
            score = _estimate(readings[g], curves[g], deviation[g], log_likelihood, group, parameters, trial)
            if score > most:
                best, most = g, score
        if best < 0:
            break
        chosen[k], reached = best, most
        for n in range(draws):
            for m in range(draws):
                log_likelihood[n, m] += _term(readings[best, n], curves[best, m], deviation[best, m])
        free[max(best - gap + 1, 0) : best + gap] = False
    return reached


@njit(cache=True, nogil=True)
def _term(reading, curve, deviation):  # pragma: no cover
    return -0.5 * ((reading - curve) / deviation) ** 2 - np.log(deviation)


@njit(cache=True, nogil=True)
def _estimate(reading, curve, deviation, log_likelihood, group, parameters, trial):  # pragma: no cover
    """Expected information if one more slot were read, without the constant of the prior."""
    draws, total = reading.size, 0.0
    for n in range(draws):
        top = -np.inf
        for m in range(draws):
            trial[m] = log_likelihood[n, m] + _term(reading[n], curve[m], deviation[m])
            top = max(top, trial[m])
        everything, own = 0.0, 0.0
        for m in range(draws):
            part = np.exp(trial[m] - top)
            everything += part
            if group[m] == group[n] and m != n:
                own += part
        if parameters:
            total += trial[n] - top - np.log(everything)
        else:
            # A draw is no judge of itself: both sides are counted without it.
            everything -= np.exp(trial[n] - top)
            total += np.log(max(own, 1e-300)) - np.log(max(everything, 1e-300))
    return total / draws
