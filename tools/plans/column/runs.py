"""The runs that a column could be given: flows and inputs inside the limits, and what is not known beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.stats import norm

from physics import units
from physics.calibrate.sensitivity import Model
from physics.design.candidate import Candidate, Limits, Unknown
from physics.design.information import Noise
from physics.design.tracer import Bed, tracer_candidates, tracer_models
from physics.errors import ParameterError
from physics.experiments.column import EXPERIMENT, scheme_of
from tools.plans.numbers import bounds_on

FLOWS = 6
PULSES = (0.25, 0.5, 1.0)  # pore volumes
AFTERWARDS = (1.3, 1.9)  # pore volumes after the input ends: for narrow fronts, and for the widest assumed
SPREAD = 3.0  # the prior's central part spans a factor of this to either side of the median dispersivity
PRIOR_LEVEL = 0.8
VELOCITY_SPREAD = 0.05  # log-standard deviation: porosity and flow are known to about five percent
BAND_TOLERANCE = 1e-3  # of the curves that only an interval of a tenth or more is drawn from
MINUTES = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True)
class Space:
    """What `physics.design.propose` needs, and the column's own numbers behind it (SI)."""

    models: dict[str, Model]
    bands: dict[str, Model]  # coarser ones, for the interval of the predicted curve
    candidates: list[Candidate]
    limits: Limits
    noise: Noise
    base: dict[str, Any]
    flow_unit: str


def space(settings: Mapping[str, str], bounds: Sequence[Mapping[str, Any]]) -> Space:
    """Build the candidates from the apparatus and the limits of request and instruments.

    Raises:
        ParameterError, UnitError: a setting or a limit cannot be used, or the limits leave no run.
    """
    base = _base(settings)
    area = math.pi * base["diameter"] ** 2 / 4 * base["porosity"]
    flow_unit = next((str(b["unit"]) for b in bounds if b["name"] == "flow"), "mL/min")
    slowest, fastest = bounds_on(bounds, "flow", "m**3/s")
    longest = bounds_on(bounds, "duration", "s")[1]
    interval = max(bounds_on(bounds, "shortest_interval", "s")[0], 1.0)
    volume = max(bounds_on(bounds, "sample_volume", "m**3")[0], 0.0)
    # Slower than this the middle of the front would not arrive in time.
    arriving = base.get("retardation", 1.0) * base["length"] * area / longest
    flows = _flows(min(max(slowest, volume / interval, arriving), fastest), fastest, flow_unit)
    candidates = [_told(candidate, base) for candidate in _all(base, settings, flows, area, longest)]
    limits = Limits(
        duration=longest,
        samples=int(bounds_on(bounds, "samples", "")[1]),
        interval=interval,
        raster=MINUTES if interval >= 60 else Limits.raster,
    )
    error = units.convert(*units.parse(settings["reading_error"]), "")
    scheme = scheme_of(base)
    return Space(
        tracer_models(scheme),
        tracer_models(scheme, BAND_TOLERANCE),
        candidates,
        limits,
        Noise(absolute=error),
        base,
        flow_unit,
    )


def _base(settings: Mapping[str, str]) -> dict[str, Any]:
    """Read what belongs to the column itself into SI; a prior or an error of reading is not among it."""
    known = {item.name for item in EXPERIMENT.parameters} | {item.name for item in EXPERIMENT.choices}
    return {name: EXPERIMENT.parameter(name).read(text) for name, text in settings.items() if name in known}


def _flows(slowest: float, fastest: float, unit: str) -> list[float]:
    """Return flows (m3/s) in even ratios, rounded to two digits of the user's unit, ends included and kept."""
    if not 0 < slowest <= fastest < math.inf:
        raise ParameterError(
            "the pump's range is not known or empty: give it, for example 'a pump from 0.5 to 10 mL/min'"
        )
    low, high = (units.convert(flow, "m**3/s", unit) for flow in (slowest, fastest))
    ratios = [low * (high / low) ** (k / (FLOWS - 1)) for k in range(FLOWS)]
    rounded = {round(value, 1 - math.floor(math.log10(value))) for value in ratios}
    inside = sorted(value for value in rounded if low <= value <= high) or [low]
    return [units.convert(value, unit, "m**3/s") for value in inside]


def _all(
    base: Mapping[str, Any], settings: Mapping[str, str], flows: Sequence[float], area: float, longest: float
) -> list[Candidate]:
    """Return steps and pulses at every flow, each as long as the limits and its own front allow."""
    deviation = math.log(SPREAD) / float(norm.ppf(0.5 + PRIOR_LEVEL / 2))
    bed = Bed(
        length=base["length"],
        area=area / base["porosity"],
        porosity=base["porosity"],
        dispersivity=(units.convert(*units.parse(settings["dispersivity"]), "m"), deviation),
        porosity_spread=VELOCITY_SPREAD,
        retardation=(float(base.get("retardation", 1.0)), 0.0),
        position=base.get("position"),
    )
    return tracer_candidates(bed, flows, pore_volumes=AFTERWARDS, pulses=PULSES, longest=longest)


def _told(candidate: Candidate, base: Mapping[str, Any]) -> Candidate:
    """Take the dispersion coefficient that the request expects in place of the one from the dispersivity."""
    if "dispersion" not in base:
        return candidate
    prior = Unknown(base["dispersion"], candidate.unknown["dispersion"].log_deviation)
    return replace(candidate, unknown={**candidate.unknown, "dispersion": prior})


def rounded(candidate: Candidate) -> Candidate:
    """Return the candidate with its pulse in whole minutes, as a person can set it."""
    if candidate.model == "step":
        return candidate
    pulse = max(60.0, 60.0 * round(candidate.input_duration / 60))
    return replace(candidate, input_duration=pulse, known={**candidate.known, "pulse_duration": pulse})
