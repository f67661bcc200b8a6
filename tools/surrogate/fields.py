"""Train the surrogate of fields on the runs of a folder: resumable, and whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from physics import device as devices
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
from physics.surrogate.well_regime import WellRegime
from physics.surrogate.well_runs import WellRuns
from tools.errors import Failed, Retry
from tools.surrogate.data import duration
from tools.surrogate.well import DataSet, data_sets, tested

STEPS = 7733  # of what ships
TOY = Shape(latent=8, frame=4, tokens=16, given=12, blocks=2, backbone_layers=1)
WELL = Shape(latent=128, tokens=256, given=256, blocks=6)
_SIZES = {
    "full": (Shape(), Settings(steps=STEPS)),
    "toy": (TOY, Settings(steps=60, points=4096, warm=10)),
    "well": (WELL, Settings(steps=50_000, points=2**19, warm=1000)),  # eight windows of 256 x 256 points
}


def train_fields(
    names: Sequence[str],
    data: Path,
    out: Path,
    *,
    well: Sequence[Path] = (),
    points: str | None = None,
    device: str = "auto",
    settings: Settings | None = None,
    shape: Shape | None = None,
    again: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Train one model on the named regimes (all of them if none is named) and write it with its card to `out`.

    A training that was stopped goes on from its checkpoint, `out` with `.part` behind it, unless `again`.

    Args:
        names: of regimes; none with `well`.
        data: the folder of their runs.
        out: the file of weights.
        well: folders of data sets of The Well to train on instead, one regime each; they are read window by window.
        points: along each axis of those, "128x64"; all that divide into cells and patches if left out.
        device: see `physics.device`; a training may go on at another one.

    Returns:
        `status`, `file` and the card: shape, settings, data, device, minutes of the processor, VRMSE by regime on the
        test runs.

    Raises:
        Retry: a name, the data or a file cannot be used; nothing was written.
        Failed: the training left the finite numbers.
    """
    settings, shape = settings or Settings(), shape or Shape()
    try:
        place = devices.resolve(device)
        given = _from_well(names, well, points, shape, settings) if well else _from_data(names, data, points)
        about = {"shape": shape.as_dict(), "data": given.digests}
        kept = out.with_name(out.name + ".part")
        trainer = _trainer(given, settings, shape, kept, about, place)
        if again:
            kept.unlink(missing_ok=True)
        elif trainer.resume() and progress is not None:
            progress(f"going on from step {trainer.step} of {settings.steps}")
        model = trainer.run(report=None if progress is None else lambda done: progress(_words(done)))
        card = {
            **about,
            "settings": settings.as_dict(),
            "device": str(place),
            "processor_minutes": round(trainer.seconds / 60.0, 2),
            "parameters": sum(part.numel() for part in model.parameters()),
            "runs": {name: len(runs) for name, runs in given.training.items()},
            "vrmse": {name: judged(model, regime, given.test(name)) for name, regime in given.regimes.items()},
        }
        stored.write(out, model, card)
    except InputError as error:
        raise Retry(str(error)) from error
    except SolverError as error:
        raise Failed(str(error)) from error
    kept.unlink(missing_ok=True)
    return {"status": "done", "file": str(out), "card": card}


class _Given(NamedTuple):
    """What a model learns from and is judged by, by regime."""

    regimes: Mapping[str, Regime]
    training: Mapping[str, Frames | WellRuns]
    tested: Mapping[str, Frames | DataSet]
    digests: Mapping[str, str]

    def test(self, name: str) -> Frames:
        """Return the test runs of a regime, or windows of them."""
        found = self.tested[name]
        return found if isinstance(found, Frames) else tested(found)


def _from_data(names: Sequence[str], data: Path, points: str | None) -> _Given:
    if points is not None:
        raise Retry("--points is for data sets of The Well; our own regimes have the points that they were solved on")
    regimes = {regime.name: regime for regime in [get(name) for name in names] or all_regimes().values()}
    return _Given(
        regimes,
        {name: read(data, regime, "train") for name, regime in regimes.items()},
        {name: read(data, regime, "test") for name, regime in regimes.items()},
        {name: digest(path_of(data, name, "train")) for name in regimes},
    )


def _from_well(
    names: Sequence[str], folders: Sequence[Path], points: str | None, shape: Shape, settings: Settings
) -> _Given:
    if names:
        raise Retry(f"--well is a training of its own; leave {', '.join(names)} out")
    least = shape.history + settings.depth + 1
    found = data_sets(folders, points, shape.cell * shape.patch, least)
    training = {name: each.training for name, each in found.items()}
    digests = {name: runs.digest() for name, runs in training.items()}
    return _Given({name: each.regime for name, each in found.items()}, training, found, digests)


def _trainer(
    given: _Given, settings: Settings, shape: Shape, path: Path, about: Mapping[str, object], place: torch.device
) -> Trainer[Surrogate]:
    torch.manual_seed(settings.seed)
    model = Surrogate(given.regimes, shape)
    for name, runs in given.training.items():
        model.set_scales(name, scales_of(runs if isinstance(runs, Frames) else runs.sampled))
    return Trainer(
        model, given.regimes, given.training, settings, history=shape.history, path=path, about=about, device=place
    )


def judged(model: Surrogate, regime: Regime, frames: Frames) -> dict[str, float]:
    """Return the mean VRMSE of one step and of rollouts, over the channels that vary with time."""
    moving = regime.moving if isinstance(regime, WellRegime) else None
    found = errors(model, regime, frames, model.shape.history, moving)
    return {"step": float(found.step.mean()), "rollout": float(found.rollout.mean())}


def digest(path: Path) -> str:
    """Return the first half of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def digests(data: Path, regime: str, splits: Sequence[str]) -> dict[str, str]:
    """Return the digests of the runs of a regime, by their split."""
    return {split: digest(path_of(data, regime, split)) for split in splits}


def _words(done: Progress) -> str:
    worst = max(done.loss, key=lambda name: done.loss[name])
    return (
        f"step {done.step} of {done.steps}, {duration(done.left)} left; "
        f"loss {sum(done.loss.values()) / len(done.loss):.3f}, most in {worst} ({done.loss[worst]:.3f})"
    )


def chosen(size: str, steps: int | None = None, seed: int = 0) -> tuple[Shape, Settings]:
    """Return the model's shape and the settings of a size: "full", what ships, "toy", or "well", for an accelerator.

    Raises:
        Retry: there is no such size, or a number cannot be.
    """
    if size not in _SIZES:
        raise Retry(f"size = {size!r} is not one of {', '.join(_SIZES)}")
    shape, settings = _SIZES[size]
    try:
        return shape, replace(settings, steps=settings.steps if steps is None else steps, seed=seed)
    except InputError as error:
        raise Retry(str(error)) from error
