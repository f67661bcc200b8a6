"""Which setting holds for which file: listed one a file, addressed to a file, or stated in its comments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from physics import units
from physics.errors import InputError, ParameterError
from physics.experiment import Experiment
from tools.comments import read_comments

_SAYS = {
    "position": ("sensor depth", "sensor position", "depth of sensor", "position"),
    "length": ("column length", "length"),
    "thickness": ("disc thickness", "specimen thickness", "thickness"),
}
"""The settings that a comment may state, by the words for them."""
_BARE = re.compile(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\b[^,.]*")


def by_file(
    declared: Experiment, names: Sequence[str], paths: Sequence[Path], settings: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the settings of each file, in the user's words.

    `NAME` holds for all files or lists one value for each, separated by commas; `FILE:NAME` holds for one, which is
    called by its name, its stem, its path or its number from 1, and goes before.

    Raises:
        ParameterError: no such file or parameter, or a list of another length.
    """
    found: list[dict[str, str]] = [{} for _ in names]
    own: list[tuple[int, str, str]] = []
    for key, text in settings.items():
        place, mark, name = key.rpartition(":")
        if mark:
            own.append((_which(place, names, paths), name.strip(), text))
            continue
        for k, part in enumerate(_listed(declared, key, text, len(names))):
            found[k][key] = part
    for k, name, text in own:
        declared.parameter(name)
        found[k][name] = text
    return found


def _which(place: str, names: Sequence[str], paths: Sequence[Path]) -> int:
    calls = [{name, Path(path).name, Path(path).stem, str(path)} for name, path in zip(names, paths, strict=True)]
    fitting = [k for k, called in enumerate(calls) if place in called]
    if not fitting and place.isdecimal() and 1 <= int(place) <= len(names):
        return int(place) - 1
    if len(fitting) != 1:
        what = "fits several files" if fitting else "is none of the files"
        numbered = ", ".join(f"{k + 1} {name}" for k, name in enumerate(names))
        raise ParameterError(f"--set {place}:...: {place!r} {what}; they are {numbered}")
    return fitting[0]


def _listed(declared: Experiment, name: str, text: str, files: int) -> list[str]:
    """Return one value for each file: the parts of a list, or the value itself as often."""
    declared.parameter(name)
    parts = split_values(text)
    if files == 1 or len(parts) < 2:
        return [text] * files
    if len(parts) != files:
        raise ParameterError(
            f"--set {name}={text!r} lists {len(parts)} values for {files} files; give one value, or one a file"
        )
    unit = _BARE.sub("", parts[-1], count=1)  # "11, 17 cm": the unit stands for all
    return [f"{part}{unit}" if _BARE.fullmatch(part) else part for part in parts]


def split_values(text: str) -> list[str]:
    """Split a list at its commas; the comma of `2,5 cm` is a decimal one."""
    if _DECIMAL_COMMA.fullmatch(text):
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def with_comments(
    declared: Experiment, given: Mapping[str, str], comments: Sequence[str], free: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Add what the comments of a file state and the settings leave out, with a note for each such setting.

    A comment that contradicts a setting is told and changes nothing. In a column that goes on past its sensor
    (outlet=semi-infinite) the length only scales: left out, it is the sensor's position.
    """
    full = dict(given)
    words = {item.name: _SAYS[item.name] for item in declared.parameters if item.name in set(_SAYS) - set(free)}
    stated, doubts = read_comments(comments, words, declared, alone=True)
    notes = list(doubts)
    for name, text in stated.items():
        at_end = name == "position" and "position" not in full and "length" in full  # the sensor is at the outlet
        there = full.get(name, full["length"] if at_end else None)
        if there is None or (at_end and _metres(there) > _metres(text) * (1 + 1e-9)):
            full[name] = text
            notes.append(f"{name} = {text} is taken from its comment; set {name} for another.")
        elif not math.isclose(_metres(there), _metres(text), rel_tol=1e-6):
            used = f"{name} = {there} was set" if not at_end else f"length = {there} was set, where the sensor then is"
            notes.append(f"its comment says {name} = {text}, but {used}; what was set is used.")
    if "position" in full and "length" not in full and full.get("outlet", "").strip().lower() == "semi-infinite":
        full["length"] = full["position"]
    return full, tuple(notes)


def _metres(text: str) -> float:
    try:
        value, unit = units.parse(text)
        return units.convert(value, unit, "m")
    except InputError:
        return math.nan  # the parameter's own reader will tell
