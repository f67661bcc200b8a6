"""Read measured curves of an experiment: each file with the settings that hold for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from physics.calibrate.checks import fractions
from physics.columns import VALUE_COLUMN, value_column
from physics.data import NOT_RELATIVE, Measurement, read_measurement
from physics.errors import DataError, InputError, ParameterError
from physics.experiment import Experiment
from tools.errors import Retry
from tools.file_settings import by_file, with_comments

_HIGHEST = 2.0  # of what may pass for C/C0 with its errors
_LOWEST = -0.5


@dataclass(frozen=True)
class DataFile:
    """A measured curve and what is known of its run.

    Attributes:
        name: the file's name, with its folder where two files share one.
        told: the settings of this file in the user's words.
        given: the same, and what a comment of the file says.
        known: what is given, in SI.
        seconds: the times, shape (n,).
        notes: what was done to the data and what was taken from its comments, a sentence each.
    """

    name: str
    path: Path
    measured: Measurement
    told: Mapping[str, str]
    given: Mapping[str, str]
    known: Mapping[str, Any]
    seconds: np.ndarray
    notes: tuple[str, ...]


def read_data(
    declared: Experiment,
    paths: Sequence[Path],
    settings: Mapping[str, str],
    *,
    free: Sequence[str] = (),
    raw: bool = False,
) -> tuple[DataFile, ...]:
    """Read one or several measured curves with their settings.

    A setting holds for every file, unless it lists one value for each file ("11 cm, 17 cm") or its name begins with
    a file ("a.csv:length", by name or number). Where a setting is left out, a comment of the file that states it
    plainly ("Sensor depth: 11 cm") counts. Times that count pore volumes need length and velocity.

    Args:
        declared: the experiment.
        paths: the CSV files.
        settings: names and values with their units.
        free: what is to be fitted; a value set for it is no knowledge.
        raw: whether the values are signals of any size, and not the experiment's curve itself.

    Raises:
        Retry: a file, a name or a value is wrong; the message says where and how to mend it.
    """
    try:
        return _read(declared, paths, settings, free, raw)
    except InputError as error:
        raise Retry(str(error)) from error


def _read(
    declared: Experiment, paths: Sequence[Path], settings: Mapping[str, str], free: Sequence[str], raw: bool
) -> tuple[DataFile, ...]:
    if not paths:
        raise DataError("no data file is named")
    curve = declared.curve
    if "times" in settings:
        raise ParameterError("times come from the data file; leave --set times out")
    column = value_column(curve)
    measured = [read_measurement(path, value=column, unit=curve.unit) for path in paths]
    names = _names(paths)
    given = by_file(declared, names, paths, settings)
    files = []
    for name, path, one, told in zip(names, paths, measured, given, strict=True):
        full, notes = with_comments(declared, told, one.comments, free)
        known = {key: declared.parameter(key).read(text) for key, text in full.items()}
        seconds = _seconds(declared, one, known, free)
        all_notes = (*(note for note in one.notes if not (raw and NOT_RELATIVE in note)), *notes)
        noted = all_notes if len(paths) == 1 else tuple(f"{name}: {note}" for note in all_notes)
        files.append(DataFile(name, Path(path), one, told, full, known, seconds, noted))
    _check_apart(files)
    if column == VALUE_COLUMN and not raw:
        _check_scale(files)
        return tuple(_with_odd(file) for file in files)
    return tuple(files)


def _with_odd(file: DataFile) -> DataFile:
    """Note the readings that cannot be fractions."""
    odd = fractions(file.name, torch.as_tensor(file.measured.value))
    return replace(file, notes=(*file.notes, *odd)) if odd else file


def of_one_length(files: Sequence[DataFile], reach: float = 0.0) -> tuple[DataFile, ...]:
    """Give columns that go on past their sensors one length: that of the farthest sensor, or `reach` (m).

    Nothing of such a column depends on its length, but an exchange with water at rest is told for the length: only
    with one length is it the same for all.
    """
    apart = [file.known for file in files]
    if any(known.get("outlet") != "semi-infinite" or "length" not in known for known in apart):
        return tuple(files)
    places = [known.get("position", known["length"]) for known in apart]
    length = max([reach, *places, *(known["length"] for known in apart)])
    return tuple(
        replace(file, known={**file.known, "position": place, "length": length})
        for file, place in zip(files, places, strict=True)
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Name each file as briefly as tells them apart."""
    short = [Path(path).name for path in paths]
    longer = [
        name if short.count(name) == 1 else str(Path(*Path(path).parts[-2:]))
        for name, path in zip(short, paths, strict=True)
    ]
    return [name if longer.count(name) == 1 else str(path) for name, path in zip(longer, paths, strict=True)]


def _seconds(declared: Experiment, measured: Measurement, known: Mapping[str, Any], free: Sequence[str]) -> np.ndarray:
    """Return the times in seconds; pore volumes need a velocity that is known."""
    if measured.unit != "pv":
        return measured.time
    for name in ("velocity", "length"):
        if name not in {item.name for item in declared.parameters}:
            raise ParameterError(f"{measured.path} counts pore volumes, which {declared.name} does not know")
    if "velocity" in free or not {"velocity", "length"} <= set(known):
        raise ParameterError(
            f"{measured.path} counts pore volumes, which say nothing of the velocity: "
            "set velocity and length, and fit other parameters"
        )
    return measured.time * (known["length"] / known["velocity"])


def _check_apart(files: Sequence[DataFile]) -> None:
    """Raise where two files hold the same measurement: it would count twice."""
    for k, one in enumerate(files):
        for other in files[:k]:
            if one.path.resolve() == other.path.resolve():
                raise DataError(f"{one.path} is named twice; name it once")
            if one.measured.sha256 == other.measured.sha256:
                raise DataError(f"{other.name} and {one.name} are the same file, byte for byte; name it once")
            pairs = ((one.seconds, other.seconds), (one.measured.value, other.measured.value))
            if all(len(a) == len(b) and np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in pairs):
                raise DataError(f"{one.name} holds the same readings as {other.name}; name one of the two")


def _check_scale(files: Sequence[DataFile]) -> None:
    """Raise where values cannot be C/C0: no parameter of a column turns a signal or percent into it."""
    for one in files:
        low, high = float(one.measured.value.min()), float(one.measured.value.max())
        if high > _HIGHEST or low < _LOWEST:
            others = [o.name for o in files if o is not one and float(o.measured.value.max()) <= _HIGHEST]
            beside = f", while {others[0]} holds fractions" if others else ""
            raise DataError(
                f"{one.name}: its values go from {low:.3g} to {high:.3g}, and C/C0 from 0 to 1{beside}: if they are "
                f"percent, call the column {VALUE_COLUMN}_percent; if they are a signal, divide by that of the feed, "
                "or add --nuisance baseline gain"
            )
