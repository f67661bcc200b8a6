"""Bands that hold the whole of a rollout, and bounds of its error in norm, by split conformal calibration.

    |u(t, c, x) - prediction| <= radius(level) s w(t, c) (floor d_c + g(t, c, x))    at every t <= h, c, x at once
    VRMSE(t) <= radius'(level) s' w'(t)                                             at every t <= h at once

with probability `level`. h: the shortest of a few horizons that is no shorter than the frames asked, each of which has
its own radii, s, w and floor; g: the steepness of the prediction near x (`features`); d_c: the deviation of the
channel in training; w: a profile over frames and channels; s: what `expected` makes of the features of the run. All
but the radii are chosen with runs whose scores are not counted, so that the radii are those of `conformal` for whole
runs, each regime on its own.

A channel's bounds, which no run leaves, clip the band and take nothing from its coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from physics.surrogate import metrics
from physics.surrogate.conformal import Conformal
from physics.surrogate.fields.expected import Expected, learn
from physics.surrogate.fields.features import Look, predicted, steepness
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime

HORIZONS = (1, 4, 12)  # frames, and all of them
FLOORS = (0.03, 0.1, 0.3, 1.0, 10.0)  # the last of them is nearly the same everywhere
_HIGH = 0.9  # of the runs: a profile is this quantile of their relative errors
_LEAST = 0.02  # of its mean, below which a profile does not fall


class Seen(NamedTuple):
    """Of runs whose truth is known.

    Attributes:
        look: what is seen of them without it.
        reach: the largest error over the local scale with each of `FLOORS`, shape (runs, frames, channels, floors).
        vrmse: the mean over channels, shape (runs, frames).
        residual: of the equation (`doubts.residual`), shape (runs,); not a number where it was not measured.
        settings: shape (runs,) each.
    """

    look: Look
    reach: Tensor
    vrmse: Tensor
    residual: Tensor
    settings: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.vrmse)

    def part(self, runs: slice) -> Seen:
        """Return some of the runs."""
        return Seen(
            Look(*(each[runs] for each in self.look)),
            self.reach[runs],
            self.vrmse[runs],
            self.residual[runs],
            {name: value[runs] for name, value in self.settings.items()},
        )


def joined(parts: list[Seen]) -> Seen:
    """Return the runs of several batches as one."""
    return Seen(
        Look(*(torch.cat(each) for each in zip(*(part.look for part in parts), strict=True))),
        torch.cat([part.reach for part in parts]),
        torch.cat([part.vrmse for part in parts]),
        torch.cat([part.residual for part in parts]),
        {name: torch.cat([part.settings[name] for part in parts]) for name in parts[0].settings},
    )


def horizons_of(regime: Regime, history: int) -> tuple[int, ...]:
    """Return the horizons that are calibrated, the last of them all frames that a run of training has."""
    most = regime.frames - history
    return (*(each for each in HORIZONS if each < most), most)


def compare(
    model: Surrogate,
    regime: Regime,
    frames: Frames,
    check: Callable[[Tensor, Mapping[str, Tensor]], Tensor] | None = None,
) -> Seen:
    """Predict a batch of runs from their first frames, and compare with the others.

    Args:
        frames: the runs, as long as those of training.
        check: what measures the residual of predicted frames, if it is wanted.
    """
    history = model.shape.history
    values, horizons = frames.values, horizons_of(regime, history)
    made, look = predicted(model, regime, values[:, :history], frames.settings, horizons[-1], values[:, 0], horizons)
    truth = values[:, history : history + horizons[-1]]
    error = (made - truth).abs().nan_to_num(nan=torch.inf).float()
    steep = steepness(made.float(), regime)
    deviation = model.adapter(regime.name).deviation
    reach = [(error / _local(steep, deviation, floor)).flatten(3).amax(3) for floor in FLOORS]
    vrmse = metrics.vrmse(made.float(), truth, len(regime.axes)).mean(-1).nan_to_num(nan=torch.inf)
    residual = torch.full((len(made),), torch.nan).double() if check is None else check(made, frames.settings)
    return Seen(look, torch.stack(reach, -1).double(), vrmse.double(), residual, dict(frames.settings))


def _local(steep: Tensor, deviation: Tensor, floor: float) -> Tensor:
    """Return floor d_c + g, of the shape of g (runs, frames, channels, *points)."""
    return floor * deviation.to(steep).reshape(-1, *(1,) * (steep.dim() - 3)) + steep


@dataclass(frozen=True)
class Horizon:
    """The calibration of one horizon.

    Attributes:
        frames: h.
        floor: of the local scale.
        profile: w, shape (frames, channels); `norms`: w', shape (frames,).
        size, norm_size: s and s'.
        scores, norm_scores: of the calibration runs; None before they are known.
    """

    frames: int
    floor: float
    profile: Tensor
    norms: Tensor
    size: Expected
    norm_size: Expected
    scores: Conformal | None = None
    norm_scores: Conformal | None = None

    def radius(self, level: float) -> float:
        """Return the radius of the band; infinite where there are too few runs for the level."""
        return _radius(self.scores, level)

    def norm_radius(self, level: float) -> float:
        """Return the radius of the error in norm."""
        return _radius(self.norm_scores, level)


def _radius(scores: Conformal | None, level: float) -> float:
    if scores is None:
        raise ValueError("the horizon was not calibrated")
    return float(scores.radius(level))


@dataclass(frozen=True)
class Intervals:
    """The calibration of one regime: its horizons, rising, and the deviation of each channel in training."""

    horizons: tuple[Horizon, ...]
    deviation: Tensor

    @property
    def frames(self) -> tuple[int, ...]:
        """The horizons in frames."""
        return tuple(each.frames for each in self.horizons)

    def place(self, frames: int) -> int:
        """Return which horizon serves so many frames; the last where none does."""
        return next((k for k, h in enumerate(self.frames) if h >= frames), len(self.horizons) - 1)

    def score(self, seen: Seen, place: int) -> Tensor:
        """Return the scores of runs at a horizon, shape (runs,): within the band where at most its radius."""
        own = self.horizons[place]
        reach = seen.reach[:, : own.frames, :, FLOORS.index(own.floor)] / own.profile
        return reach.flatten(1).amax(1) / own.size(features(seen.look, place, own.frames))

    def norm_score(self, seen: Seen, place: int) -> Tensor:
        """Return the scores of the errors in norm at a horizon, shape (runs,)."""
        own = self.horizons[place]
        return (seen.vrmse[:, : own.frames] / own.norms).amax(1) / own.norm_size(features(seen.look, place, own.frames))

    def unit_width(self, look: Look, place: int) -> Tensor:
        """Return the half-widths for a radius of one, (runs, frames, channels): means over points, relative to d_c."""
        own = self.horizons[place]
        local = own.floor + look.steep[:, : own.frames] / self.deviation
        return own.size(features(look, place, own.frames))[:, None, None] * own.profile * local

    def half_width(self, made: Tensor, look: Look, regime: Regime, level: float, place: int) -> Tensor:
        """Return the half-width of the band at every point of frames (runs, frames, channels, *points)."""
        own, points = self.horizons[place], (1,) * (made.dim() - 3)
        local = _local(steepness(made, regime), self.deviation, own.floor)
        size = own.radius(level) * own.size(features(look, place, own.frames))
        profile = own.profile[: made.shape[1]].reshape(*made.shape[1:3], *points)
        return size.reshape(-1, 1, 1, *points) * profile * local

    def bound(self, look: Look, level: float, place: int, frames: int) -> Tensor:
        """Return the bound of the VRMSE of each frame, shape (runs, frames)."""
        own = self.horizons[place]
        return own.norm_radius(level) * own.norm_size(features(look, place, own.frames))[:, None] * own.norms[:frames]


def features(look: Look, place: int, frames: int) -> Tensor:
    """Return what the size of an error is expected from: how a run starts, the answer, and what was mended in it."""
    mended = (look.moved[:, :frames].amax(1, keepdim=True) + 1e-4).log()
    return torch.cat([look.start, look.answer[:, place], mended], 1)


def calibrate(seen: Seen, horizons: tuple[int, ...], deviation: Tensor, fitted: int) -> Intervals:
    """Return the intervals of a regime: the first `fitted` runs choose the scales, the others give the scores."""
    first, rest = seen.part(slice(0, fitted)), seen.part(slice(fitted, None))
    deviation = deviation.double()
    sized = [_sized(first, place, h, deviation) for place, h in enumerate(horizons)]
    scaled = Intervals(tuple(sized), deviation)
    return Intervals(
        tuple(
            replace(
                each,
                scores=Conformal.of(scaled.score(rest, place)),
                norm_scores=Conformal.of(scaled.norm_score(rest, place)),
            )
            for place, each in enumerate(sized)
        ),
        deviation,
    )


def _sized(seen: Seen, place: int, frames: int, deviation: Tensor) -> Horizon:
    """Return a horizon with the floor that gives the narrowest bands, not yet calibrated."""
    given = features(seen.look, place, frames)
    norms, norm_size = _scale(seen.vrmse[:, :frames, None], given)
    best, kept = float("inf"), None
    for index, floor in enumerate(FLOORS):
        profile, size = _scale(seen.reach[:, :frames, :, index], given)
        own = Horizon(frames, floor, profile, norms[:, 0], size, norm_size)
        trial = Intervals((*[own] * (place + 1),), deviation)
        radius = float(trial.score(seen, place).clamp(max=1e12).quantile(_HIGH))
        width = radius * float(trial.unit_width(seen.look, place).mean((1, 2)).median())
        if kept is None or width < best:
            best, kept = width, own
    if kept is None:
        raise ValueError("there are no floors")
    return kept


def _scale(reach: Tensor, given: Tensor) -> tuple[Tensor, Expected]:
    """Return w (frames, channels) and s, from errors over the local scale (runs, frames, channels)."""
    sound = reach.clamp(max=1e6)
    middle = sound.median(0).values.clamp_min(1e-12)
    hard = (sound / middle).flatten(1).amax(1).clamp_min(1e-12)
    profile = (sound / hard[:, None, None]).quantile(_HIGH, dim=0)
    profile = profile.clamp_min(_LEAST * float(profile.mean())).clamp_min(1e-12)
    return profile, learn(given, (sound / profile).flatten(1).amax(1))
