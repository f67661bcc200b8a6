"""Train the surrogate of curves: solve runs of each family, learn them, calibrate, judge, and write weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from physics.errors import InputError
from physics.surrogate.curves import weights
from physics.surrogate.curves.emulator import KINDS
from physics.surrogate.curves.families import all_families, get
from physics.surrogate.curves.family import Counts, Family
from physics.surrogate.curves.surrogate import Surrogate
from physics.surrogate.curves.train import measured, train
from physics.surrogate.trust import FASTER
from tools.errors import Failed, Retry

FEWEST = 10  # runs of a split but the last, with which a rank means something
SHIPPED = weights.FOLDER


def train_curves(
    names: Sequence[str],
    folder: Path,
    *,
    seed: int = 0,
    counts: dict[str, int | None] | None = None,
    kind: str = "",
    runs: Path | None = None,
    progress: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """Train families, all of them if none is named, and write weights and cards to a folder.

    Runs that stand under `runs` for the same seed and number are not solved again.

    Raises:
        Retry: a name, a number or the folder cannot be used; nothing was written.
        Failed: too few runs of a family had a result.
    """
    chosen = _families(names)
    if kind not in ("", *KINDS):
        raise Retry(f"kind = {kind!r} is not one of {', '.join(KINDS)}")
    if folder.exists() and not folder.is_dir():
        raise Retry(f"{folder} is a file; name a folder for the weights")
    wanted = [(family, _counts(family, counts or {})) for family in chosen]
    rows = []
    for family, numbers in wanted:
        trained, card = _train(family, numbers, seed, kind, runs, progress)
        file = weights.write(family, trained, card, folder)
        rows.append({"family": family.name, "file": str(file), "bytes": file.stat().st_size, **card})
    return {"seed": seed, "folder": str(folder), "families": rows}


def time_curves(
    names: Sequence[str],
    folder: Path | None = None,
    *,
    keep: bool = False,
    progress: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """Time trained families against the solver at their own error, in one run; `keep` writes it into their cards.

    Raises:
        Retry: a name is none, or weights cannot be used; the message says which and why.
    """
    place, rows = folder or SHIPPED, []
    for family in _families(names):
        progress(f"timing {family.name}")
        try:
            surrogate = Surrogate.load(family, place)
        except InputError as error:
            raise Retry(str(error)) from error
        speed = measured(surrogate)
        if keep:
            weights.write_card(family, {**surrogate.card, "speed": speed}, place)
        rows.append({"family": family.name, **speed, "answers": speed["ratio"] >= FASTER})
    return {"folder": str(place), "families": rows}


def _families(names: Sequence[str]) -> list[Family]:
    try:
        return [get(name) for name in names] or list(all_families().values())
    except InputError as error:
        raise Retry(str(error)) from error


def _counts(family: Family, given: dict[str, int | None]) -> Counts:
    found = Counts(*(family.counts[k] if given.get(name) is None else int(given[name] or 0)
                     for k, name in enumerate(Counts._fields)))  # fmt: skip
    for name in Counts._fields[:3]:
        if getattr(found, name) < FEWEST:
            raise Retry(f"{name} = {getattr(found, name)} is too few runs; take {FEWEST} at least")
    return found


def _train(
    family: Family, counts: Counts, seed: int, kind: str, runs: Path | None, progress: Callable[[str], None]
) -> tuple[Any, dict[str, Any]]:
    def say(what: str, done: float) -> None:
        progress(f"{what} {done:.0%}")

    try:
        surrogate, card = train(family, counts=counts, seed=seed, kind=kind, runs=runs, say=say)
    except InputError as error:
        raise Failed(f"{family.name}: {error}") from error
    return surrogate.emulators, card
