"""The sets of runs that the encoder learns from and is judged by: each regime's fields, each family's curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from physics.surrogate import frames
from physics.surrogate.curves.families import all_families
from physics.surrogate.embedding.curves import curves
from physics.surrogate.embedding.trace import of_frames
from physics.surrogate.embedding.train import Runs
from physics.surrogate.frames import Frames
from physics.surrogate.generate import generate
from physics.surrogate.regimes import all_regimes

CURVES = " curve"  # what the name of a family's set ends with


def fields(
    folder: Path | None, split: str, count: int, *, seed: int = 0, report: Callable[[str], None] = lambda name: None
) -> list[tuple[Runs, Frames]]:
    """Return the first `count` runs of a split of every regime, from a folder in The Well's layout or solved now.

    Raises:
        DataError: the folder lacks the data of a regime, or they are of another one.
    """
    found = []
    for name, regime in all_regimes().items():
        report(name)
        if folder is None:
            values = generate(regime, split, count, seed)
        else:
            values = frames.read(folder, regime, split, slice(0, count))
        found.append((Runs(name, of_frames(values), regime.scaled(values.settings)), values))
    return found


def records(
    split: str, count: int, *, seed: int = 0, solve: bool = False, report: Callable[[str], None] = lambda name: None
) -> list[Runs]:
    """Return `count` curves of every family of a split, by the surrogate of curves or by the solver."""
    found = []
    for name in all_families():
        report(f"{name}{CURVES}")
        made = curves(name, split, count, seed, solve=solve)
        found.append(Runs(f"{name}{CURVES}", made.traces, made.scaled))
    return found
