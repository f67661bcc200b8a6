"""Runs of which one channel is not seen: how much of it does a history tell, and does a fading memory help?

The rate of the sine-Gordon waves is hidden, so that one frame does not say where a wave goes; and the second species of
Gray-Scott, which the first one feeds and which decays: an internal variable, as the stress of a viscoelastic body
is of its strain. Every model sees the frames before `SEEN` of its own history alone, and all are judged on those from
`SEEN` on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from evals.surrogate.trainings import MINUTES, carried_on, parameters_of, steps_of
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.train import Trainer
from physics.surrogate.frames import Frames, read
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get
from tools.surrogate.fields import judged

SEEN = 8
HIDDEN = {"klein_gordon": "rate", "gray_scott": "b"}
SHAPES = {
    "one_frame": Shape(history=1),
    "four_frames": Shape(history=4),
    "eight_frames": Shape(history=SEEN),
    "fading_memory": Shape(history=SEEN, memory=3),
}


def partial(regime: Regime, hidden: str) -> Regime:
    """Return the regime without a channel; what it keeps cannot be known of the rest."""
    left = tuple(channel for channel in regime.channels if channel.name != hidden)
    if len(left) == len(regime.channels):
        raise ValueError(f"{regime.name} has no channel {hidden}")
    made: Regime = type("Partial", (type(regime),), {"channels": left, "invariants": ()})()
    return made


def partial_frames(frames: Frames, regime: Regime, hidden: str, first: int = 0) -> Frames:
    """Return the frames from `first` on without a channel."""
    kept = [k for k, channel in enumerate(regime.channels) if channel.name != hidden]
    return replace(frames, values=frames.values[:, first:, kept])


def about(shape: str) -> dict[str, Any]:
    """Return what a shape by name stands for, and the channels that are hidden."""
    return {"hidden": dict(HIDDEN), "shape": SHAPES[shape].as_dict(), "settings": Settings().as_dict()}


def piece(folder: Path, name: str, *, shape: str, seed: int, data: Path, minutes: float = MINUTES) -> dict[str, Any]:
    """Train on the regimes of `HIDDEN` as many steps as ours has, and return the errors on the test runs."""
    chosen = SHAPES[shape]
    whole = {each: get(each) for each in HIDDEN}
    regimes = {each: partial(whole[each], hidden) for each, hidden in HIDDEN.items()}

    def runs(each: str, split: str, first: int = 0) -> Frames:
        return partial_frames(read(data, whole[each], split), whole[each], HIDDEN[each], first)

    torch.manual_seed(seed)
    model = Surrogate(regimes, chosen)
    learned = {each: runs(each, "train") for each in regimes}
    for each, frames in learned.items():
        model.set_scales(each, scales_of(frames))
    steps = steps_of(folder, "ours", minutes * len(regimes))
    part = folder / f"{name}.part"
    settings = replace(Settings(), steps=steps, seed=seed)
    trainer = Trainer(model, regimes, learned, settings, history=chosen.history, path=part, about=about(shape))
    made = carried_on(trainer)
    first = SEEN - chosen.history
    vrmse = {each: judged(made, regime, runs(each, "test", first)) for each, regime in regimes.items()}
    part.unlink(missing_ok=True)
    return {
        "model": shape,
        "seed": seed,
        "steps": steps,
        "parameters": parameters_of(made),
        "cpu_minutes": trainer.seconds / 60.0,
        "vrmse": vrmse,
    }
