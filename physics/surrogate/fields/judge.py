"""How good a calibration is on fresh runs: coverage and sharpness by horizon, and what abstention catches beyond."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from physics.surrogate import trust
from physics.surrogate.fields import doubts
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.intervals import Seen
from physics.surrogate.regime import Regime
from physics.surrogate.summary import rounded, spread
from physics.surrogate.trust import Doubt

LEVEL = 0.9
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
ANSWERED = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.1)


def inside(calibration: Calibration, regime: Regime, seen: Seen) -> dict[str, Any]:
    """Return what fresh runs in distribution show.

    `horizons` has for each the coverage of the band and of the bound in norm, the half-widths (means over points,
    relative to the channel's deviation, the widest frame of each run), the bounds and the VRMSE itself (the largest
    of each run); `reliability` nominal levels with the coverage of both over the whole rollout; `risk` the mean VRMSE
    of the share that is answered where the least sure are handed over first.
    """
    intervals = calibration.intervals
    found = []
    for place, own in enumerate(intervals.horizons):
        width = own.radius(LEVEL) * doubts.widest(intervals, seen.look, place)
        row: dict[str, Any] = {
            "frames": own.frames,
            "floor": own.floor,
            "coverage": rounded(_share(held(calibration, seen, place))),
            "norm_coverage": rounded(_share(held_in_norm(calibration, seen, place))),
            "half_width": spread(width),
            "bound": spread(intervals.bound(seen.look, LEVEL, place, own.frames).amax(1)),
            "vrmse": spread(seen.vrmse[:, : own.frames].amax(1)),
        }
        found.append(row)
    last = len(intervals.horizons) - 1
    every = raised(calibration, regime, seen)
    return {
        "runs": len(seen),
        "horizons": found,
        "reliability": [
            [level, rounded(_share(held(calibration, seen, last, level))),
             rounded(_share(held_in_norm(calibration, seen, last, level)))]
            for level in LEVELS
        ],
        "abstained": rounded(_share(trust.abstained(every, len(seen)))),
        "why": _why(every),
        "risk": risk(calibration, seen),
    }  # fmt: skip


def beyond(calibration: Calibration, regime: Regime, seen: Seen) -> dict[str, Any]:
    """Return what becomes of runs outside the ranges over the whole rollout.

    `missed` is how many have an error beyond their band, or in norm beyond its bound, and `caught` the share of those
    on which the surrogate abstains; `caught_otherwise` that for other reasons than the range of a setting.
    """
    last = len(calibration.intervals.horizons) - 1
    band, norm = held(calibration, seen, last), held_in_norm(calibration, seen, last)
    every = raised(calibration, regime, seen)
    away = trust.abstained(every, len(seen))
    other = trust.abstained([each for each in every if each.kind != "range"], len(seen))
    missed = ~band | ~norm
    return {
        "runs": len(seen),
        "coverage": rounded(_share(band)),
        "norm_coverage": rounded(_share(norm)),
        "abstained": rounded(_share(away)),
        "why": _why(every),
        "missed": int(missed.sum()),
        "caught": rounded(_share(away[missed])) if bool(missed.any()) else 1.0,
        "caught_otherwise": rounded(_share(other[missed])) if bool(missed.any()) else 1.0,
        "vrmse": spread(seen.vrmse.amax(1)),
    }


def held(calibration: Calibration, seen: Seen, place: int, level: float = LEVEL) -> Tensor:
    """Return which runs lie wholly within their band up to a horizon, shape (runs,)."""
    intervals = calibration.intervals
    return intervals.score(seen, place) <= intervals.horizons[place].radius(level)


def held_in_norm(calibration: Calibration, seen: Seen, place: int, level: float = LEVEL) -> Tensor:
    """Return of which runs the VRMSE of every frame up to a horizon is within its bound, shape (runs,)."""
    intervals = calibration.intervals
    return intervals.norm_score(seen, place) <= intervals.horizons[place].norm_radius(level)


def risk(calibration: Calibration, seen: Seen) -> list[list[float]]:
    """Return shares answered and the mean VRMSE over the rollouts of those, the lowest bounds in norm first."""
    intervals = calibration.intervals
    last = len(intervals.horizons) - 1
    sure = intervals.bound(seen.look, LEVEL, last, 1)[:, 0].argsort()
    error = seen.vrmse.mean(1)[sure]
    return [[share, float(f"{float(error[: max(1, round(share * len(error)))].mean()):.4g}")] for share in ANSWERED]


def raised(calibration: Calibration, regime: Regime, seen: Seen) -> list[Doubt]:
    """Return the doubts about runs that are rolled out to the end, with the budget of width that is usual."""
    intervals, limits = calibration.intervals, calibration.limits
    found = trust.outside(regime.ranges, seen.settings)
    return found + doubts.after(regime, intervals, limits, seen.look, intervals.frames[-1], LEVEL, None)


def _why(found: list[Doubt]) -> dict[str, float]:
    """Return the share of runs that each kind of doubt concerns."""
    kinds: dict[str, Tensor] = {}
    for each in found:
        kinds[each.kind] = kinds.get(each.kind, torch.zeros_like(each.members)) | each.members
    return {kind: rounded(_share(members)) for kind, members in kinds.items() if bool(members.any())}


def _share(flags: Tensor) -> float:
    return float(flags.double().mean())
