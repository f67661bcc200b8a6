"""Write a run as an HDF5 file of The Well's layout, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from physics import well
from physics.errors import InputError
from physics.experiment import Experiment
from physics.solution import Solution
from physics.trajectory import others, trajectory_of
from tools.errors import Retry


def check_place(path: Path) -> None:
    """Raise `Retry` where no file can be written, before a run takes its time."""
    if path.is_dir():
        raise Retry(f"--out {path} is a directory; name a file in it, for example {path / 'run.h5'}")
    if not path.parent.is_dir():
        raise Retry(f"--out {path} cannot be written: there is no directory {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise Retry(f"--out {path} cannot be written: {path.parent} is not yours to write to; choose another place")


def write_hdf5(
    path: Path,
    declared: Experiment,
    settings: Mapping[str, Any],
    solution: Solution,
    words: Mapping[str, str],
    balances: Sequence[Mapping[str, Any]],
    run: str | None,
) -> None:
    """Write the outputs of a run in The Well's layout, and beside them what else is known of it.

    `settings` are the complete SI settings and `words` those that the user gave. The groups `balances/NAME` hold
    each balance, `run` its name and how it ended, `settings` the words, and `others/NAME` what has other times or
    another grid than the fields.

    Raises:
        Retry: the file cannot be written there.
    """
    groups: dict[str, Mapping[str, Any]] = {
        "run": {
            "experiment": declared.name,
            "run": run or "",
            "status": solution.status.name.lower(),
            "message": solution.message,
            "tolerance": solution.tolerance,
        },
        "settings": dict(words),
    }
    for balance in balances:
        keys = ("residual", "scale", "tolerance", "unit", "status")
        groups[f"balances/{balance['name']}"] = {key: balance[key] for key in keys}
    for output in others(solution):
        time = {} if output.time is None else {"time": output.time}
        groups[f"others/{output.name}"] = {"unit": output.unit, "values": output.values, **time, **output.coordinates}
    try:
        well.write(path, trajectory_of(declared, settings, solution), groups=groups)
    except InputError as error:
        raise Retry(f"--out {error}") from error
