"""Predict the frames that follow: by the surrogate with bands, or by the solver where it should not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics.errors import DataError, InputError, SolverError
from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Shape
from physics.surrogate.fields.trusted import Trusted, solved
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get
from physics.surrogate.trust import reasons
from tools.errors import Failed, Retry
from tools.predictions import Tally, check_asked, joined
from tools.records import Check, Evidence
from tools.surrogate.field_files import Shown, Start, read_start, write_shown

LEVEL = 0.9
BATCH = 32  # runs that are predicted or solved together
MOST_FRAMES = 1000
Say = Callable[[str], None]


def predict_fields(
    regime: str,
    start: Path,
    *,
    frames: int | None = None,
    settings: Mapping[str, str] | None = None,
    level: float = LEVEL,
    budget: float | None = None,
    although_slower: bool = False,
    residual: bool = False,
    out: Path | None = None,
    weights: Path | None = None,
    run: str | None = None,
    tally: Tally | None = None,
    progress: Say = lambda sentence: None,
) -> Evidence:
    """Predict how runs of a regime go on from their first frames, in milliseconds where that can be trusted.

    `start` is a file of The Well's layout with one run or more on the regime's grid; the frames that the surrogate
    sees before it predicts, and that the file lacks, are made by the solver. Each run is answered by the surrogate,
    with a band that holds the whole of it with probability `level`, or by the solver, and its reasons say why: a
    setting outside what was learned, a start unlike all that were learned, more frames than were calibrated, a band
    wider than `budget` (half-width over the channel's deviation), a balance that does not hold, or a solver that is
    as fast.

    Args:
        regime: its name.
        start: the file.
        frames: how many more, as many as were learned if left out.
        settings: in place of the file's, for all its runs.
        level: probability.
        budget: what is usual in calibration if left out.
        although_slower: let the surrogate answer where the solver is as fast.
        residual: compare two predicted frames of each run with an interval of the solver.
        out: a file for the frames with their bands; it is written whole, and only where every balance holds.
        weights: those that ship if left out.
        run, tally, progress: the run's name, what counts it, and what is told how far it is.

    Raises:
        Retry: a name, a number or the file cannot be used; the message says which.
        Failed: the solver ended without a usable result.
    """
    begin = perf_counter()
    check_asked(level, budget)
    try:
        family = get(regime)
    except InputError as error:
        raise Retry(str(error)) from error
    most = family.frames - Shape().history if frames is None else frames
    if not 1 <= most <= MOST_FRAMES:
        raise Retry(f"frames = {most} cannot be; ask for 1 to {MOST_FRAMES} further frames")
    _check_out(out, start)
    trusted, unfit = _trusted(weights or stored.SHIPPED, family, although_slower)
    history = Shape().history if trusted is None else trusted.model.shape.history
    job = _Job(family, read_start(start, family, history, settings or {}), history, most, level, unfit, progress)
    if trusted is not None and not unfit:
        job.ask(trusted, budget, residual)
    asked = perf_counter()
    job.solve()
    seconds = {"surrogate": asked - begin, "solver": perf_counter() - asked}
    saved = [_saved(trusted, family, most, seconds["surrogate"] / len(job), source) for source in job.sources]
    for source, doubts, each in zip(job.sources, job.reasons, saved, strict=True):
        if tally is not None:
            own = {name: value / len(job) for name, value in seconds.items()}
            tally.add(family.name, "fields", source, [kind for kind, _ in doubts], own, each, run)
    checks, balances = job.judged()
    kept = all(check.status != "fail" for check in checks)
    if out is not None and kept:
        write_shown(out, family, job.shown(), job.start.settings, level)
    data = job.data() | {
        "start": str(start),
        "file": str(out) if out is not None and kept else None,
        "balances": balances,
        "checks": [check.model_dump() for check in checks],
        "seconds_saved": sum(saved),
    }
    return Evidence(tool="predict", run=run, checks=tuple(checks), data=data, seconds=seconds)


def _check_out(out: Path | None, start: Path) -> None:
    if out is None:
        return
    if out.is_dir() or not out.parent.is_dir():
        raise Retry(f"{out} cannot be written; give a file in a folder that exists")
    if out.exists() and start.exists() and out.samefile(start):
        raise Retry(f"{out} is the file that the runs start from; give another one")


def _trusted(path: Path, regime: Regime, although_slower: bool) -> tuple[Trusted | None, list[tuple[str, str]]]:
    """Return the surrogate and why it may answer no run of the regime at all."""
    try:
        found = Trusted.load(path)
    except DataError as error:
        return None, [("weights", str(error))]
    why = found.unfit(regime)
    unfit = [] if why is None or (although_slower and why[0] == "speed") else [why]
    return found, unfit


def _saved(trusted: Trusted | None, regime: Regime, frames: int, taken: float, source: str) -> float:
    """Return the seconds that the solver would have taken for a run, as measured in batches, less what was taken."""
    speed = {} if trusted is None or source == "solver" else trusted.speed(regime)
    share = frames / max(1, speed.get("frames", frames))
    return max(0.0, float(speed.get("solver_us", 0.0)) * 1e-6 * share - taken) if speed else 0.0


@dataclass
class _Job:
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
        """Let the surrogate answer the runs that it is trusted with, and note its doubts about the others."""
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
