"""Train the surrogate of fields on the runs of a folder: resumable, and whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from physics.errors import InputError, SolverError
from physics.surrogate.fields import stored
from physics.surrogate.fields.accuracy import errors
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.train import Progress, Trainer
from physics.surrogate.frames import Frames, path_of, read
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import all_regimes, get
from tools.errors import Failed, Retry
from tools.surrogate.data import duration

STEPS = 7733  # of what ships
TOY = Shape(latent=8, frame=4, tokens=16, given=12, blocks=2, backbone_layers=1)


def train_fields(
    names: Sequence[str],
    data: Path,
    out: Path,
    *,
    settings: Settings | None = None,
    shape: Shape | None = None,
    again: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train one model on the named regimes (all of them if none is named) and write it with its card to `out`.

    A training that was stopped goes on from its checkpoint, `out` with `.part` behind it, unless `again`.

    Returns:
        `status`, `file` and the card: shape, settings, data, minutes of the processor, VRMSE by regime on the test
        runs.

    Raises:
        Retry: a name, the data or a file cannot be used; nothing was written.
        Failed: the training left the finite numbers.
    """
    settings, shape = settings or Settings(), shape or Shape()
    try:
        regimes = {regime.name: regime for regime in [get(name) for name in names] or all_regimes().values()}
        training = {name: read(data, regime, "train") for name, regime in regimes.items()}
        tested = {name: read(data, regime, "test") for name, regime in regimes.items()}
        about = {"shape": shape.as_dict(), "data": {name: digest(path_of(data, name, "train")) for name in regimes}}
        kept = out.with_name(out.name + ".part")
        trainer = _trainer(regimes, training, settings, shape, kept, about)
        if again:
            kept.unlink(missing_ok=True)
        elif trainer.resume() and progress is not None:
            progress(f"going on from step {trainer.step} of {settings.steps}")
        model = trainer.run(report=None if progress is None else lambda done: progress(_words(done)))
        card = {
            **about,
            "settings": settings.as_dict(),
            "processor_minutes": round(trainer.seconds / 60.0, 2),
            "parameters": sum(part.numel() for part in model.parameters()),
            "runs": {name: len(frames) for name, frames in training.items()},
            "vrmse": {name: judged(model, regimes[name], tested[name]) for name in regimes},
        }
        stored.write(out, model, card)
    except InputError as error:
        raise Retry(str(error)) from error
    except SolverError as error:
        raise Failed(str(error)) from error
    kept.unlink(missing_ok=True)
    return {"status": "done", "file": str(out), "card": card}


def _trainer(
    regimes: Mapping[str, Regime],
    data: Mapping[str, Frames],
    settings: Settings,
    shape: Shape,
    path: Path,
    about: Mapping[str, object],
) -> Trainer[Surrogate]:
    torch.manual_seed(settings.seed)
    model = Surrogate(regimes, shape)
    for name, frames in data.items():
        model.set_scales(name, scales_of(frames))
    return Trainer(model, regimes, data, settings, history=shape.history, path=path, about=about)


def judged(model: Surrogate, regime: Regime, frames: Frames) -> dict[str, float]:
    """Return the mean VRMSE of one step and of rollouts."""
    found = errors(model, regime, frames, model.shape.history)
    return {"step": float(found.step.mean()), "rollout": float(found.rollout.mean())}


def digest(path: Path) -> str:
    """Return the first half of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _words(done: Progress) -> str:
    worst = max(done.loss, key=lambda name: done.loss[name])
    return (
        f"step {done.step} of {done.steps}, {duration(done.left)} left; "
        f"loss {sum(done.loss.values()) / len(done.loss):.3f}, most in {worst} ({done.loss[worst]:.3f})"
    )


def chosen(size: str, steps: int | None = None, seed: int = 0) -> tuple[Shape, Settings]:
    """Return the model's shape and the settings of a size: "full", what ships, or "toy".

    Raises:
        Retry: there is no such size, or a number cannot be.
    """
    if size not in ("full", "toy"):
        raise Retry(f"size = {size!r} is not one of full, toy")
    shape, settings = (Shape(), Settings(steps=STEPS)) if size == "full" else (TOY, Settings(steps=60, points=4096, warm=10))
    try:
        return shape, replace(settings, steps=settings.steps if steps is None else steps, seed=seed)
    except InputError as error:
        raise Retry(str(error)) from error
