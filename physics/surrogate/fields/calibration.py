"""What the surrogate of fields knows of its own errors in one regime: intervals and limits, as tensors and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.surrogate.conformal import Conformal
from physics.surrogate.fields.doubts import Limits
from physics.surrogate.fields.expected import Expected
from physics.surrogate.fields.intervals import FLOORS, Horizon, Intervals, Seen, calibrate, horizons_of
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.regime import Regime

FITTED = (0.2, 256)  # of the calibration runs, and at most, that choose scales and give no score
FEWEST = 40  # calibration runs


@dataclass(frozen=True)
class Calibration:
    """One regime's."""

    intervals: Intervals
    limits: Limits

    @classmethod
    def of(cls, model: Surrogate, regime: Regime, seen: Seen, training: Tensor) -> Calibration:
        """Return the calibration from runs that the model was not trained on.

        Args:
            seen: the calibration runs, `FEWEST` or more.
            training: the features of the starts of the training runs, (runs, features).
        """
        horizons = horizons_of(regime, model.shape.history)
        intervals = calibrate(seen, horizons, model.adapter(regime.name).deviation, fitted(len(seen)))
        return cls(intervals, Limits.of(training, seen, intervals))

    def tensors(self) -> dict[str, Tensor]:
        """Return what has to be kept, in double precision."""
        limits = self.limits
        kept = {"deviation": self.intervals.deviation, "known": limits.known, "spread": limits.spread}
        kept["limits"] = _doubles(limits.distance, limits.moved, limits.excess, limits.residual)
        kept["width"] = _doubles(*limits.width)
        for place, own in enumerate(self.intervals.horizons):
            parts = {"of": _doubles(own.frames, own.floor), "profile": own.profile, "norms": own.norms}
            parts |= {f"size.{name}": value for name, value in own.size._asdict().items()}
            parts |= {f"norm_size.{name}": value for name, value in own.norm_size._asdict().items()}
            for name, scores in (("scores", own.scores), ("norm_scores", own.norm_scores)):
                if scores is not None:
                    parts[name] = scores.scores
            kept |= {f"{place}.{name}": value for name, value in parts.items()}
        return {name: value.double().contiguous() for name, value in kept.items()}

    @classmethod
    def restore(cls, kept: Mapping[str, Tensor]) -> Calibration:
        """Return the calibration whose `tensors` are given.

        Raises:
            KeyError: one of them is missing.
            ValueError: they do not fit together, or are not finite where they have to be.
        """
        count = len(kept["width"])
        intervals = Intervals(tuple(_horizon(kept, place) for place in range(count)), kept["deviation"])
        distance, moved, excess, residual = kept["limits"].tolist()
        limits = Limits(kept["known"], kept["spread"], distance, tuple(kept["width"].tolist()), moved, excess, residual)
        infinite = ("scores", "limits", "width")
        for name, value in kept.items():
            sound = ~value.isnan() if name.endswith(infinite) else value.isfinite()
            if not bool(sound.all()):
                raise ValueError(f"{name} holds numbers that are not finite")
        channels, features = len(intervals.deviation), len(limits.spread)
        fits = all(
            own.profile.shape == (own.frames, channels) and own.norms.shape == (own.frames,)
            for own in intervals.horizons
        )
        if not fits or limits.known.shape[1:] != (features,):
            raise ValueError("its tensors do not fit together")
        return cls(intervals, limits)


def fitted(count: int) -> int:
    """Return how many of so many calibration runs choose the scales."""
    return min(math.ceil(FITTED[0] * count), int(FITTED[1]))


def _doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _horizon(kept: Mapping[str, Tensor], place: int) -> Horizon:
    frames, told = kept[f"{place}.of"].tolist()
    floor = min(FLOORS, key=lambda each: abs(each - told))  # in single precision it is none of them
    size, norm_size = (
        Expected(*(kept[f"{place}.{kind}.{name}"] for name in Expected._fields)) for kind in ("size", "norm_size")
    )
    scores, norm_scores = (Conformal.of(kept[f"{place}.{name}"]) for name in ("scores", "norm_scores"))
    profile, norms = kept[f"{place}.profile"], kept[f"{place}.norms"]
    return Horizon(int(frames), floor, profile, norms, size, norm_size, scores, norm_scores)
