"""The study of the surrogate of fields: its pieces, in the order in which they are run, and the rows that they make.

pace          how long a step of every training takes
ours, peers   one seed of each; then two more of ours and of the peer that is the best on the test runs
ablations     ours without a part, and on a regime that it has not learned
options       ways of training ours, and a memory where a channel is hidden
coarse        the solver on a coarser grid in the time that ours takes, and "nothing changes"
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.surrogate import hidden, pieces, trainings
from evals.surrogate.peers import PEERS
from evals.surrogate.pieces import Piece
from evals.surrogate.records import HORIZONS
from evals.surrogate.trainings import Training
from physics.surrogate.regimes import all_regimes
from tools.surrogate.fields import digests

OURS, STILL, ZERO_SHOT = "ours", "nothing_changes", "zero_shot"
SEEDS = 3
UNSEEN, LIKE = "burgers", "advection_dispersion"  # left out, and whose adapters serve it
OPTIONS = (trainings.BASE, *trainings.OPTIONS)
OPTIONS_ON = ("burgers", "shear_flow")
Record = Mapping[str, Any]


def run(
    folder: Path,
    data: Path,
    *,
    seed: int = 0,
    workers: int = 1,
    minutes: float = trainings.MINUTES,
    peers: Sequence[str] = PEERS,
    progress: Callable[[str], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Run what has no record yet in `folder`, and return all records by the name of their piece.

    Args:
        folder: of records, checkpoints and weights.
        data: what `labwright surrogate data` made.
        seed: of the first training of every model; the others have those that follow.
        workers: pieces at a time.
        minutes: of one core, for each regime of a training.
        peers: those that are installed.
        progress: told what begins.
    """
    wanted = Study.on(data, seed, minutes, peers)
    first = wanted.first()
    found = pieces.run(folder, first, workers=workers, progress=progress)
    second = wanted.second(best_peer(rows(found.values())))
    return found | pieces.run(folder, [*first, *second], workers=workers, progress=progress)


@dataclass(frozen=True)
class Study:
    """What a study of the runs of one folder is made of.

    Attributes:
        data: the folder.
        seed: of the first training of every model.
        minutes: of one core, for each regime of a training.
        peers: those that are installed.
        runs: digests of the runs, by regime and split.
    """

    data: Path
    seed: int
    minutes: float
    peers: tuple[str, ...]
    runs: Mapping[str, Mapping[str, str]]

    @classmethod
    def on(cls, data: Path, seed: int, minutes: float, peers: Sequence[str]) -> Study:
        """Return the study of the runs that stand in a folder."""
        runs = {name: digests(data, name, trainings.READS) for name in all_regimes()}
        return cls(data, seed, minutes, tuple(peers), runs)

    def first(self) -> list[Piece]:
        """Return one seed of every model, and what is not trained."""
        names = tuple(self.runs)
        ours = self._training(OURS, names)
        found = [self._pace(), ours, *(self._training(kind, (name,)) for kind in self.peers for name in names)]
        found += [self._piece(f"{STILL}_{name}", trainings.still, (name,), {"regime": name}) for name in names]
        given = {"weights": ours.name}
        return found + [
            self._piece(f"coarse_{name}", trainings.coarse, (name,), {**given, "regime": name}, after=(ours,))
            for name in names
        ]

    def second(self, best: str | None) -> list[Piece]:
        """Return the later seeds of ours and of the best peer, the ablations and the options."""
        names = tuple(self.runs)
        others = tuple(name for name in names if name != UNSEEN)
        found = []
        for later in range(self.seed + 1, self.seed + SEEDS):
            found.append(self._training(OURS, names, later))
            found += [self._training(best, (name,), later) for name in names if best is not None]
        found += [self._training(model, names) for model in trainings.ABLATIONS]
        left_out = self._training(trainings.LEFT_OUT, others)
        shot = {"weights": left_out.name, "regime": UNSEEN, "like": LIKE}
        found += [left_out, self._piece(ZERO_SHOT, trainings.zero_shot, (UNSEEN,), shot, after=(left_out,))]
        found += [self._training(model, OPTIONS_ON) for model in OPTIONS]
        return found + [self._hidden(shape) for shape in hidden.SHAPES]

    def _pace(self) -> Piece:
        return self._piece("pace", trainings.pace, tuple(self.runs), {"seed": self.seed, "peers": list(self.peers)})

    def _training(self, model: str, regimes: tuple[str, ...], seed: int | None = None) -> Piece:
        wanted = Training(model, regimes, self.seed if seed is None else seed)
        given = {"model": model, "regimes": list(regimes), "seed": wanted.seed, "minutes": self.minutes}
        part = f"_{regimes[0]}" if model in PEERS else ""
        name = f"{model}{part}_{wanted.seed}"
        return self._piece(name, trainings.train, regimes, given, about=wanted.about, after=(self._pace(),))

    def _hidden(self, shape: str) -> Piece:
        given = {"shape": shape, "seed": self.seed, "minutes": self.minutes}
        about, regimes = hidden.about(shape), tuple(hidden.HIDDEN)
        name = f"hidden_{shape}_{self.seed}"
        return self._piece(name, hidden.piece, regimes, given, about=about, after=(self._pace(),))

    def _piece(
        self,
        name: str,
        work: pieces.Work,
        regimes: tuple[str, ...],
        given: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        after: tuple[Piece, ...] = (),
    ) -> Piece:
        told = {"runs": {each: self.runs[each] for each in regimes}, **(about or {})}
        return Piece(name, work, given, places={"data": self.data}, about=told, after=after)


def rows(found: Iterable[Record]) -> list[dict[str, Any]]:
    """Return a row for each data set, horizon and training of all regimes."""
    return [row for row in _rows(found) if row["model"] not in (*OPTIONS, *hidden.SHAPES)]


def options(found: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the rows of the options and of what they are measured against."""
    return [row for row in _rows(found) if row["model"] in OPTIONS]


def memories(found: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the rows of the models that do not see one channel."""
    return [row for row in _rows(found) if row["model"] in hidden.SHAPES]


def _rows(found: Iterable[Record]) -> list[dict[str, Any]]:
    return [
        {
            "dataset": dataset,
            "horizon": horizon,
            "model": record["model"],
            "seed": record["seed"],
            "vrmse": vrmse[horizon],
            "parameters": record.get("parameters"),
            "cpu_minutes": _share(record),
        }
        for record in found
        if "vrmse" in record
        for dataset, vrmse in record["vrmse"].items()
        for horizon in HORIZONS
    ]


def _share(record: Record) -> float | None:
    """Return the minutes that a training took for each of its regimes."""
    return record["cpu_minutes"] / len(record["vrmse"]) if "cpu_minutes" in record else None


def best_peer(rows: Iterable[Record]) -> str | None:
    """Return the peer of the least mean VRMSE; None where there is none."""
    made = list(rows)
    means = {kind: mean for kind in PEERS if (mean := mean_of(made, kind)) is not None}
    return min(means, key=lambda kind: means[kind], default=None)


def mean_of(rows: Iterable[Record], model: str, horizon: str | None = None, dataset: str | None = None) -> float | None:
    """Return the mean VRMSE of a model over seeds, and over the horizons and data sets where none is named."""
    chosen = [
        row["vrmse"]
        for row in rows
        if row["model"] == model and horizon in (None, row["horizon"]) and dataset in (None, row["dataset"])
    ]
    return statistics.fmean(chosen) if chosen else None


def ratio(rows: Sequence[Record], other: str, horizon: str | None = None) -> float:
    """Return our mean VRMSE over that of another model."""
    return _over(rows, other, horizon, None)


def geometric_ratio(rows: Sequence[Record], other: str, horizon: str) -> float:
    """Return the geometric mean over data sets of our VRMSE over that of another model."""
    datasets = dict.fromkeys(row["dataset"] for row in rows if row["model"] == other)
    return statistics.geometric_mean(_over(rows, other, horizon, dataset) for dataset in datasets)


def _over(rows: Sequence[Record], other: str, horizon: str | None, dataset: str | None) -> float:
    own, its = mean_of(rows, OURS, horizon, dataset), mean_of(rows, other, horizon, dataset)
    if own is None or its is None:
        raise ValueError(f"there is nothing of {OURS if own is None else other} on {dataset or 'any data set'}")
    return own / its
