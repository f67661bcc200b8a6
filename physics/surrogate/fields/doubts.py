"""Why the surrogate of fields should not answer a run: what `trust` knows of all surrogates, told of rollouts.

Before a rollout: settings outside their ranges, more frames than were calibrated, a start that breaks a bound or a
balance, a start unlike every run that was learned. After it: bands unusually wide or wider than the budget, frames
that had to be mended much (their invariants and bounds), balances that do not hold, and, where it is asked for, the
residual of the equation. Limits are what nearly all calibration runs keep (`Limits.of`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import SolverError
from physics.surrogate import metrics, trust
from physics.surrogate.fields.features import Look
from physics.surrogate.fields.intervals import Intervals, Seen
from physics.surrogate.regime import Regime
from physics.surrogate.trust import Doubt

SHARE = 0.995  # of the calibration runs keep each limit
CHECKED = 2  # intervals of the solver for a residual: the middle one of a rollout and the last
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Limits:
    """What is trusted in one regime.

    Attributes:
        known: the starts of the training runs, over `spread`, shape (runs, features).
        spread: of the features of starts, (features,).
        distance: the most to the nearest of them.
        width: of bands of radius one, one a horizon; moved, excess: of `Look`.
        residual: relative, by `residual`; infinite where it was not measured.
    """

    known: Tensor
    spread: Tensor
    distance: float
    width: tuple[float, ...]
    moved: float
    excess: float
    residual: float = math.inf

    @classmethod
    def of(cls, training: Tensor, seen: Seen, intervals: Intervals) -> Limits:
        """Return the limits that `SHARE` of the calibration runs keep.

        Args:
            training: the starts of the training runs, (runs, features).
            seen: the calibration runs.
            intervals: made from them.
        """
        measured = seen.residual[~seen.residual.isnan()]
        spread = training.std(0, correction=0).clamp_min(1e-3)
        known = training / spread
        width = (most(widest(intervals, seen.look, place)) for place in range(len(intervals.horizons)))
        return cls(
            known,
            spread,
            most(nearest(seen.look.start / spread, known)),
            tuple(width),
            most(seen.look.moved.amax(1)),
            most(seen.look.excess.amax(1)) + _ROUNDING,
            most(measured) if len(measured) else math.inf,
        )


def most(values: Tensor) -> float:
    """Return what `SHARE` of the values (runs,) do not exceed."""
    rising = values.sort().values
    return float(rising[min(math.ceil(SHARE * (len(rising) + 1)), len(rising)) - 1])


def nearest(starts: Tensor, known: Tensor) -> Tensor:
    """Return the distance of each start (runs, features) to the nearest known one, the root mean square over features.

    Not a number where a start is none.
    """
    apart = torch.cdist(starts, known).amin(1) / math.sqrt(starts.shape[1])
    return torch.where(starts.isfinite().all(1), apart, torch.nan)


def widest(intervals: Intervals, look: Look, place: int) -> Tensor:
    """Return the largest mean half-width of a frame and channel for a radius of one, over its deviation, (runs,)."""
    return intervals.unit_width(look, place).flatten(1).amax(1)


def before(
    regime: Regime, history: Tensor, settings: Mapping[str, Tensor], frames: int, most_frames: int
) -> list[Doubt]:
    """Doubt runs by what they are asked for, before any rollout.

    Args:
        history: the frames they go on from, (runs, history, channels, *points), the start first.
        frames: how many more are asked.
        most_frames: how many were calibrated.
    """
    batch = len(history)
    doubts = trust.outside(regime.ranges, settings)
    if frames > most_frames:
        told = f"{frames} further frames are asked, the rollouts that were learned and calibrated have {most_frames}"
        doubts.append(trust.everyone("time", told, batch))
    return doubts + bounded(regime, history) + balanced(regime, history, history[:, :1], settings, "its start")


def bounded(regime: Regime, values: Tensor) -> list[Doubt]:
    """Doubt runs of which a channel leaves its bounds; one doubt a channel that has some."""
    return [
        _bounded(values[:, :, index], channel.name, channel.bounds)
        for index, channel in enumerate(regime.channels)
        if channel.bounds is not None
    ]


def _bounded(values: Tensor, name: str, bounds: tuple[float, float]) -> Doubt:
    room = _ROUNDING * (bounds[1] - bounds[0])
    low, high = values.flatten(1).amin(1), values.flatten(1).amax(1)
    within = (low >= bounds[0] - room) & (high <= bounds[1] + room)
    span = f"{bounds[0]:g} to {bounds[1]:g}"
    return Doubt(
        "law",
        ~within,
        lambda member: f"{name} goes from {float(low[member]):.3g} to {float(high[member]):.3g}, outside {span}",
    )


def balanced(
    regime: Regime, values: Tensor, start: Tensor, settings: Mapping[str, Tensor], what: str = "its answer"
) -> list[Doubt]:
    """Doubt runs of which a frame breaks an invariant of their start (runs, 1, ...) beyond the validator's limit."""
    found = []
    for invariant in regime.invariants:
        defect = invariant.defect(values.double(), start.double(), settings).amax(1)
        found.append(trust.above("law", f"the defect of {invariant.name} in {what}", defect, invariant.tolerance))
    return found


def after(
    regime: Regime, intervals: Intervals, limits: Limits, look: Look, frames: int, level: float, budget: float | None
) -> list[Doubt]:
    """Doubt runs by what is seen of their start and of their rollout.

    Args:
        frames: how many are asked.
        level: of the band.
        budget: the largest half-width of a frame and channel that is accepted, a mean over points relative to the
            channel's deviation; the most usual in calibration if left out.
    """
    place = intervals.place(frames)
    unit, radius = widest(intervals, look, place), intervals.horizons[place].radius(level)
    doubts = [
        trust.far(nearest(look.start / limits.spread, limits.known), limits.distance),
        trust.above("law", "what the projection onto its invariants moves a frame", look.moved.amax(1), limits.moved),
        trust.above("law", "what left the bounds of a channel", look.excess.amax(1), limits.excess),
    ]
    if math.isinf(radius):
        doubts.append(trust.everyone("width", f"it was calibrated on too few runs for the level {level:g}", len(unit)))
    elif budget is not None:
        doubts.append(trust.wide(regime.name, radius * unit, budget, level))
    else:
        usual = radius * limits.width[place]
        doubts.append(trust.wide(regime.name, radius * unit, usual, level, "nearly all in calibration"))
    return doubts


def residual(
    regime: Regime, made: Tensor, settings: Mapping[str, Tensor], checked: int = CHECKED, coarse: int = 1
) -> Tensor:
    """Return how far predicted frames are from one interval of the solver, (runs,): the largest relative VRMSE.

    Each of the `checked` frames, the last among them, is compared with the solver's answer to the one before it; a
    rollout of so many frames costs that share of a run of the solver. Infinite where the solver fails.

    Args:
        made: (runs, frames, channels, *points), the frame before the first of them not among them.
    """
    frames = made.shape[1]
    if frames < 2:
        return torch.zeros(len(made), dtype=torch.float64)
    places = sorted({max(1, round((k + 1) * (frames - 1) / checked)) for k in range(checked)})
    found = torch.zeros(len(made), dtype=torch.float64)
    for place in places:
        solved = _step(regime, made[:, place - 1], settings, coarse)
        error = metrics.vrmse(made[:, place], solved, len(regime.axes)).mean(-1)
        found = torch.maximum(found, error.nan_to_num(nan=torch.inf))
    return found


def _step(regime: Regime, start: Tensor, settings: Mapping[str, Tensor], coarse: int) -> Tensor:
    """Return the frame after each start; not a number where the solver fails."""
    try:
        return regime.solve(start, settings, coarse=coarse, frames=2)[:, 1].double()
    except SolverError:
        if len(start) == 1:
            return torch.full_like(start, torch.nan)
    parts = [_step(regime, start[k : k + 1], {n: v[k : k + 1] for n, v in settings.items()}, coarse)
             for k in range(len(start))]  # fmt: skip
    return torch.cat(parts)
