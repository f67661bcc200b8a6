"""What an experiment makes of sensors' readings and settings: the system to assimilate with, its fields and checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics import units
from physics.assimilation.analysis import Analysis, Field
from physics.assimilation.prior import LogNormal
from physics.assimilation.system import Observations, System
from physics.calibrate.problem import Prior
from physics.errors import DataError, ParameterError
from physics.experiment import Experiment
from tools.calibration.options import read_priors
from tools.records import Check

LEAST_READS = 3
DRAWS = 32  # of the posterior, for the spread of a forecast
_FEWEST_DIFFERENCES = 40


@dataclass(frozen=True)
class Request:
    """What a person asks for: settings (words and SI), names to find, priors and the noise of a reading."""

    declared: Experiment
    words: Mapping[str, str]
    known: Mapping[str, Any]
    free: tuple[str, ...]
    priors: Mapping[str, Prior]
    noise: str | None
    profile: str | None = None
    feed: float = 0.0

    def prior(self, name: str, deviation: float) -> LogNormal:
        """Return what is known of a parameter that is to be found: its prior, or its setting to so much.

        Raises:
            ParameterError: neither is given.
        """
        if name in self.priors:
            return LogNormal(self.priors[name].centre, self.priors[name].deviation)
        if name in self.known:
            return LogNormal(float(self.known[name]), deviation)
        raise ParameterError(
            f"--fit {name} needs to know about how large it is; write for example "
            f"--prior '{name}={self.declared.example.get(name, '1e5')} +- 30 %'"
        )

    def value(self, name: str, deviation: float) -> LogNormal | float:
        """Return a prior where the parameter is to be found, else the number that is set.

        Raises:
            ParameterError: neither is given.
        """
        if name in self.free:
            return self.prior(name, deviation)
        if name not in self.known:
            raise ParameterError(f"{name} is missing; set it with --set {name}=..., or find it with --fit {name}")
        return float(self.known[name])


@dataclass(frozen=True)
class Case:
    """An assimilation that is ready to run.

    Attributes:
        places: each sensor in the file's words, and `times` of the reads on the file's clock, in `time_unit`.
        spots: where each sensor stands on the axes, shape (sensors, axes); None where it stands outside of them.
        begin: the clock at the start of the window, and `clock` seconds or diffusion times in one of `time_unit`.
        axes: name -> points, in the order of the fields' dimensions once they are `arranged`.
        arranged: field names of a report -> the system's fields, one or one for each axis.
        transposed: whether the system's fields run over the axes backwards.
        shown: for each unknown parameter its unit for people, and one of it in the system's.
        forecast: (analysis, draws of z, time after the window) -> the fields then.
        checks: what can be judged of an analysis besides its chi^2.
        words: (analysis) -> sentences on what was found.
    """

    request: Request
    system: System
    observations: Observations
    places: tuple[str, ...]
    times: np.ndarray
    time_unit: str
    begin: float
    clock: float
    axes: Mapping[str, Tensor]
    length_unit: str
    arranged: Mapping[str, tuple[str, ...]]
    field_units: Mapping[str, str]
    transposed: bool
    shown: Mapping[str, tuple[str, float]]
    forecast: Callable[[Analysis, Tensor, float], dict[str, Field]]
    checks: Callable[[Analysis], list[Check]]
    words: Callable[[Analysis], list[str]]
    notes: tuple[str, ...] = field(default=())
    spots: np.ndarray | None = None


def request_of(
    declared: Experiment,
    words: Mapping[str, str],
    fit: Sequence[str],
    priors: Sequence[str],
    noise: str | None,
    feed: float,
    can: Sequence[str],
) -> Request:
    """Read the words of a request; `can` names what may be found.

    Raises:
        ParameterError, UnitError: a name or a value is wrong.
    """
    for name in fit:
        declared.parameter(name)
        if name not in can:
            raise ParameterError(f"--fit {name}: assimilating {declared.name} finds {' and '.join(can)}")
    if len(set(fit)) < len(fit):
        raise ParameterError("--fit names a parameter twice")
    if "times" in words:
        raise ParameterError("times come from the data file; leave --set times out")
    profile = [text.partition("=")[2] for text in priors if text.partition("=")[0].strip() == "profile"]
    rest = [text for text in priors if text.partition("=")[0].strip() != "profile"]
    known = {name: declared.parameter(name).read(text) for name, text in words.items()}
    return Request(
        declared, words, known, tuple(fit), read_priors(declared, rest, fit, ()), noise,
        profile[-1] if profile else None, feed,
    )  # fmt: skip


def deviation_of(request: Request, values: np.ndarray, unit: float = 1.0, of: str = "") -> tuple[float, list[str]]:
    """Return the standard deviation of a reading's noise, and a note where nobody has told it.

    Left out, it is that of the third differences of each sensor's readings, which smooth curves hardly have:
    var(d3) = 20 s^2.

    Args:
        values: the readings (reads, sensors), as the system takes them.
        unit: one of the readings' unit `of`, as the system takes them.

    Raises:
        ParameterError: it is not positive, or cannot be told from the readings.
    """
    if request.noise is not None:
        number, own = units.parse(request.noise)
        if own.strip() in ("%", "percent"):
            number = number / 100.0
        elif own:
            number = units.convert(number, own, of) * unit
        if not (math.isfinite(number) and number > 0):
            raise ParameterError(f"--noise {request.noise}: the noise of a reading must be above zero")
        return number, []
    differences = np.diff(values, 3, axis=0)
    differences = differences[np.isfinite(differences)]
    if len(differences) < _FEWEST_DIFFERENCES:
        raise ParameterError("there are too few reads to tell their noise; give it, for example --noise 0.01")
    found = float(np.sqrt(np.mean(differences**2) / 20.0))
    if not found > 0:
        raise ParameterError("the readings do not scatter at all; give their noise, for example --noise 0.01")
    return found, [f"the noise of a reading was taken from the readings' scatter from one to the next: {found:.2g}"]


def check_reads(name: str, values: np.ndarray) -> list[str]:
    """Say which sensors were read too seldom; raise where too little is left.

    Raises:
        DataError: there are fewer than `LEAST_READS` times.
    """
    if len(values) < LEAST_READS:
        reads = "read stands" if len(values) == 1 else "reads stand"
        raise DataError(f"{name}: only {len(values)} {reads} in it; give {LEAST_READS} or more times")
    missing = int(np.isnan(values).sum())
    if not missing:
        return []
    return [f"{missing} of {values.size} readings are missing: not every sensor was read at every time"]


def spread_of(mean: Mapping[str, Tensor], draws: Mapping[str, Tensor]) -> dict[str, Field]:
    """Return fields with the standard deviation of draws (count, *shape), those not finite left out."""
    found = {}
    for name, value in mean.items():
        sound = torch.isfinite(draws[name]).flatten(1).all(1)
        found[name] = Field(value, draws[name][sound].std(0))
    return found
