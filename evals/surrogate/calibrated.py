"""Records of what a calibration of the surrogate of fields is worth on runs whose truth is known, and of its speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from evals.surrogate.records import Records, Speed, Split
from evals.surrogate.reliability import LEVELS, reliability, risk
from physics.surrogate import trust
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.intervals import Seen
from physics.surrogate.fields.judge import LEVEL, held, held_in_norm, raised
from physics.surrogate.regime import Regime
from physics.surrogate.trust import Doubt


@torch.no_grad()
def trusted(calibration: Calibration, regime: Regime, seen: Seen, split: Split) -> Records:
    """Return coverage, half-widths and risk of whole rollouts: `physics.surrogate.fields.intervals.compare` gives runs.

    Doubt is ordered by the bound of the error in norm; a run exceeds its interval where its band or its bound fails.
    """
    intervals, last = calibration.intervals, len(calibration.intervals.horizons) - 1
    own = intervals.horizons[last]
    away = trust.abstained(raised(calibration, regime, seen), len(seen))
    exceeding = ~held(calibration, seen, last) | ~held_in_norm(calibration, seen, last)
    bound = intervals.bound(seen.look, LEVEL, last, 1)[:, 0]
    return Records(
        reliability=(
            reliability(
                regime.name,
                split,
                intervals.score(seen, last),
                torch.tensor([own.radius(level) for level in LEVELS]),
                widths=own.radius(LEVEL) * intervals.unit_width(seen.look, last),
                level=LEVEL,
            ),
        ),
        risk=(risk(regime.name, split, seen.vrmse.mean(1), bound, away, exceeding),),
    )


def sentences(found: Sequence[Doubt], runs: int) -> list[list[str]]:
    """Return what the doubts say of each run."""
    return [[sentence for _, sentence in trust.reasons(found, run)] for run in range(runs)]


def speed(regime: str, told: Mapping[str, Any]) -> Speed:
    """Return the speed of a regime as a card tells it: `physics.surrogate.fields.speed.measure`."""
    return Speed(
        regime=regime,
        batch=told["batch"],
        surrogate=1e-6 * told["surrogate_us"],
        solver=1e-6 * told["solver_us"],
        coarse=told["coarse"],
        error=told["error"],
        solver_error=told["solver_error"],
        ratio=told["ratio"],
        answers="surrogate" if told["ratio"] >= trust.FASTER else "solver",
    )
