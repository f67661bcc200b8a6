"""Train the surrogate of a family: solve its runs, learn them, calibrate the intervals, and judge it on fresh runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from physics import device as devices
from physics.surrogate.curves import emulator as emulators
from physics.surrogate.curves import judge, speed
from physics.surrogate.curves.emulator import Emulator
from physics.surrogate.curves.family import Counts, Family
from physics.surrogate.curves.runs import SPLITS, Runs, runs_of
from physics.surrogate.curves.surrogate import Surrogate

Say = Callable[[str, float], None]


def solve(family: Family, counts: Counts, seed: int, folder: Path | None, say: Say) -> dict[str, Runs]:
    """Return the runs of every split; those that stand in the folder are not solved again."""
    found = {}
    with devices.one_thread():
        for split, count in zip(SPLITS, counts, strict=True):

            def report(done: float, split: str = split) -> None:
                say(f"{family.name}: solving {split}", done)

            found[split] = runs_of(family, split, count, seed, folder, report)
    return found


def train(
    family: Family,
    *,
    counts: Counts | None = None,
    seed: int = 0,
    kind: str = "",
    runs: Path | None = None,
    timed: bool = True,
    say: Say = lambda what, done: None,
) -> tuple[Surrogate, dict[str, Any]]:
    """Return a surrogate and its card.

    Args:
        family: whose runs.
        counts: of runs; the family's own if left out.
        seed: of all that is drawn.
        kind: of the regressor, "gaussian" or "network"; the one that measured better for the family if left out.
        runs: where solved runs are kept.
        timed: measure its speed against the solver.
        say: called with what is being done and the share done.
    """
    solved = solve(family, counts or family.counts, seed, runs, say)
    begin = perf_counter()
    learned = fit(family, solved, kind or family.kind, seed, say)
    seconds = perf_counter() - begin
    with torch.no_grad():
        card: dict[str, Any] = {
            "title": family.title,
            "experiment": family.experiment,
            "seed": seed,
            "ranges": {each.name: [each.low, each.high, each.unit] for each in family.ranges},
            "grouped": list(family.grouped),
            "data": {
                split: {"drawn": each.drawn, "solved": len(each), "seconds": round(each.seconds, 1)}
                for split, each in solved.items()
            },
            "tolerance": family.tolerance,
            "training_seconds": round(seconds, 1),
            "inside": judge.inside(family, learned, solved["coverage"]),
            "beyond": judge.beyond(family, learned, solved["beyond"]) if len(solved["beyond"]) else {},
            "versions": {name: metadata.version(name) for name in ("labwright", "torch")},
        }
    surrogate = Surrogate(family, learned, card)
    if timed:
        say(f"{family.name}: timing", 0.0)
        card["speed"] = measured(surrogate)
    return surrogate, card


def measured(surrogate: Surrogate) -> dict[str, Any]:
    """Return how long a batch takes by the surrogate and by the solver at the surrogate's median error."""
    family, card = surrogate.family, surrogate.card
    error = card["inside"][family.targets[0].name]["error"]["median"]
    return speed.measure(surrogate, error, card["seed"], 1 if family.accuracy >= 1e-3 else speed.SOLVES)


def fit(family: Family, solved: dict[str, Runs], kind: str, seed: int, say: Say) -> dict[str, Emulator]:
    """Return the trained and calibrated emulators of all targets."""
    known, rest = solved["train"], solved["calibration"]
    inputs, fresh, groups = family.scaled(known.numbers), family.scaled(rest.numbers), family.groups(rest.numbers)
    found = {}
    with devices.one_thread():
        for k, target in enumerate(family.targets):
            say(f"{family.name}: learning {target.name}", k / len(family.targets))
            trained = emulators.train(kind, inputs, target.to_learn(known.targets[target.name]), seed)
            with torch.no_grad():
                found[target.name] = trained.calibrated(fresh, target.to_learn(rest.targets[target.name]), groups)
    return found
