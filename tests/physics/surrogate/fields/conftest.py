"""A small model of two regimes that knows a little, made once: its errors are large, its calibration must be right."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.features import of_start
from physics.surrogate.fields.intervals import Seen, compare, joined
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.frames import Frames
from physics.surrogate.generate import one
from physics.surrogate.regimes import all_regimes

SMALL = Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, backbone_layers=1)
NAMES = ("klein_gordon", "advection_dispersion")
RUNS = {"train": 40, "calibration": 120, "coverage": 120, "beyond": 24}


@pytest.fixture
def runs() -> dict[str, dict[str, Frames]]:
    return solved()


@pytest.fixture
def model() -> Surrogate:
    return hardly_trained()


@pytest.fixture
def seen() -> dict[str, dict[str, Seen]]:
    return looked_at()


@pytest.fixture
def trusted() -> Trusted:
    return calibrated_fields()


@cache
def solved() -> dict[str, dict[str, Frames]]:
    """Return runs of each regime and split."""
    return {
        name: {
            split: one(all_regimes()[name], split, range(count), 3, split == "beyond", 0)
            for split, count in RUNS.items()
        }
        for name in NAMES
    }


@cache
def hardly_trained() -> Surrogate:
    """Return a model whose increments are small and wrong."""
    runs = solved()
    torch.manual_seed(0)
    found = Surrogate({name: all_regimes()[name] for name in NAMES}, SMALL).eval().requires_grad_(False)
    for name in NAMES:
        found.set_scales(name, scales_of(runs[name]["train"]))
        torch.nn.init.normal_(found.adapter(name).leave.weight, std=0.02)
    return found


@cache
def looked_at() -> dict[str, dict[str, Seen]]:
    """Return the runs of each regime and split as calibration sees them, in batches of uneven length."""
    model, runs = hardly_trained(), solved()
    return {
        name: {split: compared(model, frames) for split, frames in runs[name].items() if split != "train"}
        for name in NAMES
    }


def compared(model: Surrogate, frames: Frames) -> Seen:
    parts = [slice(0, 13), slice(13, None)]
    return joined([compare(model, all_regimes()[frames.regime], cut(frames, part)) for part in parts])


def cut(frames: Frames, part: slice) -> Frames:
    """Return some of the runs."""
    return Frames(frames.regime, frames.values[part], {name: value[part] for name, value in frames.settings.items()})


@cache
def calibrated_fields() -> Trusted:
    """Return the model with its calibration, told to be fast."""
    model, runs, seen = hardly_trained(), solved(), looked_at()
    found, told = {}, {}
    for name in NAMES:
        regime, adapter, train = all_regimes()[name], model.adapter(name), runs[name]["train"]
        starts = of_start(
            train.values[:, :4].double(), train.settings, regime, adapter.mean.double(), adapter.deviation.double()
        )
        found[name] = Calibration.of(model, regime, seen[name]["calibration"], starts)
        told[name] = {"speed": {"ratio": 500.0, "solver_us": 1e6, "surrogate_us": 2e3, "batch": 64, "frames": 24}}
    return Trusted(model, found, told)
