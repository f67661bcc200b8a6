"""The loop that trains a surrogate of fields: resumable, seeded, with its progress told.

    loss = VRMSE + w_s spectral [ + w_c log(1 + defect) + w_J Jacobian ]

Each step draws a regime by the curriculum and windows of its runs. Some steps predict from frames that the model made
itself (pushforward: no gradient flows into those), and all from frames with a little noise, so that it learns to undo
its own errors; of the former a share may take its target from the solver, started at the model's own frame.

Sources: J. Brandstetter, D. Worrall and M. Welling, Message passing neural PDE solvers, ICLR 2022, arXiv:2202.03376
(pushforward); A. Sanchez-Gonzalez et al., Learning to simulate complex physics with graph networks, ICML 2020,
arXiv:2002.09405 (noise); N. Hosseini Dashtbayaz et al., Physics-informed reduced order modeling of time-dependent
PDEs via differentiable solvers, NeurIPS 2025, arXiv:2505.14595 (the solver as a teacher).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from physics.errors import DataError, SolverError
from physics.surrogate.fields.training import checkpoint, losses
from physics.surrogate.fields.training.curriculum import Curriculum
from physics.surrogate.fields.training.jacobian import LocalJacobian
from physics.surrogate.fields.training.optimiser import Optimiser
from physics.surrogate.fields.training.settings import Settings
from physics.surrogate.fields.training.windows import Window, windows_of
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Regime
from physics.surrogate.well_runs import WellRuns

_PROCESSOR = torch.device("cpu")
M = TypeVar("M", bound=nn.Module)  # forward(history, settings, name) -> next frame, of `history` frames


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        step, steps: done, and in all.
        seconds: of the processor so far, of all sessions.
        left: seconds of the clock until the end, at the pace so far.
        loss: the running loss of each regime.
    """

    step: int
    steps: int
    seconds: float
    left: float
    loss: Mapping[str, float]


class Trainer(Generic[M]):
    """Trains one model on the runs of its regimes.

    Args:
        model: with its scales set.
        regimes, data: by name; runs of files are read window by window.
        settings: of the training.
        path: of the checkpoint; none is kept where left out.
        about: what else makes this training another one: the model's shape, the data's fingerprint.
        device: where it computes; a checkpoint of one device goes on at another.
    """

    def __init__(
        self,
        model: M,
        regimes: Mapping[str, Regime],
        data: Mapping[str, Frames | WellRuns],
        settings: Settings,
        *,
        history: int,
        path: Path | None = None,
        about: Mapping[str, object] | None = None,
        device: torch.device = _PROCESSOR,
    ) -> None:
        self.model, self.regimes, self.settings, self.history, self.path = model, regimes, settings, history, path
        self.model.to(device)
        self.windows = {name: windows_of(regimes[name], data[name], settings.points, device) for name in regimes}
        self.curriculum = Curriculum(list(regimes), settings.temperature)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.jacobian = LocalJacobian(regimes).to(device) if settings.jacobian else None
        self.optimiser = Optimiser(model, [] if self.jacobian is None else self.jacobian.parameters(), settings)
        self.averaged: M = copy.deepcopy(model).requires_grad_(False)
        self.about = checkpoint.fingerprint({"settings": settings.as_dict(), **(about or {})})
        self.step, self.seconds = 0, 0.0

    def run(
        self,
        *,
        most: int | None = None,
        report: Callable[[Progress], None] | None = None,
        report_every: float = 10.0,
        save_every: float = 60.0,
    ) -> M:
        """Train to the end, or for at most so many further steps; return the model of averaged weights.

        Raises:
            SolverError: the loss left the finite numbers; what to lower.
        """
        last = self.settings.steps if most is None else min(self.settings.steps, self.step + most)
        begun, first = time.perf_counter(), self.step
        saved, told = begun, -math.inf
        self.model.train()
        while self.step < last:
            busy = time.process_time()
            name, loss = self._advance()
            self.seconds += time.process_time() - busy
            if not math.isfinite(loss):
                raise SolverError(f"training: the loss of {name} is not finite at step {self.step}; lower the rate")
            self.curriculum.learn(name, loss)
            now = time.perf_counter()
            if self.path is not None and now - saved > save_every:
                self.save()
                saved = now
            if report is not None and (now - told >= report_every or self.step == last):
                told = now
                pace = (now - begun) / (self.step - first)
                left = pace * (self.settings.steps - self.step)
                report(Progress(self.step, self.settings.steps, self.seconds, left, dict(self.curriculum.loss)))
        if self.path is not None:
            self.save()
        return self.averaged.eval()

    def _advance(self) -> tuple[str, float]:
        name = self.curriculum.draw(self.generator)
        loss = self._loss(name, self.step / self.settings.steps)
        self.optimiser.step(loss, self.step)
        self.step += 1
        self._average()
        return name, float(loss.detach())

    def _loss(self, name: str, share: float) -> Tensor:
        settings, regime = self.settings, self.regimes[name]
        depth = self._depth(share)
        window = self.windows[name].draw(self.history + depth + 1, self.generator)
        history, target = self._pushed(name, window, depth)
        predicted = self.model(history, window.settings, name)
        axes = len(regime.axes)
        loss = losses.spatial(predicted, target, axes) + settings.spectral * losses.spectral(predicted, target, axes)
        if settings.conservation:
            free = self.model.free(history, window.settings, name)  # type: ignore[operator]
            loss = loss + settings.conservation * losses.defect(free, history[:, 0], window.settings, regime)
        total = loss.mean()
        if self.jacobian is not None:
            total = total + settings.jacobian * self.jacobian(
                self.model, name, history, window.settings, predicted, self.generator
            )
        return total

    def _depth(self, share: float) -> int:
        """Return how many of its own frames the model makes before the one that it learns from."""
        drawn = torch.rand(2, generator=self.generator)
        if share < self.settings.unroll_from or float(drawn[0]) >= self.settings.unrolled:
            return 0
        return 1 + int(float(drawn[1]) * self.settings.depth)

    def _pushed(self, name: str, window: Window, depth: int) -> tuple[Tensor, Tensor]:
        """Return the history that the model made and the frame that is to follow it."""
        history, target = window.frames[:, : self.history], window.frames[:, -1]
        if self.settings.noise:
            history = self.windows[name].disturbed(history, self.settings.noise, self.generator)
        with torch.no_grad():
            for _ in range(depth):
                made = self.model(history, window.settings, name)
                made = torch.where(made.isfinite(), made, history[:, -1])  # of a run that left the numbers
                history = torch.cat([history[:, 1:], made[:, None]], 1)
        taught = depth > 0 and float(torch.rand((), generator=self.generator)) < self.settings.solver
        if taught:
            regime = self.regimes[name]
            target = regime.solve(history[:, -1].double(), window.settings, frames=2)[:, 1].to(history)
        return history, target

    def _average(self) -> None:
        """Move the averaged weights towards the present ones, faster at first."""
        share = min(self.settings.average, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for kept, now in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                kept.lerp_(now, 1.0 - share)
            for told, known in zip(self.averaged.buffers(), self.model.buffers(), strict=True):
                told.copy_(known)

    def _modules(self) -> list[tuple[str, nn.Module]]:
        """Return what has weights, by the name that they are kept under."""
        found: list[tuple[str, nn.Module]] = [("model", self.model), ("averaged", self.averaged)]
        return found if self.jacobian is None else [*found, ("jacobian", self.jacobian)]

    def save(self) -> None:
        """Write the checkpoint."""
        assert self.path is not None  # noqa: S101
        tensors = {f"{part}.{name}": value for part, own in self._modules() for name, value in _tensors(own).items()}
        tensors |= self.optimiser.tensors() | {"generator": self.generator.get_state()}
        card = {"about": self.about, "step": self.step, "seconds": self.seconds, "loss": self.curriculum.loss}
        checkpoint.save(self.path, tensors, card)

    def resume(self) -> bool:
        """Go on from the checkpoint where there is one of this training; say whether there was.

        Raises:
            DataError: the file is damaged, or of another training.
        """
        if self.path is None or not self.path.is_file():
            return False
        tensors, card = checkpoint.load(self.path)
        if card.get("about") != self.about:
            raise DataError(f"{self.path}: it is of another training (model, settings or data); name another folder")
        with torch.no_grad():
            for part, own in self._modules():
                for name, value in _tensors(own).items():
                    value.copy_(tensors[f"{part}.{name}"])
        self.optimiser.restore(tensors)
        self.generator.set_state(tensors["generator"])
        self.step, self.seconds = int(card["step"]), float(card["seconds"])
        self.curriculum.loss.update(card["loss"])
        return True


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the state of a module; some keep more than tensors in it."""
    return {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
