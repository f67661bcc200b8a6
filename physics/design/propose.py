"""Propose a run: settings and sampling times that reach a wanted precision in the least time.

For each candidate the sampling times are chosen (`physics.design.sampling`) and the Fisher information of the
chosen times gives the expected half-width of the interval of each unknown, relative to its value,

    h_k = z [F^-1]_kk^(1/2),    z the normal quantile of `level`,

with all unknowns estimated together. It is computed under every scenario of the prior
(`physics.design.candidate.scenarios`); with `robust="worst"` the largest counts, with "mean" their root mean
square. A run lasts until its last sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from scipy.stats import norm
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.design.candidate import Candidate, Limits
from physics.design.curves import Curves, evaluate, interpolate
from physics.design.information import Noise, fisher, relative_deviation
from physics.design.sampling import Slots, choose
from physics.errors import ParameterError

_GRID = 300  # points of own time on which curves are computed
_SLOTS = 240  # most slots a candidate's raster may have
_TELLING = 1e-3  # a slot that tells less than this share of the best one is no place for a sample
_CHUNK = 128  # candidates whose sampling times are chosen together
_ALIKE = 0.02  # relative difference of parameters that the ranking may overlook


@dataclass(frozen=True)
class Run:
    """A candidate with its sampling times and what they would tell.

    Attributes:
        times: when to sample, seconds from the start of the input, shape (samples,).
        half_width: expected relative half-width of each unknown's interval, as `robust` counts it.
        nominal, worst: the same at the medians of the prior, and the largest over the scenarios.
        duration: until the last sample, seconds; material: tracer solution used by then.
        meets: whether every target is met within the limits.
    """

    candidate: Candidate
    times: Tensor
    half_width: dict[str, float]
    nominal: dict[str, float]
    worst: dict[str, float]
    duration: float
    material: float
    meets: bool

    @property
    def samples(self) -> int:
        """How many samples are taken."""
        return len(self.times)


@dataclass(frozen=True)
class Need:
    """What would bring the best run to its target, each alone; None where it would not help.

    Attributes:
        samples: about how many samples, since the variance falls as 1/n. noise_factor: by what factor the
        instrument's error would have to shrink (exact). duration: the shortest duration among the candidates
        beyond the time limit that meet the target, seconds.
    """

    samples: int | None
    noise_factor: float | None
    duration: float | None


@dataclass(frozen=True)
class Proposal:
    """The answer: `recommended` is the shortest run that meets the target, else the most precise.

    `fastest` is the shortest whose half-widths are within twice the target; `most_precise` has the smallest.
    `need` is given only where no run meets the target.
    """

    met: bool
    recommended: Run
    fastest: Run
    most_precise: Run
    runs: tuple[Run, ...]
    need: Need | None
    level: float
    robust: str


def propose(
    models: Mapping[str, Model],
    candidates: Sequence[Candidate],
    limits: Limits,
    targets: Mapping[str, float],
    noise: Noise,
    *,
    time_powers: Mapping[str, int],
    level: float = 0.95,
    robust: str = "worst",
    prior_level: float = 0.8,
) -> Proposal:
    """Choose the run that reaches `targets` (relative half-width by name) in the least time.

    Args:
        models: the differentiable models that candidates name.
        time_powers: for each parameter whose unit holds time, its power (velocity -1, pulse_duration 1).
        robust: "worst" or "mean" over the scenarios of the prior.
        prior_level: how much of each unknown's prior the scenarios span.

    Raises:
        ParameterError: no candidate, none that the limits allow, or a target that no candidate estimates.
    """
    _check(candidates, targets, robust, level)
    longest = max(c.duration / c.own_time for c in candidates)
    grid = torch.linspace(longest / _GRID, longest, _GRID, dtype=torch.float64)
    curves = evaluate(models, candidates, time_powers, grid, prior_level, alike=_ALIKE)
    names = tuple(candidates[0].unknown)
    runs: list[Run] = []
    for start in range(0, len(candidates), _CHUNK):
        part = slice(start, start + _CHUNK)
        piece = Curves(grid, curves.curve[part], curves.slope[part])
        runs += _schedule(candidates[part], piece, limits, targets, names, noise, level, robust)
    allowed = [run for run in runs if _within(run, limits)]
    if not allowed:
        raise ParameterError("no candidate fits the limits: allow more time, more material, or another flow")
    checked: set[int] = set()
    # Interpolated precision ranks the runs; what is picked is computed anew and must still be the pick.
    while fresh := {id(run) for run in _pick(allowed, targets)} - checked:
        for i, run in enumerate(allowed):
            if id(run) in fresh:
                allowed[i] = _exact(run, models, time_powers, targets, noise, level, robust, prior_level)
                checked.add(id(allowed[i]))
    recommended, fastest, most_precise = _pick(allowed, targets)
    need = None if recommended.meets else _need(recommended, runs, limits, targets)
    return Proposal(recommended.meets, recommended, fastest, most_precise, tuple(allowed), need, level, robust)


def _check(candidates: Sequence[Candidate], targets: Mapping[str, float], robust: str, level: float) -> None:
    if not candidates:
        raise ParameterError("no candidate settings to choose from; widen the limits")
    if robust not in ("worst", "mean"):
        raise ParameterError(f"robust = {robust!r} is not one of worst, mean")
    if not 0 < level < 1:
        raise ParameterError(f"level = {level:g} must lie between 0 and 1")
    if not targets:
        raise ParameterError("no target; name a parameter and the relative precision wanted")
    for name, wanted in targets.items():
        if name not in candidates[0].unknown:
            raise ParameterError(f"{name} is not estimated here; choose from {', '.join(candidates[0].unknown)}")
        if not 0 < wanted < math.inf:
            raise ParameterError(f"the precision wanted of {name}, {wanted:g}, must be above zero")


def _schedule(
    candidates: Sequence[Candidate],
    curves: Curves,
    limits: Limits,
    targets: Mapping[str, float],
    names: Sequence[str],
    noise: Noise,
    level: float,
    robust: str,
) -> list[Run]:
    """Choose the sampling times of each candidate on its own raster."""
    raster = torch.tensor([_raster(c, limits) for c in candidates], dtype=torch.float64)
    own = torch.tensor([c.own_time for c in candidates], dtype=torch.float64)
    end = torch.tensor([c.duration for c in candidates], dtype=torch.float64)
    slot_times = torch.arange(1, _SLOTS + 1) * raster[:, None]
    usable = (slot_times >= limits.first) & (slot_times <= end[:, None] * (1 + 1e-12))
    curve, slope = interpolate(curves, slot_times / own[:, None])
    white = slope / noise.deviation(curve)[..., None]
    told = (white**2).sum(-1).amax(1)  # (candidates, slots): the most that a sample there tells in any scenario
    usable &= told >= _TELLING * told.amax(-1, keepdim=True)
    gap = torch.ceil(limits.interval / raster - 1e-9).clamp_min(1).long()
    wanted = torch.tensor(list(targets.values()), dtype=torch.float64)
    index = torch.tensor([names.index(name) for name in targets])
    chosen = choose(Slots(white, usable, gap), limits.samples, index, wanted, robust)
    runs = []
    for b, candidate in enumerate(candidates):
        slots = chosen[b][chosen[b] >= 0]
        information = white[b][:, slots].transpose(-1, -2) @ white[b][:, slots]
        runs.append(_run(candidate, slot_times[b, slots], information, targets, level, robust))
    return runs


def _raster(candidate: Candidate, limits: Limits) -> float:
    """The finest round interval that divides the run into no more slots than allowed."""
    fits = [step for step in limits.raster if candidate.duration / step <= _SLOTS]
    return float(fits[0]) if fits else candidate.duration / _SLOTS


def _run(
    candidate: Candidate,
    times: Tensor,
    information: Tensor,
    targets: Mapping[str, float],
    level: float,
    robust: str,
) -> Run:
    half = float(norm.ppf(0.5 + level / 2)) * relative_deviation(information)  # (scenarios, P)
    counted = half.amax(0) if robust == "worst" else (half**2).mean(0).sqrt()
    names = tuple(candidate.unknown)
    width = {name: float(counted[j]) for j, name in enumerate(names)}
    duration = float(times[-1]) if len(times) else candidate.duration
    return Run(
        candidate,
        times,
        width,
        {name: float(half[0, j]) for j, name in enumerate(names)},
        {name: float(half[:, j].max()) for j, name in enumerate(names)},
        duration,
        candidate.material(duration),
        all(width[name] <= wanted for name, wanted in targets.items()),
    )


def _exact(
    run: Run,
    models: Mapping[str, Model],
    time_powers: Mapping[str, int],
    targets: Mapping[str, float],
    noise: Noise,
    level: float,
    robust: str,
    prior_level: float,
) -> Run:
    """Recompute a run's precision at its very sampling times, without interpolation."""
    grid = run.times / run.candidate.own_time
    curves = evaluate(models, [run.candidate], time_powers, grid, prior_level)
    information = fisher(curves.slope[0], noise.deviation(curves.curve[0]))
    fresh = _run(run.candidate, run.times, information, targets, level, robust)
    return replace(fresh, meets=fresh.meets)


def _within(run: Run, limits: Limits) -> bool:
    return run.duration <= limits.duration and run.material <= limits.material and run.samples > 0


def _miss(run: Run, targets: Mapping[str, float]) -> float:
    """By what factor the run misses its target; at most 1 where it meets."""
    return max(run.half_width[name] / wanted for name, wanted in targets.items())


def _pick(runs: Sequence[Run], targets: Mapping[str, float]) -> tuple[Run, Run, Run]:
    """Return recommended, fastest and most precise."""
    precise = min(runs, key=lambda run: (_miss(run, targets), run.duration))

    def shortest(within: float) -> Run:
        enough = [run for run in runs if _miss(run, targets) <= within]
        return min(enough, key=lambda run: (run.duration, run.material, _miss(run, targets)), default=precise)

    return shortest(1.0), shortest(2.0), precise


def _need(best: Run, runs: Sequence[Run], limits: Limits, targets: Mapping[str, float]) -> Need:
    miss = _miss(best, targets)
    longer = [run for run in runs if run.meets and run.duration > limits.duration]
    finite = math.isfinite(miss)
    return Need(
        samples=math.ceil(best.samples * miss**2) if finite else None,
        noise_factor=miss if finite else None,
        duration=min((run.duration for run in longer), default=None),
    )
