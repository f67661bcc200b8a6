"""When to measure in each of several cases, and what that tells: times, information, half-widths.

With F_s the information of the chosen times under scenario s and Lambda what is known before,

    h_k = z [(F_s + Lambda)^-1]_kk^(1/2),    z the normal quantile of the level,

is the expected half-width of the interval of ln theta_k after the run, relative to theta_k. Up to 60 samples are
placed one by one; more go in bursts of neighbouring readings, each as dense as the least interval allows, so that a
record of thousands costs no more than one of sixty. A record that must be even is laid over the window whose two ends
tell most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import norm
from torch import Tensor

from physics.design.information import relative_deviation
from physics.design.raster import exact, gap_of
from physics.design.responses import Case, Responses
from physics.design.sampling import Slots, choose
from physics.design.study import Study

_SINGLE = 60  # samples that are placed one by one
_TELLING = 1e-3  # a slot that tells less than this share of the best one is no place for a sample
_ENDS = 12  # ends of an even record that are tried
_BEGINNINGS = (0.0, 0.1, 0.25, 0.5)  # and its beginnings, as shares of the end


@dataclass(frozen=True)
class Run:
    """A case with its sampling times and what they would tell.

    Attributes:
        times: seconds, shape (samples,); information: F at each scenario, (scenarios, P, P), nothing before added.
        half_width: expected relative half-width of each interval after the run, as the target counts scenarios.
        nominal, worst: the same in the first scenario (the centre), and the largest of all.
        score: what the search lowers; at most 1 where a precision is met.
        foretold: by a surrogate, in a search that left the solver out (`physics.design.screen`).
    """

    case: Case
    times: Tensor
    information: Tensor
    half_width: Mapping[str, float]
    nominal: Mapping[str, float]
    worst: Mapping[str, float]
    score: float
    duration: float
    material: float
    foretold: bool = False

    @property
    def samples(self) -> int:
        """How many samples are taken."""
        return len(self.times)


def latest(study: Study, case: Case, duration: float) -> float:
    """Return the last moment at which the case may still be measured: by time, by the window and by material."""
    end = min(duration, study.limits.duration, case.window)
    if study.used(case.settings, end) <= study.limits.material:
        return end
    low, high = 0.0, end
    for _ in range(200):  # bisection to the last digit: material does not fall with the duration
        middle = 0.5 * (low + high)
        low, high = (middle, high) if study.used(case.settings, middle) <= study.limits.material else (low, middle)
    return low


def schedule(
    study: Study,
    cases: Sequence[Case],
    responses: Sequence[Responses],
    *,
    samples: int | None = None,
    duration: float = math.inf,
    passes: int = 3,
) -> list[Run | None]:
    """Choose times for every case; None where the limits leave not one.

    Args:
        samples, duration: at most, where fewer or shorter than the limits; passes: of exchange.
    """
    count = min(samples or study.limits.samples, study.limits.samples)
    place = _even if study.spacing == "even" else _free
    return [
        place(study, case, response, count, duration, passes) for case, response in zip(cases, responses, strict=True)
    ]


def _free(study: Study, case: Case, response: Responses, count: int, duration: float, passes: int) -> Run | None:
    limits, last = study.limits, latest(study, case, duration)
    within = (response.times >= limits.first) & (response.times <= last * (1 + 1e-15))
    burst = _burst(count, int(within.sum()) // gap_of(case.step, limits.interval), case.step, limits.interval)
    noise = study.noise.deviation(response.curve)
    white = response.slope / noise[..., None] * math.sqrt(burst)
    usable = within & (response.times - case.step * (1 - 1 / burst) >= limits.first)
    power = (white**2).sum((0, 2))
    usable &= power > _TELLING**2 * power.where(usable, torch.zeros_like(power)).max()
    if not bool(usable.any()):
        return None
    targets, wanted, robust = _aim(study)
    slots = Slots(white[None], usable[None], torch.tensor([gap_of(case.step, limits.interval)]))
    chosen = choose(
        slots, max(count // burst, 1), targets, wanted, robust, before=before(study), passes=passes, fill=True
    )[0]
    picked = chosen[chosen >= 0]
    times = response.times[picked]
    if burst > 1:
        offsets = torch.arange(burst, dtype=torch.float64) - (burst - 1)
        times = (times[:, None] + offsets * case.step / burst).reshape(-1)
    times = exact(times, limits, last)
    part = white[:, picked] if len(times) == len(picked) * burst else white[:, picked[: max(len(times) // burst, 1)]]
    return run_of(study, case, times, part.mT @ part)


def _burst(count: int, slots: int, step: float, interval: float) -> int:
    """Readings in one slot: so many that the count can be placed, but no denser than the least interval."""
    burst = max(-(-count // _SINGLE), -(-count // max(slots, 1)))
    densest = int(step / interval * (1 + 1e-12)) if interval > 0 else burst
    return max(min(burst, densest), 1)


def _even(study: Study, case: Case, response: Responses, count: int, duration: float, passes: int) -> Run | None:
    """Lay `count` even readings over the window that tells most."""
    limits, last = study.limits, latest(study, case, duration)
    if last <= limits.first:
        return None
    best: Run | None = None
    ends = limits.first + (last - limits.first) * torch.arange(1, _ENDS + 1, dtype=torch.float64) / _ENDS
    for end in ends.tolist():
        for share in _BEGINNINGS:
            begin = max(limits.first + share * (end - limits.first), end / count)
            fitting = count if limits.interval == 0 else int((end - begin) / limits.interval * (1 - 1e-12)) + 1
            size = min(count, fitting)
            times = exact(torch.linspace(begin, end, size, dtype=torch.float64), limits, last)
            run = run_of(study, case, times, informed(study, interpolated(response, times)))
            if best is None or run.score < best.score:
                best = run
    return best


def interpolated(response: Responses, times: Tensor) -> Responses:
    """Return a response at other times, linear between its slots and from nothing at time zero."""
    grid = torch.cat([response.times.new_zeros(1), response.times])
    place = torch.searchsorted(grid, times.clamp(max=float(grid[-1])), right=True).clamp(1, len(grid) - 1)
    share = ((times - grid[place - 1]) / (grid[place] - grid[place - 1])).clamp(0, 1)

    def between(values: Tensor) -> Tensor:
        first = values[:, :1] if values.shape[1] else values
        padded = torch.cat([torch.zeros_like(first), values], 1)
        weight = share if values.dim() == 2 else share[:, None]
        return padded[:, place - 1] * (1 - weight) + padded[:, place] * weight

    return Responses(times, between(response.curve), between(response.slope))


def informed(study: Study, response: Responses) -> Tensor:
    """Return F at each scenario, (scenarios, P, P), of readings at all times of a response."""
    white = response.slope / study.noise.deviation(response.curve)[..., None]
    return white.mT @ white


def before(study: Study) -> Tensor:
    """Return what is known before the run, (P, P); nothing of the nuisances."""
    P = len(study.names)
    known = torch.zeros(P, P, dtype=torch.float64)
    size = len(study.belief.names)
    known[:size, :size] = study.belief.information
    return known


def half_widths(study: Study, information: Tensor) -> Tensor:
    """Return h after the run, (scenarios, unknowns), from its F (scenarios, P, P)."""
    z = float(norm.ppf(0.5 + study.target.level / 2))
    return z * relative_deviation(information + before(study))[:, : len(study.belief.names)]


def run_of(study: Study, case: Case, times: Tensor, information: Tensor) -> Run:
    """Say what readings at these times with this information tell."""
    half = half_widths(study, information)
    counted = half.amax(0) if study.target.robust == "worst" else (half**2).mean(0).sqrt()
    names = study.belief.names
    duration = float(times[-1]) if len(times) else 0.0
    width = {name: float(counted[j]) for j, name in enumerate(names)}
    return Run(
        case,
        times,
        information,
        width,
        {name: float(half[0, j]) for j, name in enumerate(names)},
        {name: float(half[:, j].max()) for j, name in enumerate(names)},
        _score(study, width, information),
        duration,
        study.used(case.settings, duration),
    )


def _score(study: Study, width: Mapping[str, float], information: Tensor) -> float:
    """Return what the search lowers."""
    target = study.target
    if target.criterion == "precision":
        return max(width[name] / wanted for name, wanted in target.precision.items())
    if target.criterion == "average":
        return math.sqrt(sum(value**2 for value in width.values()))
    total = information + before(study)
    sign, volume = torch.linalg.slogdet(total)
    lost = torch.where(sign > 0, volume, torch.full_like(volume, -math.inf))
    return -0.5 * float(lost.min() if target.robust == "worst" else lost.mean())


def _aim(study: Study) -> tuple[Tensor, Tensor, str]:
    """Return indices of the targets, the precision wanted of each, and how scenarios count."""
    target, names = study.target, study.belief.names
    if target.criterion == "information":
        return torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float64), "determinant"
    precision = target.precision if target.criterion == "precision" else dict.fromkeys(names, 1.0)
    index = torch.tensor([names.index(name) for name in precision])
    wanted = torch.tensor([float(value) for value in precision.values()], dtype=torch.float64)
    return index, wanted, "worst" if target.robust == "worst" else "variance"
