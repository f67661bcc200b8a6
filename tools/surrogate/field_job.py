"""The runs of one prediction of fields: which of them the surrogate answers, which the solver, and what they keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from physics.errors import SolverError
from physics.surrogate.fields.trusted import Trusted, solved
from physics.surrogate.regime import Regime
from physics.surrogate.trust import reasons
from tools.errors import Failed
from tools.predictions import joined
from tools.records import Check
from tools.surrogate.field_files import Shown, Start

BATCH = 32  # runs that are predicted or solved together
Say = Callable[[str], None]


@dataclass
class FieldJob:
    """The runs of a file, and who answers each.

    `values` and the ends of the bands have all frames: those given, those that the solver made for the history, and
    those asked for.
    """

    regime: Regime
    start: Start
    history: int
    frames: int
    level: float
    unfit: list[tuple[str, str]]
    progress: Say
    reasons: list[list[tuple[str, str]]] = field(init=False)
    answered: Tensor = field(init=False)
    values: Tensor = field(init=False)
    lower: Tensor = field(init=False)
    upper: Tensor = field(init=False)
    bound: Tensor = field(init=False)

    def __post_init__(self) -> None:
        given = self.start.frames
        self.reasons = [list(self.unfit) for _ in range(len(given))]
        self.answered = torch.zeros(len(given), dtype=torch.bool)
        self.values = torch.full((len(given), self.history + self.frames, *given.shape[2:]), torch.nan).double()
        self.values[:, : given.shape[1]] = given
        self.lower, self.upper = self.values.clone(), self.values.clone()
        self.bound = torch.full((len(given), self.frames), torch.nan).double()

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def sources(self) -> list[str]:
        """Who answered each run."""
        return ["surrogate" if each else "solver" for each in self.answered.tolist()]

    def settings(self, at: Tensor) -> dict[str, Tensor]:
        """Return the settings of some runs."""
        return {name: value[at] for name, value in self.start.settings.items()}

    def ask(self, trusted: Trusted, budget: float | None, residual: bool) -> None:
        """Let the surrogate answer the runs that it is trusted with, and note its doubts about the others.

        Where nothing is left to it anyway, what can be doubted before a prediction is noted all the same.
        """
        for at in torch.arange(len(self)).split(BATCH):
            self.progress(f"predicting run {int(at[0]) + 1} of {len(self)}")
            given, settings = self.start.frames[at], self.settings(at)
            doubts = trusted.before(self.regime, given, settings, self.frames)
            for member, run in enumerate(at.tolist()):
                self.reasons[run] += reasons(doubts, member)
            at = at[torch.tensor([not self.reasons[run] for run in at.tolist()], dtype=torch.bool)]
            if not len(at):
                continue
            history = self._solved(at, self.history)
            settings = self.settings(at)
            found = trusted.predict(
                self.regime, history, settings, self.frames, level=self.level, budget=budget, check=residual
            )
            for member, run in enumerate(at.tolist()):
                self.reasons[run] += reasons(found.doubts, member)
            good = ~found.abstained()
            at = at[good]
            for whole, part in ((self.values, found.values), (self.lower, found.lower), (self.upper, found.upper)):
                whole[at, : self.history] = history[good]
                whole[at, self.history :] = part[good]
            self.bound[at] = found.bound[good]
            self.answered[at] = True

    def solve(self) -> None:
        """Let the solver answer the other runs."""
        left = (~self.answered).nonzero()[:, 0]
        for at in left.split(BATCH):
            if not len(at):
                continue
            self.progress(f"solving {len(left)} of {len(self)} runs")
            made = self._solved(at, self.history + self.frames)
            self.values[at], self.lower[at], self.upper[at] = made, made, made

    def _solved(self, at: Tensor, frames: int) -> Tensor:
        """Return some runs up to so many frames, by the solver from the last one given.

        Raises:
            Failed: one of them left the finite numbers.
        """
        try:
            return solved(self.regime, self.start.frames[at], self.settings(at), frames)
        except SolverError as error:
            if len(at) > 1:
                return torch.cat([self._solved(one, frames) for one in at.split(1)])
            told = joined(self.reasons[int(at[0])])
            raise Failed(
                f"run {int(at[0])} of the file: {error}" + (f"; nor can the surrogate: {told}" if told else "")
            ) from error

    def judged(self) -> tuple[list[Check], list[dict[str, Any]]]:
        """Return the balances of every run over the frames that were not given, and a check of each."""
        checks, rows = [], []
        given = self.start.frames.shape[1]
        made, first = self.values[:, given:], self.start.frames[:, :1]
        for invariant in self.regime.invariants:
            defect = torch.cat(
                [invariant.defect(made[at], first[at], self.settings(at)).amax(1)
                 for at in torch.arange(len(self)).split(BATCH)]
            )  # fmt: skip
            held = defect <= invariant.tolerance
            worst = float(defect.nan_to_num(nan=torch.inf).amax())
            checks.append(
                Check(
                    name=f"{invariant.name} balance",
                    kind="conservation",
                    status="pass" if bool(held.all()) else "fail",
                    value=worst,
                    limit=invariant.tolerance,
                    detail="the largest relative defect of a frame that was not given, over all runs",
                )
            )
            rows += [
                {"run": run, "name": invariant.name, "residual": float(defect[run]), "scale": 1.0,
                 "tolerance": invariant.tolerance, "unit": "", "status": "pass" if bool(held[run]) else "fail"}
                for run in range(len(self))
            ]  # fmt: skip
        return checks, rows

    def shown(self) -> Shown:
        """Return what a file keeps."""
        told = [joined(each) for each in self.reasons]
        return Shown(self.values, self.lower, self.upper, self.bound, self.sources, told)

    def data(self) -> dict[str, Any]:
        """Return what the command prints: each run with its source and, of each channel, numbers of every frame."""
        sources = set(self.sources)
        every = [each for own in self.reasons for each in own]
        return {
            "status": "predicted" if "surrogate" in sources else "solved",
            "message": "",
            "regime": self.regime.name,
            "frames": self.frames,
            "given": self.start.frames.shape[1],
            "history": self.history,
            "times": [self.regime.interval * k for k in range(self.values.shape[1])],
            "time_unit": self.regime.time_unit,
            "level": self.level,
            "source": sources.pop() if len(sources) == 1 else "both",
            "reason": joined(every),
            "runs": [self._run(run) for run in range(len(self))],
        }

    def _run(self, run: int) -> dict[str, Any]:
        values, half = self.values[run].flatten(2), 0.5 * (self.upper[run] - self.lower[run]).flatten(2).mean(2)
        return {
            "run": run,
            "source": self.sources[run],
            "reason": joined(self.reasons[run]),
            "reasons": [{"kind": kind, "reason": why} for kind, why in dict.fromkeys(self.reasons[run])],
            "settings": {name: float(value[run]) for name, value in self.start.settings.items()},
            "vrmse_at_most": self.bound[run].tolist() if bool(self.answered[run]) else None,
            "outputs": [
                {
                    "name": channel.name,
                    "unit": channel.unit,
                    "mean": values[:, k].mean(1).tolist(),
                    "least": values[:, k].amin(1).tolist(),
                    "most": values[:, k].amax(1).tolist(),
                    "half_width": half[:, k].tolist(),
                }
                for k, channel in enumerate(self.regime.channels)
            ],
        }
