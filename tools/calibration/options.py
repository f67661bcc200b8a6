"""What a calibration may be told besides settings and names, and how its words are read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from physics import units
from physics.calibrate.problem import NEUTRAL, Prior
from physics.errors import ParameterError, UnitError
from physics.experiment import Experiment, Parameter
from tools.file_settings import split_values
from tools.read_data import DataFile
from tools.records import Record

_SPREAD = re.compile(r"(.+?)\s*(?:\+-|\+/-|±)\s*(.+)")
_NEGATIVE = {"baseline", "drift", "delay"}  # what an instrument adds may have either sign


class Options(Record):
    """How to calibrate; the defaults are a plain least-squares fit.

    Attributes:
        separate: parameters with a value for each file.
        nuisance: what the instrument adds: baseline, gain, drift, delay, a value for each file.
        noise: the standard deviation of a reading ("0.005", "0.5 %", one or one a file), "estimate" for one of all
            files, "separate" for one of each.
        loss: "squares", or "huber" or "student" where readings may be outliers.
        priors: what is known beforehand, "velocity=2.5 cm/h +- 0.1 cm/h" or "+- 4 %".
        bounds: where to search, "dispersion=0.01..1 cm**2/h".
        starts: how many starting points, where the misfit may have several minima.
        tolerance: of the solver, absolute, in the unit of the curve; chosen by the noise if left out.
        compare: a model that has this one as a special case, "two-region" or names of further parameters.
        predict: settings of a run to predict; what is left out is as in the files.
        predict_times: its times, "1 h, 2 h".
        predict_data: a file that was measured there, to compare with.
    """

    separate: tuple[str, ...] = ()
    nuisance: tuple[str, ...] = ()
    noise: str = "estimate"
    loss: Literal["squares", "huber", "student"] = "squares"
    priors: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    starts: int = Field(default=1, ge=1, le=64)
    tolerance: float | None = Field(default=None, ge=1e-11, le=0.1)
    compare: str | None = None
    predict: dict[str, str] = Field(default_factory=dict)
    predict_times: str | None = None
    predict_data: Path | None = None

    @property
    def predicts(self) -> bool:
        """Whether a prediction was asked for."""
        return bool(self.predict or self.predict_times or self.predict_data)


def check(options: Options, names: Sequence[str]) -> None:
    """Raise `ParameterError` where the options name what is not fitted."""
    for kind in options.nuisance:
        if kind not in NEUTRAL:
            raise ParameterError(f"--nuisance {kind} is not one of {', '.join(NEUTRAL)}")
    for option, given in (("separate", options.separate), ("nuisance", options.nuisance)):
        double = next((name for name in given if given.count(name) > 1), None)
        if double:
            raise ParameterError(f"--{option} names {double} twice")
    for name in options.separate:
        if name not in names:
            raise ParameterError(f"--separate {name}: it is not fitted; fitted are {', '.join(names)}")


def read_bounds(declared: Experiment, texts: Sequence[str], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read `NAME=A..B` into SI; an end left out is that of the parameter's range.

    Raises:
        ParameterError, UnitError: the text cannot be read, or leaves the physical range.
    """
    found: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, value = _named(text, "--bound", "NAME=A..B, for example dispersion='0.01..1 cm**2/h'", names)
        item = _number(declared, name)
        low, mark, high = (part.strip() for part in value.partition(".."))
        if not mark or not (low or high):
            raise ParameterError(f"--bound {text!r} has no '..'; write NAME=A..B, and leave out an end that is open")
        if low and high:
            unit = units.parse(high)[1]
            low = low if units.parse(low)[1] or not unit else f"{low} {unit}"
        ends = (item.read(low) if low else item.lower, item.read(high) if high else item.upper)
        if not ends[0] < ends[1]:
            raise ParameterError(f"--bound {text!r}: the lower end is not below the upper one")
        found[name] = ends
    return found


def read_priors(
    declared: Experiment, texts: Sequence[str], names: Sequence[str], nuisance: Sequence[str]
) -> dict[str, Prior]:
    """Read `NAME=VALUE +- SPREAD` into priors, SI; a spread in percent is one of the value.

    For a positive parameter the prior is log-normal with the value as its median and the coefficient of variation
    SPREAD / VALUE.

    Raises:
        ParameterError, UnitError: the text cannot be read.
    """
    how = "NAME=VALUE +- SPREAD, for example velocity='2.5 cm/h +- 0.1 cm/h'"
    found: dict[str, Prior] = {}
    for text in texts:
        name, value = _named(text, "--prior", how, [*names, *nuisance])
        match = _SPREAD.fullmatch(value)
        if match is None:
            raise ParameterError(f"--prior {text!r} has no '+-'; write {how}")
        unit = unit_of(declared, name, declared.curve.unit)
        centre = _si(match[1], unit, name)
        spread = _spread(match[2], units.parse(match[1])[1], unit, centre, name)
        if not spread > 0:
            raise ParameterError(f"--prior {text!r}: the spread must be above zero")
        item = None if name in nuisance else _number(declared, name)
        if item is not None:
            item.check(centre, shown=match[1].strip())
        positive = name not in _NEGATIVE and (item is None or item.lower >= 0)
        if positive and not centre > 0:
            raise ParameterError(f"--prior {text!r}: {name} is positive, so its prior must be too")
        found[name] = Prior(centre, math.sqrt(math.log1p((spread / centre) ** 2)) if positive else spread)
    return found


def _spread(text: str, own: str, unit: str, centre: float, name: str) -> float:
    value, given = units.parse(text)
    if given.strip() in ("%", "percent"):
        return abs(centre) * value / 100
    source = given or own
    # A difference: the zero of the unit, for example of degC, falls out.
    return _si(f"{value!r} {source}", unit, name) - _si(f"0 {source}", unit, name)


def _si(text: str, unit: str, name: str) -> float:
    value, source = units.parse(text)
    try:
        return units.convert(value, source, unit)
    except UnitError as error:
        raise UnitError(f"{name}: {error}") from error


def unit_of(declared: Experiment, name: str, curve: str) -> str:
    """Return the SI unit of a parameter or of what the instrument adds to a curve in the unit `curve`."""
    added = {"baseline": curve, "gain": "", "drift": f"{curve}/s" if curve else "1/s", "delay": "s"}
    return added[name] if name in added else _number(declared, name).unit


def _number(declared: Experiment, name: str) -> Parameter:
    item = declared.parameter(name)
    if not isinstance(item, Parameter):
        raise ParameterError(f"{name} is a choice, not a number")
    return item


def _named(text: str, option: str, how: str, names: Sequence[str]) -> tuple[str, str]:
    name, sign, value = (part.strip() for part in text.partition("="))
    if not sign or not name or not value:
        raise ParameterError(f"{option} {text!r} is not {how}")
    if name not in names:
        raise ParameterError(f"{option} {name}: it is not fitted; fitted are {', '.join(names)}")
    return name, value


def read_noise(text: str, files: Sequence[DataFile], unit: str) -> tuple[list[float | None], str]:
    """Return the known noise of each file (None: to be estimated) and how what is estimated is shared.

    A percentage is of the feed where the curve is relative, else of the range of the file's values.

    Raises:
        ParameterError: the text is no quantity, or lists another number than that of the files.
    """
    word = text.strip().lower()
    if word in ("estimate", "estimated", "common"):
        return [None] * len(files), "common"
    if word == "separate":
        return [None] * len(files), "separate"
    parts = split_values(text)
    if len(parts) == 1:
        parts = [text] * len(files)
    if len(parts) != len(files):
        raise ParameterError(f"--noise {text!r} lists {len(parts)} values for {len(files)} files")
    return [_deviation(part, file, unit) for part, file in zip(parts, files, strict=True)], "common"


def _deviation(text: str, file: DataFile, unit: str) -> float:
    try:
        value, source = units.parse(text)
        if unit and source in ("%", "percent"):
            found = value / 100 * float(file.measured.value.max() - file.measured.value.min())
        elif unit and not source:
            found = value
        else:
            found = units.convert(value, source, unit) - units.convert(0.0, source, unit)
    except UnitError as error:
        raise ParameterError(
            f"--noise {text!r}: {error}; write a standard deviation, 'estimate' or 'separate'"
        ) from error
    if not found > 0:
        raise ParameterError(f"--noise {text!r}: the standard deviation of a reading must be above zero")
    return found
