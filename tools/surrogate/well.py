"""Data sets of The Well as the training of the surrogate of fields takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from physics.errors import DataError
from physics.surrogate.frames import Frames
from physics.surrogate.well_files import headers
from physics.surrogate.well_regime import WellRegime, regime_of
from physics.surrogate.well_runs import WellRuns
from tools.errors import Retry

_TESTED, _FRAMES = 16, 32  # windows of the test runs that are judged, and the frames of each


class DataSet(NamedTuple):
    """One data set: its regime, and the runs to learn from and to judge by, which stay in their files."""

    regime: WellRegime
    training: WellRuns
    tested: WellRuns


def data_sets(folders: Sequence[Path], points: str | None, divisor: int, least: int) -> dict[str, DataSet]:
    """Return the data sets of folders by the names of their regimes.

    Args:
        folders: each with `data/train` and `data/test`.
        points: "128x64", or what the files have.
        divisor: of the points along each axis.
        least: frames of a run.

    Raises:
        Retry: the points are no numbers, or two folders hold one data set.
        DataError: a folder cannot be used.
    """
    asked, found = None if points is None else _grid(points), {}
    for folder in folders:
        regime = regime_of(headers(folder, "train"), divisor, asked)
        if regime.name in found:
            raise Retry(f"--well {folder}: {regime.name} is there already from another folder; name each data set once")
        found[regime.name] = DataSet(regime, WellRuns(regime, folder, "train"), WellRuns(regime, folder, "test"))
        for runs in found[regime.name][1:]:
            if int(runs.frames.min()) < least:
                raise DataError(
                    f"{runs.files[0].path.parent}: runs of {int(runs.frames.min())} frames are too short; "
                    f"the training takes {least} at a time"
                )
    return found


def tested(given: DataSet) -> Frames:
    """Return windows of the test runs, each as long as a rollout that is judged."""
    return given.tested.sample(min(_TESTED, len(given.tested)), _FRAMES)


def _grid(points: str) -> tuple[int, ...]:
    parts = points.lower().split("x")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise Retry(f"--points {points}: give the points along each axis, such as 128x64 or 128")
    return tuple(int(part) for part in parts)
