"""Figures of a model of fields on the runs of a regime: errors over time, PDEBench's metrics, spectra.

A model is called as `physics.surrogate.fields.model.Surrogate` is; its first predicted frame follows `history` true
ones. Runs are taken 64 at a time, frames one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evals.surrogate.cases import cases
from evals.surrogate.records import ChannelErrors, ErrorCurve, Horizon, Records, Spectrum, Split
from physics.surrogate import metrics
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.frames import Frames, fields_of
from physics.surrogate.regime import Regime

_AT_ONCE = 64  # runs
_WORST = 1e3  # the VRMSE that stands for what is not finite
_QUANTILES = (0.1, 0.5, 0.9)
_MOMENTS = (0.0, 0.25, 1.0)  # of the rollout, at which spectra are taken


@dataclass(frozen=True)
class Predicted:
    """The true frames after the history and what a model makes of them, (runs, frames, channels, *points), float32.

    Attributes:
        made: by horizon; "step": each frame predicted from the true ones before it, "rollout": from the model's own,
            as they are shown.
        times: of the frames, counted from the last true one that was given, (frames,).
    """

    true: Tensor
    made: Mapping[Horizon, Tensor]
    times: tuple[float, ...]


def measured(
    model: nn.Module,
    regime: Regime,
    frames: Frames,
    history: int,
    split: Split = "within",
    doubts: Sequence[Sequence[str]] | None = None,
) -> Records:
    """Return the errors, the metrics, the spectra and the worst cases of a model on runs.

    Args:
        model: ready to predict.
        regime: of the runs.
        frames: the runs, with what they truly do.
        history: how many frames the model sees.
        split: what the runs are; of runs beyond the ranges there are rollouts alone, and no spectra.
        doubts: of each run, what speaks against the surrogate; None where nobody asked.
    """
    horizons: tuple[Horizon, ...] = ("step", "rollout") if split == "within" else ("rollout",)
    made = predicted(model, regime, frames, history, horizons)
    rolled, error = made.made["rollout"], vrmse(made, regime, "rollout")
    worst = 2 if split == "within" else 1
    return Records(
        errors=tuple(error_curve(made, regime, horizon, split) for horizon in horizons),
        channels=tuple(each for horizon in horizons for each in channel_errors(made, regime, horizon, split)),
        spectra=tuple(spectra(made, regime)) if split == "within" else (),
        cases=tuple(
            cases(regime, made.true, rolled, error, made.times, frames.settings, split, doubts=doubts, worst=worst)
        ),
    )


@torch.no_grad()
def predicted(
    model: nn.Module, regime: Regime, frames: Frames, history: int, horizons: Sequence[Horizon] = ("step", "rollout")
) -> Predicted:
    """Return what a model predicts of runs, rolled out and, where asked for, step by step."""
    model.eval()
    parts: dict[Horizon, list[Tensor]] = {horizon: [] for horizon in ("rollout", *horizons)}
    for first in range(0, len(frames), _AT_ONCE):
        runs = slice(first, first + _AT_ONCE)
        values = frames.values[runs]
        settings = {name: value[runs] for name, value in frames.settings.items()}
        start, after = values[:, 0], values.shape[1] - history
        parts["rollout"].append(rollout(model, regime, values[:, :history], settings, after, start).float())
        if "step" in horizons:
            seen = (values[:, t : t + history] for t in range(after))
            step = [model(before, settings, regime.name, start) for before in seen]
            parts["step"].append(torch.stack(step, 1))
    times = tuple(regime.interval * (k + 1) for k in range(frames.values.shape[1] - history))
    return Predicted(frames.values[:, history:], {name: torch.cat(each) for name, each in parts.items()}, times)


def vrmse(made: Predicted, regime: Regime, horizon: Horizon) -> Tensor:
    """Return the mean over channels, (runs, frames)."""
    found = [metrics.vrmse(*pair, len(regime.axes)).mean(-1) for pair in _by_frame(made, horizon)]
    return torch.nan_to_num(torch.stack(found, 1), nan=_WORST, posinf=_WORST).clamp(max=_WORST)


def _by_frame(made: Predicted, horizon: Horizon) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what was predicted and what is true, frame by frame, (runs, channels, *points), in double precision."""
    chosen = made.made[horizon]
    for frame in range(chosen.shape[1]):
        yield chosen[:, frame].double(), made.true[:, frame].double()


def error_curve(made: Predicted, regime: Regime, horizon: Horizon, split: Split) -> ErrorCurve:
    """Return the quantiles over runs of VRMSE at each frame."""
    error = vrmse(made, regime, horizon).double()
    low, median, high = map(tuple, torch.quantile(error, torch.tensor(_QUANTILES, dtype=torch.float64), 0).tolist())
    return ErrorCurve(
        regime=regime.name,
        horizon=horizon,
        split=split,
        runs=len(error),
        time_unit=regime.time_unit,
        times=made.times,
        low=low,
        median=median,
        high=high,
    )


def channel_errors(made: Predicted, regime: Regime, horizon: Horizon, split: Split) -> list[ChannelErrors]:
    """Return PDEBench's metrics, channel by channel."""
    axes = len(regime.axes)
    found: dict[str, list[Tensor]] = {
        name: [] for name in ("rmse", "nrmse", "boundary", "bands", "conserved", "largest")
    }
    for pair in _by_frame(made, horizon):
        found["rmse"].append(metrics.rmse(*pair, axes).mean(0))
        found["nrmse"].append(metrics.nrmse(*pair, axes).mean(0))
        found["boundary"].append(metrics.boundary_rmse(*pair, axes).mean(0))
        found["bands"].append(metrics.band_rmse(*pair, axes).mean(0))
        found["conserved"].append(metrics.conserved_rmse(*pair, axes).square().mean(0).sqrt())
        found["largest"].append(metrics.largest(*pair, axes).amax(0))
    largest = torch.stack(found.pop("largest")).amax(0)
    mean = {name: torch.stack(frames).mean(0) for name, frames in found.items()}
    return [
        ChannelErrors(
            regime=regime.name,
            horizon=horizon,
            split=split,
            channel=channel.name,
            unit=channel.unit,
            rmse=float(mean["rmse"][k]),
            nrmse=float(mean["nrmse"][k]),
            conserved=float(mean["conserved"][k]),
            largest=float(largest[k]),
            boundary=float(mean["boundary"][k]),
            bands=tuple(mean["bands"][k].tolist()),
        )
        for k, channel in enumerate(regime.channels)
    ]


def spectra(made: Predicted, regime: Regime) -> list[Spectrum]:
    """Return the energy of each field, summed over the components of a vector, early in the rollout and at its end."""
    axes, last = len(regime.axes), len(made.times) - 1
    found = []
    for moment in sorted({round(share * last) for share in _MOMENTS}):
        true, wrong = (
            metrics.spectrum(part[:, moment], axes).double().mean(0) for part in (made.true, made.made["rollout"])
        )
        for field, parts in fields_of(regime).items():
            unit = regime.channels[parts[0]].unit
            found.append(
                Spectrum(
                    regime=regime.name,
                    field=field,
                    unit=f"({unit})**2" if unit else "",
                    time=made.times[moment],
                    time_unit=regime.time_unit,
                    true=tuple(true[parts].sum(0).tolist()),
                    predicted=tuple(wrong[parts].sum(0).tolist()),
                )
            )
    return found
