"""Calibrate the surrogate of fields: what it does on runs that it never saw sets its intervals and its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import h5py
import torch
from torch import Tensor

from physics.errors import DataError, InputError, SolverError
from physics.surrogate.fields import doubts, judge, speed, stored
from physics.surrogate.fields.calibration import FEWEST, Calibration, fitted
from physics.surrogate.fields.features import of_start
from physics.surrogate.fields.intervals import Seen, compare, joined
from physics.surrogate.fields.model import Surrogate
from physics.surrogate.fields.trusted import Trusted
from physics.surrogate.frames import Frames, path_of, read
from physics.surrogate.generate import one
from physics.surrogate.regime import Regime
from physics.surrogate.well_regime import WellRegime
from tools.errors import Failed, Retry
from tools.surrogate.data import duration
from tools.surrogate.data_card import fingerprint
from tools.surrogate.splits import BEYOND, SPLITS

BATCH = 32  # runs that stand in memory at once
CHECKED = 128  # calibration runs whose residual is measured
COUNTS = {"calibration": 2000, "coverage": 2000, BEYOND: 256}
Say = Callable[[str], None]


def calibrate_fields(
    names: Sequence[str],
    data: Path,
    weights: Path,
    *,
    seed: int = 0,
    counts: dict[str, int] | None = None,
    again: bool = False,
    progress: Say = lambda sentence: None,
) -> dict[str, Any]:
    """Calibrate the weights on the named regimes, all that they know if none is named, and judge the intervals.

    Runs that stand in the folder are read, those beyond them are solved with the same seed. What was calibrated before
    with the same weights, seed and counts stays unless `again`, as do the regimes that are not named; each regime is
    written as soon as it is done.

    Args:
        names: of regimes.
        data: what `make_data` made; runs of the training split must stand there.
        weights: a file of weights; the calibration comes beside it.
        seed: of the runs.
        counts: runs of calibration, coverage and beyond; `COUNTS` where left out.
        again: calibrate anew.
        progress: told what is being done and how long it takes.

    Raises:
        Retry: a name, a number, the data or the weights cannot be used; what stood is left as it was.
        Failed: a run left the finite numbers.
    """
    wanted = COUNTS | (counts or {})
    _check(wanted, seed)
    try:
        model, _ = stored.read(weights)
        unknown = [name for name in names if name not in model.regimes]
        if unknown:
            raise Retry(f"{weights} does not know {', '.join(unknown)}; it knows {', '.join(model.regimes)}")
        foreign = [name for name in names or model.regimes if isinstance(model.regimes[name], WellRegime)]
        if foreign:
            raise Retry(f"{', '.join(foreign)}: a data set of The Well has no solver here to calibrate against")
        found, told = _before(weights, model)
        rows = []
        for name in names or model.regimes:
            same = name in found and told[name].get("seed") == seed and told[name].get("counts") == wanted
            kept = same and not again
            if not kept:
                found[name], told[name] = _calibrated(model, model.regimes[name], data, seed, wanted, progress)
                stored.write_calibration(weights, model, found, told)
            rows.append({"regime": name, "kept": kept, **told[name]})
    except InputError as error:
        raise Retry(str(error)) from error
    except SolverError as error:
        raise Failed(str(error)) from error
    file = stored.calibration_path(weights)
    return {"status": "done", "file": str(file), "bytes": file.stat().st_size, "seed": seed, "regimes": rows}


def _check(counts: dict[str, int], seed: int) -> None:
    fewest = {"calibration": FEWEST, "coverage": 1, BEYOND: 1}
    for name, count in counts.items():
        if name not in fewest:
            raise Retry(f"{name} is no number of runs; give {', '.join(fewest)}")
        if count < fewest[name]:
            raise Retry(f"{name} = {count} is too few runs; take {fewest[name]} at least")
    if seed < 0:
        raise Retry(f"seed = {seed} is negative; give 0 or above")


def _before(weights: Path, model: Surrogate) -> tuple[dict[str, Calibration], dict[str, Any]]:
    """Return what stands already."""
    try:
        return stored.read_calibration(weights, model)
    except DataError:
        return {}, {}


def _calibrated(
    model: Surrogate, regime: Regime, data: Path, seed: int, counts: dict[str, int], progress: Say
) -> tuple[Calibration, dict[str, Any]]:
    begin = perf_counter()
    training = _training(model, regime, data)
    seen = _seen(model, regime, "calibration", counts["calibration"], data, seed, progress)
    calibration = Calibration.of(model, regime, seen, training)
    fresh = _seen(model, regime, "coverage", counts["coverage"], data, seed, progress)
    strange = _seen(model, regime, BEYOND, counts[BEYOND], data, seed, progress)
    progress(f"{regime.name}: timing")
    timed = next(runs(regime, "coverage", min(counts["coverage"], speed.BATCH), data, seed, speed.BATCH))
    with torch.no_grad():
        told = {
            "seed": seed,
            "counts": counts,
            "fitted": fitted(len(seen)),
            "training_runs": len(training),
            "inside": judge.inside(calibration, regime, fresh),
            "beyond": judge.beyond(calibration, regime, strange),
            "speed": speed.measure(Trusted(model, {regime.name: calibration}, {}), regime, timed),
            "seconds": round(perf_counter() - begin, 1),
        }
    return calibration, told


def _training(model: Surrogate, regime: Regime, data: Path) -> Tensor:
    """Return the features of the starts of the runs that the model learned from."""
    frames = read(data, regime, "train")
    adapter, history = model.adapter(regime.name), model.shape.history
    return of_start(
        frames.values[:, :history].double(), frames.settings, regime, adapter.mean.double(), adapter.deviation.double()
    )


@torch.no_grad()
def _seen(model: Surrogate, regime: Regime, split: str, count: int, data: Path, seed: int, progress: Say) -> Seen:
    """Predict the runs of a split batch by batch, and keep what calibration needs of each."""
    parts, done, begin = [], 0, perf_counter()
    for frames in runs(regime, split, count, data, seed):
        check = partial(doubts.residual, regime) if split == "calibration" and done < CHECKED else None
        parts.append(compare(model, regime, frames, check))
        done += len(frames)
        left = (count - done) * (perf_counter() - begin) / done
        progress(f"{regime.name}, {split}: {done} of {count} runs, {duration(left)} left")
    return joined(parts)


def runs(regime: Regime, split: str, count: int, data: Path, seed: int, batch: int = BATCH) -> Iterator[Frames]:
    """Return the first runs of a split in batches: those of the folder, where it has them of this seed, else solved."""
    there = _there(regime, split, data, seed)
    for first in range(0, count, batch):
        piece = range(first, min(first + batch, count))
        if piece.stop <= there:
            yield read(data, regime, split, slice(piece.start, piece.stop))
        else:
            yield one(regime, split, piece, seed, split == BEYOND, 0)


def _there(regime: Regime, split: str, data: Path, seed: int) -> int:
    """Return how many runs of a split, seed and regime as they are today stand in the folder."""
    path = path_of(data, regime.name, split)
    if split not in SPLITS or not path.is_file():
        return 0
    try:
        with h5py.File(path, "r") as file:
            same = str(file.attrs.get("card", "")) == fingerprint(regime, seed, split)
            return int(file.attrs["n_trajectories"]) if same else 0
    except (OSError, KeyError):
        return 0
