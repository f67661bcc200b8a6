"""All figures of one regime for the dashboard, from weights, their calibration and the runs of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from evals.surrogate.calibrated import sentences, speed, trusted
from evals.surrogate.measure import measured
from evals.surrogate.records import Records, Split
from physics.errors import DataError
from physics.surrogate.fields import stored
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.intervals import Seen, compare, joined
from physics.surrogate.fields.judge import raised
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.frames import Frames, read
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get

_AT_ONCE = 64  # runs
SPLITS: dict[Split, str] = {"within": "test", "beyond": "beyond"}
FRESH = "coverage"  # the split that coverage within the ranges is counted on
READS = (*SPLITS.values(), FRESH)


def figures(data: Path, weights: Path, name: str, runs: int | None = None) -> Records:
    """Return the figures of one regime; without a calibration those of errors, spectra and worst cases alone.

    Args:
        data: a folder that `labwright surrogate data` made.
        weights: of the surrogate of fields; its calibration stands beside it.
        name: of the regime.
        runs: how many of each split at most; all of them if left out.

    Raises:
        DataError: the weights or the runs cannot be used.
    """
    model, _ = stored.read(weights)
    regime, some = get(name), slice(runs)
    calibration, told = _calibration(weights, model, name)
    parts = []
    for split, folder in SPLITS.items():
        frames = read(data, regime, folder, some)
        doubts = None
        if calibration is not None:
            seen = _seen(model, regime, frames)
            doubts = sentences(raised(calibration, regime, seen), len(seen))
            fresh = seen if split == "beyond" else _seen(model, regime, read(data, regime, FRESH, some))
            parts.append(trusted(calibration, regime, fresh, split))
        parts.append(measured(model, regime, frames, model.shape.history, split, doubts))
    if "speed" in told:
        parts.append(Records(speed=(speed(name, told["speed"]),)))
    return Records.joined(parts)


def piece(
    folder: Path, name: str, *, data: Path, weights: Path, regime: str, runs: int | None = None
) -> dict[str, Any]:
    """Return the figures of a regime, as a piece of the study."""
    found = figures(data, weights, regime, runs)
    told: dict[str, Any] = found.model_dump(mode="json", exclude_defaults=True)
    return told


def _calibration(weights: Path, model: Surrogate, name: str) -> tuple[Calibration | None, dict[str, Any]]:
    try:
        calibrations, told = stored.read_calibration(weights, model)
    except DataError:
        return None, {}
    return calibrations.get(name), told.get(name, {})


@torch.no_grad()
def _seen(model: Surrogate, regime: Regime, frames: Frames) -> Seen:
    parts = []
    for first in range(0, len(frames), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        settings = {name: value[part] for name, value in frames.settings.items()}
        parts.append(compare(model, regime, Frames(frames.regime, frames.values[part], settings)))
    return joined(parts)
