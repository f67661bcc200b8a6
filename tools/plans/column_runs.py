"""The runs that a column could be given: flows and inputs inside the limits, and what is not known beforehand.

The prior of the dispersion coefficient is log-normal about D = alpha v (Bear 1972, Dynamics of Fluids in Porous
Media, American Elsevier; molecular diffusion left out, since alpha is the wider unknown), that of the velocity about
v = Q/(n A).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy.stats import norm

from physics import units
from physics.calibrate.sensitivity import Model
from physics.design.candidate import Candidate, Limits, Unknown
from physics.design.information import Noise
from physics.errors import ParameterError
from physics.experiments.column import EXPERIMENT

FLOWS = 8
PULSES = (0.25, 0.5, 1.0)  # pore volumes
SPREAD = 3.0  # the prior's central part spans a factor of this to either side of the median dispersivity
PRIOR_LEVEL = 0.8
VELOCITY_SPREAD = 0.05  # log-standard deviation: porosity and flow are known to about five percent
HORIZON = 1.9  # residence times after the input ends at which the widest front assumed has passed
TOLERANCE = 1e-4  # of the curves behind the design, in C/C0: far below any reading error
TIME_POWERS = {"velocity": -1, "dispersion": -1, "pulse_duration": 1}


@dataclass(frozen=True)
class Space:
    """What `physics.design.propose` needs, and the column's own numbers behind it (SI)."""

    models: dict[str, Model]
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
    base = {
        name: EXPERIMENT.parameter(name).read(text)  # type: ignore[arg-type]
        for name, text in settings.items()
        if name in _known_names()
    }
    area = math.pi * base["diameter"] ** 2 / 4 * base["porosity"]
    flow_unit = next((str(b["unit"]) for b in bounds if b["name"] == "flow"), "mL/min")
    slowest, fastest = _range(bounds, "flow", "m**3/s")
    longest = _range(bounds, "duration", "s")[1]
    interval = max(_range(bounds, "shortest_interval", "s")[0], 1.0)
    volume = _range(bounds, "sample_volume", "m**3")[0]
    # Slower than this the middle of the front would not arrive in time.
    arriving = base.get("retardation", 1.0) * base["length"] * area / longest
    flows = _flows(min(max(slowest, volume / interval, arriving), fastest), fastest, flow_unit)
    candidates = [
        candidate
        for flow in flows
        for candidate in _candidates(base, settings, flow, area, longest, flow_unit)
    ]
    if not candidates:
        raise ParameterError("the limits leave no flow: widen the pump's range, or allow more time between samples")
    limits = Limits(
        duration=longest,
        samples=int(_range(bounds, "samples", "")[1]),
        interval=interval,
        raster=(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400) if interval >= 60 else Limits.raster,
    )
    error = units.convert(*units.parse(settings["reading_error"]), "")
    return Space(_models(candidates, base), candidates, limits, Noise(absolute=error), base, flow_unit)


def _known_names() -> set[str]:
    return {item.name for item in (*EXPERIMENT.parameters, *EXPERIMENT.choices)}


def _range(bounds: Sequence[Mapping[str, Any]], name: str, unit: str) -> tuple[float, float]:
    """Return the tightest lower and upper limit on `name` in SI."""
    lower, upper = 0.0, math.inf
    for bound in bounds:
        if bound["name"] != name:
            continue
        if bound["lower"] is not None:
            lower = max(lower, units.convert(bound["lower"], bound["unit"], unit))
        if bound["upper"] is not None:
            upper = min(upper, units.convert(bound["upper"], bound["unit"], unit))
    if lower > upper:
        raise ParameterError(f"the limits on {name} exclude each other: at least {lower:g} and at most {upper:g} {unit}")
    return lower, upper


def _flows(slowest: float, fastest: float, unit: str) -> list[float]:
    """Return flows (m3/s) in even ratios, rounded to two digits of the user's unit, ends included and kept."""
    if not 0 < slowest <= fastest < math.inf:
        raise ParameterError("the pump's range is not known or empty: give it, for example 'a pump from 0.5 to 10 mL/min'")
    low, high = (units.convert(flow, "m**3/s", unit) for flow in (slowest, fastest))
    ratios = [low * (high / low) ** (k / (FLOWS - 1)) for k in range(FLOWS)]
    rounded = {round(value, 1 - math.floor(math.log10(value))) for value in ratios}
    inside = sorted(value for value in rounded if low <= value <= high) or [low]
    return [units.convert(value, unit, "m**3/s") for value in inside]


def _candidates(
    base: Mapping[str, Any], settings: Mapping[str, str], flow: float, area: float, longest: float, unit: str
) -> list[Candidate]:
    """Return a step and pulses at one flow, each as long as the limits and its own front allow."""
    velocity = flow / area
    residence = base.get("retardation", 1.0) * base["length"] / velocity
    deviation = math.log(SPREAD) / float(norm.ppf(0.5 + PRIOR_LEVEL / 2))
    if "dispersion" in base:
        median = base["dispersion"]
    else:
        median = velocity * units.convert(*units.parse(settings["dispersivity"]), "m")
    unknown = {"velocity": Unknown(velocity, VELOCITY_SPREAD), "dispersion": Unknown(median, deviation)}
    known = {name: float(base.get(name, base["length"])) for name in ("length", "position")}
    known["retardation"] = float(base.get("retardation", 1.0))
    shown = round(units.convert(flow, "m**3/s", unit), 12)
    found = []
    for share in (math.inf, *PULSES):
        # Exact shares make the candidates of all flows coincide in their own time; `rounded` follows at the end.
        pulse = share * residence
        fed = 0.0 if math.isinf(share) else pulse
        kind = "step" if math.isinf(share) else "pulse"
        found.append(
            Candidate(
                settings={"flow": f"{shown!r} {unit}", "input": kind},
                known=known if kind == "step" else {**known, "pulse_duration": pulse},
                unknown=unknown,
                duration=min(longest, fed + HORIZON * residence),
                own_time=residence,
                input_duration=pulse,
                material_rate=flow,
                model=kind,
            )
        )
    return found


def rounded(candidate: Candidate) -> Candidate:
    """Return the candidate with its pulse in whole minutes, as a person can set it."""
    if candidate.model == "step":
        return candidate
    pulse = max(60.0, 60.0 * round(candidate.input_duration / 60))
    return replace(candidate, input_duration=pulse, known={**candidate.known, "pulse_duration": pulse})


def _models(candidates: Sequence[Candidate], base: Mapping[str, Any]) -> dict[str, Model]:
    """Return one model for each input, fine enough for the steepest front that any candidate assumes."""
    models = {}
    for kind in dict.fromkeys(candidate.model for candidate in candidates):
        like = [candidate for candidate in candidates if candidate.model == kind]
        one = like[0]
        steepest = one.unknown["dispersion"].median / SPREAD
        settings = {**base, "input": kind, **one.known, "velocity": one.unknown["velocity"].median, "dispersion": steepest}
        times = torch.linspace(0.0, one.duration, 64, dtype=torch.float64)
        if EXPERIMENT.model is None:
            raise ParameterError("the column has no model to design with")
        models[kind] = EXPERIMENT.model(settings, times, TOLERANCE)
    return models
