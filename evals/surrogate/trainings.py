"""What the study trains: the surrogate and its ablations on all regimes at once, the peers one regime at a time.

Every training has the same share of one core's time: a peer's is that of its regime, a model of all regimes has the
sum. How many steps that holds is measured first, all models in turn in one process. What was tuned was tuned on the
runs of the `valid` split; the table is of the `test` split.
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from evals.surrogate.coarse import at_equal_time, solved
from evals.surrogate.peers import PEERS, Peer, size_of
from physics.errors import DataError
from physics.surrogate.fields import stored
from physics.surrogate.fields.accuracy import errors
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.fields.scales import scales_of
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.train import Trainer
from physics.surrogate.frames import Frames, path_of, read
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import all_regimes, get
from tools.surrogate.fields import digest

HISTORY = 4
READS = ("train", "valid", "test")  # splits
MINUTES = 2.0  # of one core, for each regime
_PEER = replace(Settings(), orthogonal=0.0)  # they have hardly a matrix that is no convolution
TUNED = {"fno": replace(_PEER, rate=8e-3), "tfno": replace(_PEER, rate=8e-3), "unet": _PEER}
ABLATIONS = {
    "shared_decoder": Shape(shared_decoder=True),
    "without_spectral_tokens": Shape(spectral_tokens=False),
    "attention": Shape(backbone="attention"),
    "without_film": Shape(conditioned=False),
}
BASE = "base"  # ours on the regimes of the options alone
OPTIONS = {  # of training, and of the model
    "conservation_loss": replace(Settings(), conservation=1e-3),
    "jacobian_regularisation": replace(Settings(), jacobian=0.01),
    "solver_in_the_loop": replace(Settings(), solver=0.25),
    "adaptive_waves": Shape(adaptive_waves=True),
}
LEFT_OUT = "left_out"  # the ablation that has never seen one regime
SCALES = ("mean", "deviation", "change")  # of an adapter
_PACE_STEPS, _PACE_ROUNDS = 12, 3
M = TypeVar("M", bound=nn.Module)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """One training: of a peer or of the surrogate, on the runs of its regimes."""

    model: str
    regimes: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """What its pace is recorded under."""
        if self.model in PEERS:
            return f"{self.model}_{self.regimes[0]}"
        return self.model if self.model in ABLATIONS else "ours"

    @property
    def shape(self) -> Shape:
        """Of a surrogate."""
        found = (ABLATIONS | OPTIONS).get(self.model)
        return found if isinstance(found, Shape) else Shape()

    @property
    def settings(self) -> Settings:
        """As they were tuned."""
        found = (TUNED | OPTIONS).get(self.model)
        return found if isinstance(found, Settings) else Settings()

    @property
    def about(self) -> dict[str, Any]:
        """What its name stands for."""
        peer = self.model in PEERS
        shape = (
            {each: asdict(size_of(self.model, get(each))) for each in self.regimes} if peer else self.shape.as_dict()
        )
        return {"shape": shape, "settings": self.settings.as_dict()}


def build(training: Training, data: Mapping[str, Frames]) -> nn.Module:
    """Return the model with its first weights."""
    torch.manual_seed(training.seed)
    regimes = {name: get(name) for name in training.regimes}
    if training.model in PEERS:
        (name,) = training.regimes
        return Peer(training.model, regimes[name], scales_of(data[name]), size_of(training.model, regimes[name]))
    model = Surrogate(regimes, training.shape)
    for name in regimes:
        model.set_scales(name, scales_of(data[name]))
    return model


def parameters_of(model: nn.Module) -> int:
    """Return how many real numbers are learned."""
    return sum(part.numel() * (2 if part.is_complex() else 1) for part in model.parameters())


def pace(folder: Path, name: str, *, data: Path, seed: int, peers: Sequence[str]) -> dict[str, Any]:
    """Return the milliseconds of the processor that a step of every training takes: the median of rounds in turn."""
    runs = {each: read(data, get(each), "valid") for each in all_regimes()}
    wanted = [Training(model, tuple(runs), seed) for model in ("ours", *ABLATIONS)]
    wanted += [Training(kind, (each,), seed) for kind in peers for each in runs]
    taken: dict[str, list[float]] = {training.name: [] for training in wanted}
    for _ in range(_PACE_ROUNDS):
        for training in wanted:
            steps = _PACE_STEPS * len(training.regimes)
            trainer = _trainer(training, runs, steps, None)
            trainer.run(most=len(training.regimes))  # the first one of each regime makes its transforms
            begun, before = trainer.seconds, trainer.step
            trainer.run()
            taken[training.name].append(1e3 * (trainer.seconds - begun) / (trainer.step - before))
    return {"milliseconds": {each: statistics.median(found) for each, found in taken.items()}}


def train(
    folder: Path, name: str, *, model: str, regimes: Sequence[str], seed: int, data: Path, minutes: float
) -> dict[str, Any]:
    """Train for `minutes` of each regime and return the errors on the test runs of all that was learned."""
    training = Training(model, tuple(regimes), seed)
    runs = {each: read(data, get(each), "train") for each in regimes}
    steps = steps_of(folder, training.name, minutes * len(regimes))
    trainer = _trainer(training, runs, steps, folder / f"{name}.part")
    learned = carried_on(trainer)
    found = {
        "model": model,
        "seed": seed,
        "steps": steps,
        "parameters": parameters_of(learned),
        "cpu_minutes": trainer.seconds / 60.0,
        "vrmse": {each: judged(learned, get(each), data) for each in regimes},
    }
    if isinstance(learned, Surrogate):
        about = {"data": {each: digest(path_of(data, each, "train")) for each in regimes}}
        card = {**about, "settings": trainer.settings.as_dict(), "processor_minutes": round(trainer.seconds / 60.0, 2)}
        counted = {"parameters": found["parameters"], "runs": {each: len(frames) for each, frames in runs.items()}}
        stored.write(weights_of(folder, name), learned, {**card, **counted, "vrmse": found["vrmse"]})
    (folder / f"{name}.part").unlink(missing_ok=True)
    return found


def carried_on(trainer: Trainer[M]) -> M:
    """Train from where the piece was stopped; what is left of other settings, or damaged, is begun anew."""
    try:
        trainer.resume()
    except DataError as error:
        log.info("begun anew: %s", error)
    return trainer.run()


def weights_of(folder: Path, name: str) -> Path:
    """Return where a training of the surrogate leaves its weights."""
    return folder / f"{name}.safetensors"


def judged(model: nn.Module, regime: Regime, data: Path) -> dict[str, float]:
    """Return the mean VRMSE on the test runs, one step and rolled out."""
    found = errors(model, regime, read(data, regime, "test"), HISTORY)
    return {"step": float(found.step.mean()), "rollout": float(found.rollout.mean())}


def still(folder: Path, name: str, *, regime: str, data: Path) -> dict[str, Any]:
    """Return the errors of "nothing changes"."""
    return {"model": "nothing_changes", "seed": 0, "vrmse": {regime: judged(Still(), get(regime), data)}}


def coarse(folder: Path, name: str, *, weights: str, regime: str, data: Path) -> dict[str, Any]:
    """Return the errors of the solver on the finest grid that takes no longer than the rollout of some weights."""
    model, _ = stored.read(weights_of(folder, weights))
    frames = read(data, get(regime), "test")
    own = _seconds(model, get(regime), frames)
    found = at_equal_time(solved(get(regime), frames, HISTORY), own)
    return {
        "model": "coarse",
        "seed": 0,
        "vrmse": {regime: {"step": found.step, "rollout": found.rollout}},
        "coarse": found.coarse,
        "seconds": found.seconds,
        "surrogate_seconds": own,
    }


def _seconds(model: nn.Module, regime: Regime, frames: Frames) -> float:
    """Return the median time in which a model rolls all runs out together."""
    values, taken = frames.values, []
    for _ in range(_PACE_ROUNDS):
        begun = time.perf_counter()
        rollout(model, regime, values[:, :HISTORY], frames.settings, values.shape[1] - HISTORY, values[:, 0])
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def zero_shot(folder: Path, name: str, *, weights: str, regime: str, like: str, data: Path) -> dict[str, Any]:
    """Return the errors on a regime that a model has not learned, entered and left by the adapters of one that it has.

    The settings are not told, for no map of them was learned; the scales are those of the regime's training runs.
    """
    known, _ = stored.read(weights_of(folder, weights))
    asked = get(regime)
    runs = {regime: read(data, asked, "train")}
    model = build(Training(LEFT_OUT, (regime,), 0), runs)
    model.load_state_dict(borrowed(model.state_dict(), known.state_dict(), regime, like))
    found = judged(model.eval(), asked, data)
    return {"model": "zero_shot", "seed": 0, "parameters": parameters_of(model), "vrmse": {regime: found}}


class Still(nn.Module):
    """The last frame once more."""

    def forward(
        self, history: Tensor, settings: Mapping[str, Tensor], name: str, start: Tensor | None = None
    ) -> Tensor:
        """Return the frame that follows a history (batch, history, channels, *points)."""
        return history[:, -1]


def borrowed(wanted: Mapping[str, Tensor], known: Mapping[str, Tensor], regime: str, like: str) -> dict[str, Tensor]:
    """Return weights for a regime: shared ones, those of another regime where the shapes agree, nothing elsewhere."""
    found = {}
    for name, own in wanted.items():
        value = known.get(name, known.get(name.replace(f".{regime}.", f".{like}.")))
        scale = name.startswith(f"adapters.{regime}.") and name.rpartition(".")[2] in SCALES
        told = name.startswith(f"conditioning.settings.{regime}.")
        if scale:
            found[name] = own
        elif told or value is None:
            found[name] = torch.zeros_like(own)
        else:
            found[name] = value[tuple(slice(0, n) for n in own.shape)]
    return found


def _trainer(training: Training, runs: Mapping[str, Frames], steps: int, path: Path | None) -> Trainer[nn.Module]:
    regimes = {name: get(name) for name in training.regimes}
    own = {name: runs[name] for name in training.regimes}
    settings = replace(training.settings, steps=steps, seed=training.seed)
    about = {"model": training.model, "shape": training.shape.as_dict()}
    return Trainer(build(training, own), regimes, own, settings, history=HISTORY, path=path, about=about)


def steps_of(folder: Path, name: str, minutes: float) -> int:
    """Return how many steps of a training, by the name of its pace, so many minutes of the processor hold."""
    kept = json.loads((folder / "pace.json").read_text(encoding="utf-8"))
    milliseconds: float = kept["result"]["milliseconds"][name]
    return max(1, round(6e4 * minutes / milliseconds))
