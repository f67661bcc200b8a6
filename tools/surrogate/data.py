"""Make the runs that the surrogate learns from: files of The Well's layout with a card, again or the rest of them.

OUT/<regime>/card.json, README.md, stats.yaml
OUT/<regime>/data/<split>/<regime>.hdf5
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import h5py
import torch
from filelock import FileLock, Timeout

from physics.errors import InputError, SolverError
from physics.surrogate.frames import path_of, read, write
from physics.surrogate.generate import generate, one
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import all_regimes, get
from tools.errors import Failed, Retry
from tools.surrogate.data_card import fingerprint, read_card, write_card, write_stats
from tools.surrogate.data_ray import ray_batches
from tools.surrogate.splits import BEYOND, SPLITS

MOST = 100_000
_NEAR = 1e-4  # of the largest value: other machines round otherwise
_ROOM = 1.05  # of what the fields take, for the rest of a file


def make_data(
    names: Sequence[str],
    out: Path,
    *,
    seed: int = 0,
    counts: Mapping[str, int] = SPLITS,
    ray: str | None = None,
    again: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Generate the splits of the named regimes (all of them if none is named) in the folder `out`.

    A split that is complete, of the same seed, count and card, and begins as it would today, is kept unless `again`; a
    file is there whole or not at all, so that a command that was stopped goes on where it was.

    Args:
        names: of regimes.
        out: the folder.
        seed: run i of a split has its own random numbers from seed, regime, split and i.
        counts: runs of each split; a split with none is left alone.
        ray: the address of a Ray cluster that solves the batches, "local" for one started here.
        again: generate what is there too.
        progress: told what is being done and how long it will take.

    Returns:
        `status`, `out`, `seed` and `regimes`: for each the card and `kept`, the splits that were there.

    Raises:
        Retry: a name or a number is wrong, the folder cannot be used, or there is no such cluster.
        Failed: a run left the finite numbers.
    """
    try:
        regimes = [get(name) for name in names] or list(all_regimes().values())
    except InputError as error:
        raise Retry(str(error)) from error
    _check(counts, seed)
    job = _Job(Path(out), seed, {name: count for name, count in counts.items() if count}, again, progress)
    open_splits = [(regime, split) for regime in regimes for split in job.counts if not job.has(regime, split)]
    job.expect(open_splits)
    with _alone(job.out), ray_batches(ray) as solve:
        job.solve = solve
        found = [job.regime(regime) for regime in regimes]
    return {"status": "done", "out": str(out), "seed": seed, "regimes": found}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, so that no other command writes there.

    Raises:
        Retry: one does, or the folder cannot be made.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        for left in folder.glob("*/data/*/.*.hdf5.*"):  # of a command that was killed while it wrote
            left.unlink()
    except Timeout as error:
        raise Retry(f"{folder}: another command is making data there; wait for it, or give another --out") from error
    except OSError as error:
        raise Retry(f"{folder} cannot be used: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _check(counts: Mapping[str, int], seed: int) -> None:
    for name, count in counts.items():
        if name not in SPLITS:
            raise Retry(f"there is no split {name!r}; the splits are {', '.join(SPLITS)}")
        if not 0 <= count <= MOST:
            raise Retry(f"{name} = {count} runs; give a number from 0 to {MOST}")
    if not any(counts.values()):
        raise Retry("no split has any runs; give one of them some, as --train 200")
    if seed < 0:
        raise Retry(f"seed = {seed} is negative; give 0 or above")


@dataclass
class _Job:
    """What is to be made, and how far it is."""

    out: Path
    seed: int
    counts: Mapping[str, int]
    again: bool
    progress: Callable[[str], None] | None
    solve: Any = None
    waiting: dict[tuple[str, str], int] = field(default_factory=dict)  # runs, by regime and split
    pace: dict[str, float] = field(default_factory=dict)  # seconds of a run, by regime

    def has(self, regime: Regime, split: str) -> bool:
        """Whether the file of a split is there, whole and what is asked for."""
        path = path_of(self.out, regime.name, split)
        if self.again or not path.is_file():
            return False
        try:
            with h5py.File(path, "r") as file:
                found = (str(file.attrs.get("card", "")), int(file.attrs["n_trajectories"]))
        except (OSError, KeyError, ValueError):
            return False
        return found == (fingerprint(regime, self.seed, split), self.counts[split]) and self._begins_alike(
            regime, split
        )

    def _begins_alike(self, regime: Regime, split: str) -> bool:
        """Whether the first run of a file is what the solver makes today."""
        try:
            found = read(self.out, regime, split, slice(0, 1))
        except InputError:
            return False
        wanted = one(regime, split, range(1), self.seed, split == BEYOND, 2)
        near = _NEAR * float(wanted.values.abs().max())
        return torch.allclose(found.values[:, :2], wanted.values, rtol=0.0, atol=near) and all(
            torch.allclose(found.settings[name], value, rtol=1e-9) for name, value in wanted.settings.items()
        )

    def expect(self, splits: Sequence[tuple[Regime, str]]) -> None:
        """Note what is to be done; refuse it where the disk has no room."""
        self.waiting = {(regime.name, split): self.counts[split] for regime, split in splits}
        need = sum(self.counts[split] * _bytes(regime) for regime, split in splits) * _ROOM
        there = next((folder for folder in (self.out, *self.out.parents) if folder.exists()), self.out)
        if not there.is_dir():
            raise Retry(f"{there} is a file; give a folder with --out")
        free = shutil.disk_usage(there).free
        if need > free:
            raise Retry(
                f"{self.out}: {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free; ask for fewer runs, or "
                "give another folder with --out"
            )

    def regime(self, regime: Regime) -> dict[str, Any]:
        """Make what is missing of one regime, its card and its statistics."""
        folder = self.out / regime.name
        before = read_card(folder)
        kept = [split for split in self.counts if (regime.name, split) not in self.waiting]
        costs: dict[str, Any] = {}
        for split in self.counts:
            if split not in kept:
                costs[split] = self.split(regime, split)
        if "train" in costs or not (folder / "stats.yaml").is_file():
            write_stats(self.out, regime)
        card = write_card(folder, regime, self.seed, self._splits(before, regime, costs))
        return {"regime": regime.name, "kept": kept, "card": card}

    def _splits(self, before: Mapping[str, Any], regime: Regime, costs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the card says of each split whose file is there, whether asked for now or before."""
        told = dict(before.get("splits", {})) if before.get("seed") == self.seed else {}
        for split in self.counts:
            told.setdefault(split, {"runs": self.counts[split], "beyond": split == BEYOND})
        told |= costs
        return {
            split: told[split] for split in SPLITS if split in told and path_of(self.out, regime.name, split).is_file()
        }

    def split(self, regime: Regime, split: str) -> dict[str, Any]:
        """Make one split and return its cost."""
        count, started, worked = self.counts[split], perf_counter(), process_time()
        self._tell(regime, split, 0, started)
        try:
            frames = generate(
                regime, split, count, self.seed, split == BEYOND, solve=self.solve,
                report=lambda done: self._tell(regime, split, done, started),
            )  # fmt: skip
            seconds, processor = perf_counter() - started, process_time() - worked
            card = {"card": fingerprint(regime, self.seed, split), "seed": self.seed}
            path = write(self.out, split, frames, regime, attributes=card)
        except SolverError as error:
            raise Failed(f"{split}: {error}") from error
        except InputError as error:
            raise Retry(str(error)) from error
        del self.waiting[regime.name, split]
        cost = {"seconds": round(seconds, 3), "processor_seconds": round(processor, 3), "bytes": path.stat().st_size}
        return {"runs": count, "beyond": split == BEYOND, **cost}

    def _tell(self, regime: Regime, split: str, done: int, started: float) -> None:
        if self.progress is None:
            return
        if done:
            self.pace[regime.name] = (perf_counter() - started) / done
        self.waiting[regime.name, split] = self.counts[split] - done
        told = f"{regime.name}, {split}: {done} of {self.counts[split]} runs"
        if self.pace:
            mean = sum(self.pace.values()) / len(self.pace)
            left = sum(runs * self.pace.get(name, mean) for (name, _), runs in self.waiting.items())
            told += f", {duration(left)} left in all"
        self.progress(told)


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def _bytes(regime: Regime) -> int:
    """Return what the fields of a run take in single precision."""
    return 4 * regime.frames * len(regime.channels) * math.prod(regime.points)
