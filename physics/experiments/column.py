"""A tracer test in a packed column: what it is, and one run of it.

The equation, its conditions and its sources stand in `physics.equations.advection_dispersion`: `equation`, with water
at rest `two_region`, with a Freundlich isotherm `freundlich`, with a feed that varies `feed`. The values that this
module takes and gives are SI, concentrations are over that of the feed. By default the feed enters with the flow
(third-type), the column ends at its outlet (closed) and the resident concentration is read at the outlet, where that
of the effluent is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics import device as devices
from physics.calibrate.start import start_column
from physics.equations.advection_dispersion import freundlich_response
from physics.equations.advection_dispersion.analytic import Curves, has_closed_form
from physics.equations.advection_dispersion.freundlich import slowest
from physics.equations.advection_dispersion.laws import LAWS
from physics.equations.advection_dispersion.marched import Marched, marched
from physics.equations.advection_dispersion.refinement import refine
from physics.equations.advection_dispersion.response import Resolution
from physics.equations.advection_dispersion.scaling import Scheme, at_sensors, choose_resolution, concentration, scaled
from physics.equations.advection_dispersion.settings import check, shown
from physics.equations.advection_dispersion.solution import solution_of
from physics.errors import ParameterError
from physics.experiment import Choice, Experiment, Limit, Observable, Parameter, Role
from physics.solution import Solution

__all__ = [
    "EXPERIMENT",
    "Resolution",
    "Scheme",
    "choose_resolution",
    "concentration",
    "scheme_of",
    "simulate",
]

_NUMBERS = (
    "length", "velocity", "dispersion", "retardation", "decay", "position", "pulse_duration",
    "mobile_fraction", "exchange",
    "porosity", "bulk_density", "freundlich_coefficient", "freundlich_exponent", "feed_concentration",
)  # fmt: skip
_LONGEST = 1e12  # seconds
_HERE = torch.device("cpu")
_NONLINEAR = 1e-5  # what a Freundlich column is computed to unless more is asked for

PARAMETERS = (
    Parameter(
        "length", "m", Role.APPARATUS, 0.0, 1e3, "length of the packed bed",
        display="cm", exclusive_lower=True,
    ),
    Parameter(
        "diameter", "m", Role.APPARATUS, 0.0, 10.0, "inner diameter",
        display="cm", exclusive_lower=True,
    ),
    Parameter(
        "porosity", "", Role.APPARATUS, 0.0, 1.0, "water-filled share of the bed", exclusive_lower=True
    ),
    Parameter(
        "flow", "m**3/s", Role.CONTROL, 0.0, 1.0, "flow rate of the pump",
        display="mL/min", exclusive_lower=True,
    ),
    Parameter(
        "velocity", "m/s", Role.UNKNOWN, 0.0, 1e2, "mean velocity of the pore water",
        prior=(5e-6, 2.0), display="cm/h", exclusive_lower=True,
    ),
    Parameter(
        "dispersion", "m**2/s", Role.UNKNOWN, 0.0, 1e3, "longitudinal dispersion coefficient",
        prior=(1e-8, 2.5), display="cm**2/h", exclusive_lower=True,
    ),
    Parameter(
        "retardation", "", Role.UNKNOWN, 0.0, 1e6, "retardation factor R", default=1.0, exclusive_lower=True
    ),
    Parameter(
        "decay", "1/s", Role.UNKNOWN, 0.0, 1e3, "first-order rate for the liquid", default=0.0, display="1/h"
    ),
    Parameter(
        "position", "m", Role.APPARATUS, 0.0, 1e3,
        "the sensor, from the inlet; the length if left out; several, separated by commas, are read at once",
        display="cm", exclusive_lower=True, many=True,
    ),
    Parameter(
        "mobile_fraction", "", Role.UNKNOWN, 0.0, 1.0,
        "beta, the share of the water (of the retarded volume) that flows; with exchange", exclusive_lower=True,
    ),
    Parameter(
        "exchange", "", Role.UNKNOWN, 0.0, 1e6,
        "omega = alpha L / (theta v), the exchange with the water at rest; with mobile_fraction",
    ),
    Parameter(
        "bulk_density", "kg/m**3", Role.APPARATUS, 0.0, 2.5e4, "dry mass of the bed per volume",
        display="g/cm**3", exclusive_lower=True,
    ),
    Parameter(
        "freundlich_coefficient", "m**3/kg", Role.UNKNOWN, 0.0, 1e3,
        "K of the Freundlich isotherm: mg sorbed per kg of solid at 1 mg/L, written 'K L/kg'",
        display="L/kg", exclusive_lower=True,
    ),
    Parameter(
        "freundlich_exponent", "", Role.UNKNOWN, 0.2, 2.0, "n of the Freundlich isotherm, S = K C^n"
    ),
    Parameter(
        "feed_concentration", "kg/m**3", Role.CONTROL, 0.0, 1e3, "concentration C0 of the feed",
        display="mg/L", exclusive_lower=True,
    ),
    Parameter(
        "pulse_duration", "s", Role.CONTROL, 0.0, _LONGEST, "how long tracer is fed",
        display="h", exclusive_lower=True,
    ),
)  # fmt: skip
CHOICES = (
    Choice("inlet", ("third-type", "first-type"), "third-type", "tracer enters with the flow, or c is held"),
    Choice("outlet", ("closed", "semi-infinite"), "closed", "the bed ends there, or goes on past the sensor"),
    Choice("reading", ("resident", "flux"), "resident", "what stands in the pores, or what flows past"),
    Choice(
        "input", ("step", "pulse", "leach"), "step",
        "feed on, on and off, or clean after full; or a CSV file of a time and the relative concentration fed, "
        "straight lines between its rows", Role.CONTROL, series=True,
    ),
    Choice("isotherm", ("linear", "freundlich"), "linear", "sorption by retardation, or S = K C^n"),
)  # fmt: skip


def complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults, derive the velocity from the flow, and check what concerns several parameters.

    Raises:
        ParameterError: something is missing, given twice, or contradicts.
    """
    full: dict[str, Any] = {choice.name: choice.default for choice in CHOICES}
    full |= {item.name: item.default for item in PARAMETERS if item.default is not None}
    return check(full | settings)


def scheme_of(settings: Mapping[str, Any]) -> Scheme:
    """Return the model that the settings mean."""
    chosen = {choice.name: choice.read(settings.get(choice.name, choice.default)) for choice in CHOICES}
    fed = chosen.pop("input")
    return Scheme(**{name: str(word) for name, word in chosen.items()}, input=fed)


def default_times(settings: Mapping[str, Any], count: int = 121) -> Tensor:
    """Return evenly spaced times (seconds) from zero until the curve of the slowest member has settled.

    Counted from the last change of the feed, at the last sensor; slow exchange with water at rest is not waited
    for.
    """
    place = settings.get("position")
    last = {"position": max(place) if isinstance(place, tuple) else place}
    given = _tensors({**settings, **last}, _HERE, True)
    slow = slowest(given) if settings.get("isotherm") == "freundlich" else 1.0
    return torch.linspace(0.0, shown(scaled(given, scheme_of(settings)), slow), count, dtype=torch.float64)


def model(
    settings: Mapping[str, Any], times: Tensor, tolerance: float = 1e-7
) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return the differentiable curves of columns like `settings`: the closed form, else marched to the tolerance.

    The function returned takes parameters of shape (batch,) and times (n,) in seconds and gives C/C0 (batch,
    n).

    Raises:
        ParameterError: several sensors; a curve is that of one.
    """
    _one_place(settings)
    scheme, given = scheme_of(settings), _tensors(settings, _HERE, batch=True)
    if scheme.isotherm == "freundlich":
        size = freundlich_response.choose(given, times, scheme, max(tolerance, _NONLINEAR))
        return lambda parameters, at: freundlich_response.concentration(parameters, at, scheme, size)
    if has_closed_form(scheme, tuple(given)):
        return Curves(scheme, lambda parameters, at: _marched(scheme, parameters, at, tolerance))
    return marched(given, times, scheme, tolerance)


def _marched(scheme: Scheme, parameters: dict[str, Tensor], times: Tensor, tolerance: float) -> Tensor:
    return Marched(scheme, choose_resolution(parameters, times, scheme, tolerance))(parameters, times)


def _one_place(settings: Mapping[str, Any]) -> Any:
    place = settings.get("position", settings["length"])
    if isinstance(place, tuple):
        raise ParameterError("column: position names several sensors; give the one that the curve belongs to")
    return place


def start(times: Any, values: Any, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return velocity and dispersion to start a fit from; see `physics.calibrate.start`."""
    return start_column(
        times,
        values,
        float(_one_place(settings)),
        retardation=float(settings.get("retardation", 1.0)),
        input=str(settings.get("input", "step")),
        pulse_duration=float(settings.get("pulse_duration", 0.0)),
        velocity=settings.get("velocity"),
    )


def simulate(
    settings: Mapping[str, Any],
    times: Tensor | None = None,
    *,
    tolerance: float | None = None,
    device: str = "auto",
    resolution: Resolution | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Solution:
    """Run columns to a tolerance and return their curves, errors and balances.

    Args:
        settings: SI numbers or tensors of shape (batch,), and the choices; incomplete ones are completed.
        times: seconds since the feed changed, shape (times,); chosen if left out.
        tolerance: of the numerical error in C/C0, absolute; 1e-6 if left out, with a Freundlich isotherm 1e-5.
        device: see `physics.device`.
        resolution: march at this one instead of looking for one.
        progress: called with the share done and a word.

    Returns:
        Solution: `concentration` (batch, times), for several sensors (batch, times, sensors), with its error
            estimate, one for each curve; `inflow`, `outflow`, `storage` and `decayed`, the tracer since time zero
            from the inlet to the outlet (to the last sensor, where the column goes on), in metres of feed per
            unit of pore cross-section, and the balance of their last values; `extra` has the Peclet numbers of
            column and cell.

    Raises:
        ParameterError: a setting, a time or the tolerance cannot be used.
    """
    start = perf_counter()
    place = devices.resolve(device)
    full = complete(dict(settings))
    scheme = scheme_of(full)
    at = _times(default_times(full) if times is None else times, place)
    if tolerance is None:
        tolerance = _NONLINEAR if scheme.isotherm == "freundlich" else 1e-6
    if not 1e-12 <= tolerance < 1:
        raise ParameterError(f"column: tolerance = {tolerance:g} is outside its range, from 1e-12 to 1")
    several = full["position"] if isinstance(full["position"], tuple) else None
    sensors = None if several is None else torch.tensor(several, dtype=torch.float64, device=place)
    given = _tensors(full | ({"position": several[0]} if several else {}), place)
    spread = given if sensors is None else at_sensors(given, sensors)

    def report(done: float) -> None:
        if progress is not None:
            progress(done, "marching columns")

    with devices.one_thread():
        if scheme.isotherm == "freundlich":
            return freundlich_response.solve(spread, scheme, at, sensors, tolerance, resolution, report)
        case = scaled(spread, scheme)
        parts = refine(case.column, at[:, None] / case.time, case.feed, tolerance, resolution, True, report)
        pinned = resolution is not None
        return solution_of(case, parts, at, sensors, tolerance, pinned, perf_counter() - start)


def _tensors(settings: Mapping[str, Any], place: torch.device, batch: bool = False) -> dict[str, Tensor]:
    found = {}
    by_name = {item.name: item for item in PARAMETERS}
    for name in _NUMBERS:
        if settings.get(name) is None:
            continue
        value = torch.as_tensor(settings[name], dtype=torch.float64, device=place)
        if value.dim() > 1 or value.numel() == 0:
            raise ParameterError(f"column: {name} has the shape {tuple(value.shape)}; give a number or shape (batch,)")
        for extreme in (value.detach().min(), value.detach().max()):
            by_name[name].check(float(extreme))
        found[name] = value.reshape(-1) if batch else value
    return found


def _times(times: Any, place: torch.device) -> Tensor:
    at = torch.as_tensor(times, dtype=torch.float64, device=place)
    if at.dim() != 1 or at.numel() == 0:
        raise ParameterError("column: times must be a list of at least one number of seconds")
    if not bool((torch.isfinite(at) & (at >= 0) & (at <= _LONGEST)).all()):
        raise ParameterError(f"column: times must lie from 0 to {_LONGEST:g} s")
    return at


EXPERIMENT = Experiment(
    name="column",
    title="Tracer test in a packed column",
    meaning="Tracer is fed to saturated sand; its breakthrough tells pore-water velocity and dispersion.",
    parameters=PARAMETERS,
    choices=CHOICES,
    observables=(
        Observable("concentration", "", "curve", "tracer at the sensor over that of the feed"),
        Observable("inflow", "m", "curve", "tracer that has entered, as metres of feed in the pores"),
        Observable("outflow", "m", "curve", "tracer that has left"),
        Observable("storage", "m", "curve", "tracer in the column, dissolved, sorbed and at rest"),
        Observable("decayed", "m", "curve", "tracer that has decayed"),
    ),
    balances=("tracer",),
    limits=(
        Limit(
            "peclet",
            "below 1 the end conditions decide the curve, above 2000 the bed is not what spreads the tracer",
            "",
            1.0,
            2000.0,
            lambda s: float(torch.as_tensor(s["velocity"] * s["length"] / s["dispersion"]).reshape(-1)[0]),
        ),
    ),
    complete=complete,
    simulate=simulate,
    default_times=default_times,
    model=model,
    start=start,
    laws=LAWS,
    example={"length": "30 cm", "velocity": "10 cm/h", "dispersion": "1 cm**2/h"},
)
