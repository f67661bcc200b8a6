"""Predict the frames that follow: by the surrogate with bands, or by the solver where it should not answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from physics.errors import DataError, InputError
from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Shape
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get
from tools.errors import Retry
from tools.predictions import Tally, check_asked
from tools.records import Evidence
from tools.surrogate.field_files import read_start, write_shown
from tools.surrogate.field_job import FieldJob, Say

LEVEL = 0.9
MOST_FRAMES = 1000


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
    job = FieldJob(family, read_start(start, family, history, settings or {}), history, most, level, unfit, progress)
    if trusted is not None:
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
    """Return the surrogate, where it knows the regime, and why it may answer no run of it at all."""
    try:
        found = Trusted.load(path)
    except DataError as error:
        return None, [("weights", str(error))]
    why = found.unfit(regime)
    if why is not None and why[0] != "speed":
        return None, [why]
    return found, [] if why is None or although_slower else [why]


def _saved(trusted: Trusted | None, regime: Regime, frames: int, taken: float, source: str) -> float:
    """Return the seconds that the solver would have taken for a run, as measured in batches, less what was taken."""
    speed = {} if trusted is None or source == "solver" else trusted.speed(regime)
    share = frames / max(1, speed.get("frames", frames))
    return max(0.0, float(speed.get("solver_us", 0.0)) * 1e-6 * share - taken) if speed else 0.0
