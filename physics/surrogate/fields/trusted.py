"""`Trusted`: a surrogate of fields that knows how wrong it may be: frames with bands, and the reasons not to show them.

A run is told by its first frames and its settings. What the surrogate is not trusted with, the solver goes on with
from the last frame given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from physics.surrogate import trust
from physics.surrogate.conformal import check_level
from physics.surrogate.fields import doubts, stored
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.features import predicted
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.regime import Regime
from physics.surrogate.trust import Doubt


@dataclass(frozen=True)
class Prediction:
    """The frames that follow, with bands of a level, and every reason not to trust them.

    Attributes:
        values, lower, upper: shape (runs, frames, channels, *points), double precision.
        bound: what the VRMSE of each frame is at most, shape (runs, frames).
        doubts: those after the rollout; `Trusted.before` gives those before it.
    """

    values: Tensor
    lower: Tensor
    upper: Tensor
    bound: Tensor
    level: float
    doubts: tuple[Doubt, ...]

    def abstained(self) -> Tensor:
        """Return which runs should be handed to the solver, shape (runs,)."""
        return trust.abstained(self.doubts, len(self.values))


@dataclass(frozen=True)
class Trusted:
    """A model with its calibration by regime, and what the cards tell of it."""

    model: Surrogate
    calibrations: Mapping[str, Calibration]
    told: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path = stored.SHIPPED) -> Trusted:
        """Return the surrogate whose weights stand at `path`, with the calibration beside them.

        Raises:
            DataError: weights or calibration are missing or cannot be used.
        """
        model, _ = stored.read(path)
        return cls(model, *stored.read_calibration(path, model))

    def unfit(self, regime: Regime) -> tuple[str, str] | None:
        """Return the kind and the sentence of why no run of a regime is answered; None where they are."""
        if regime.name not in self.model.regimes:
            return "weights", f"the weights do not know {regime.name}; they know {', '.join(self.model.regimes)}"
        if regime.name not in self.calibrations:
            return "weights", f"{regime.name} was never calibrated; run 'labwright surrogate calibrate {regime.name}'"
        slow = trust.slow(self.speed(regime))
        return ("speed", slow) if slow else None

    def speed(self, regime: Regime) -> dict[str, Any]:
        """Return the speeds that were measured with the calibration; empty where none were."""
        return dict(self.told.get(regime.name, {}).get("speed", {}))

    def before(self, regime: Regime, history: Tensor, settings: Mapping[str, Tensor], frames: int) -> list[Doubt]:
        """Return the doubts about runs that can be told before they are predicted."""
        most = self.calibrations[regime.name].intervals.frames[-1]
        return doubts.before(regime, history, settings, frames, most)

    @torch.no_grad()
    def predict(
        self,
        regime: Regime,
        history: Tensor,
        settings: Mapping[str, Tensor],
        frames: int,
        *,
        level: float = 0.9,
        budget: float | None = None,
        check: bool = False,
    ) -> Prediction:
        """Predict runs.

        Args:
            regime: one that is calibrated.
            history: the first frames, as many as the model sees, (runs, history, channels, *points).
            settings: shape (runs,) each.
            frames: how many more, at most those that were calibrated.
            level: probability with which a band holds the whole of a run over these frames.
            budget: see `doubts.after`.
            check: measure the residual of the equation too, for `doubts.CHECKED` intervals of the solver.

        Raises:
            ParameterError: the level is none.
        """
        check_level(level)
        own = self.calibrations[regime.name]
        intervals, limits = own.intervals, own.limits
        place = intervals.place(frames)
        h = intervals.frames[place]
        if frames > h:
            raise ValueError(f"{frames} frames are asked of {h}")
        start = history[:, 0]
        # the answer is judged up to the horizon that its radius is of, and shown as far as was asked
        made, look = predicted(self.model, regime, history, settings, h, start, intervals.frames[: place + 1])
        found = doubts.after(regime, intervals, limits, look, frames, level, budget)
        values = made[:, :frames]
        half = intervals.half_width(values, look, regime, level, place)
        lower, upper = clipped(regime, values - half, values + half)
        found += doubts.balanced(regime, values, start[:, None], settings)
        found.append(_finite(values))
        if check:
            residual = doubts.residual(regime, values, settings)
            found.append(trust.above("law", "the residual of the equation", residual, limits.residual))
        bound = intervals.bound(look, level, place, frames)
        return Prediction(
            values, torch.minimum(lower, values), torch.maximum(upper, values), bound, level, tuple(found)
        )


def solved(regime: Regime, given: Tensor, settings: Mapping[str, Tensor], frames: int) -> Tensor:
    """Return runs with all frames up to `frames` of them, the given ones (runs, given, ...) first, by the solver.

    Raises:
        SolverError: a run left the finite numbers.
    """
    left = frames - given.shape[1]
    if left <= 0:
        return given[:, :frames].double()
    made = regime.solve(given[:, -1].double(), settings, frames=left + 1)[:, 1:].double()
    return torch.cat([given.double(), made], 1)


def clipped(regime: Regime, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ends of a band within the bounds of each channel."""
    for index, channel in enumerate(regime.channels):
        if channel.bounds is not None:
            for end in (lower, upper):
                end[:, :, index].clamp_(*channel.bounds)
    return lower, upper


def _finite(values: Tensor) -> Doubt:
    broken = ~values.isfinite().flatten(1).all(1)
    return Doubt("law", broken, lambda member: "its answer is not finite")
