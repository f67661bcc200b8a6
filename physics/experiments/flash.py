"""A laser flash on a disc: what it is, and one run of it.

The equation, its conditions and its sources stand in `disc` and `heat_modes` of `physics.equations.flash`;
the values that this module takes and gives are SI. With `density`, `heat_capacity`, `pulse_energy` and
`spot_diameter` temperatures are in kelvin and energies in joule; without them they are over the adiabatic rise and
the heat absorbed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from physics import device as devices
from physics.equations.flash.corrections import PARKER
from physics.equations.flash.disc import NUMBERS, Disc, disc_of, signal
from physics.equations.flash.laws import LAWS
from physics.equations.flash.settings import (
    MOST_LOSS,
    check_pulse,
    first,
    front_rise,
    half_rise,
    need,
    pulse_length,
    radiation,
    rear_rise,
)
from physics.equations.flash.solution import refine, solution_of
from physics.equations.flash.start import start_flash
from physics.equations.given import check_given
from physics.errors import ParameterError
from physics.experiment import Choice, Experiment, Limit, Observable, Parameter, Role
from physics.solution import Solution

_LONGEST = 1e6  # seconds

PARAMETERS = (
    Parameter(
        "thickness", "m", Role.APPARATUS, 1e-9, 0.1, "thickness of the disc", display="mm"
    ),
    Parameter(
        "diffusivity", "m**2/s", Role.UNKNOWN, 0.0, 1.0, "thermal diffusivity",
        prior=(1e-5, 1.5), display="mm**2/s", exclusive_lower=True,
    ),
    Parameter(
        "biot", "", Role.UNKNOWN, 0.0, MOST_LOSS,
        "Biot number h L / k of both faces; from emissivity and temperature, or zero, if left out", prior=(0.02, 1.0),
    ),
    Parameter("biot_rear", "", Role.APPARATUS, 0.0, MOST_LOSS, "Biot number of the rear, where it is another"),
    Parameter(
        "amplitude", "", Role.UNKNOWN, 0.0, 1e9, "what the detector gives for one unit of rear temperature",
        default=1.0, prior=(1.0, 1.0), exclusive_lower=True,
    ),
    Parameter(
        "pulse_width", "s", Role.CONTROL, 1e-15, 1e3, "length of a square or triangular pulse", display="ms"
    ),
    Parameter(
        "pulse_energy", "J", Role.CONTROL, 0.0, 1e4, "energy of the pulse on the spot",
        display="J", exclusive_lower=True,
    ),
    Parameter(
        "spot_diameter", "m", Role.APPARATUS, 1e-6, 1.0, "diameter of the spot, which should cover the disc",
        display="mm",
    ),
    Parameter("density", "kg/m**3", Role.APPARATUS, 1e-3, 3e4, "density", display="kg/m**3"),
    Parameter(
        "heat_capacity", "J/kg/K", Role.APPARATUS, 1e-3, 2e4, "specific heat capacity", display="J/kg/K"
    ),
    Parameter("emissivity", "", Role.APPARATUS, 0.0, 1.0, "emissivity of the faces; gives the Biot number"),
    Parameter(
        "absorptivity", "", Role.APPARATUS, 0.0, 1.0,
        "share of the pulse that is absorbed; the emissivity, or all, if left out", exclusive_lower=True,
    ),
    Parameter(
        "temperature", "K", Role.CONTROL, 0.0, 5e3, "temperature of disc and furnace", display="K", exclusive_lower=True
    ),
    Parameter(
        "sampling_rate", "1/s", Role.CONTROL, 0.0, 1e9, "readings of the detector per second",
        display="1/s", exclusive_lower=True,
    ),
)  # fmt: skip
CHOICES = (
    Choice(
        "pulse", ("instant", "square", "triangular"), "instant", "shape of the pulse, or a CSV file of its power",
        Role.CONTROL, series=True,
    ),
)  # fmt: skip


def complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults, derive the Biot number, and check what concerns several parameters.

    Bi = h L / k,  h = 4 eps sigma T^3,  k = alpha rho c

    Raises:
        ParameterError: something is missing, contradicts, or the pulse outlasts the half-rise.
    """
    full: dict[str, Any] = {choice.name: choice.default for choice in CHOICES}
    full |= {item.name: item.default for item in PARAMETERS if item.default is not None}
    full |= check_given("flash", settings, PARAMETERS, CHOICES)
    lacking = [name for name in ("thickness", "diffusivity") if name not in full]
    if lacking:
        raise ParameterError(f"flash: {', '.join(lacking)} is missing; give it a value with its unit")
    if "pulse_energy" in full:
        need(full, ("density", "heat_capacity", "spot_diameter"), "pulse_energy gives kelvin only with")
        full.setdefault("absorptivity", full.get("emissivity", 1.0))
    full.setdefault("biot", radiation(full) if "temperature" in full else 0.0)
    check_pulse(full)
    return full


def default_times(settings: Mapping[str, Any], count: int = 121) -> Tensor:
    """Return evenly spaced times (seconds) from the pulse to ten half-rise times of the first member after it.

    Raises:
        ParameterError: that is longer than a run may last.
    """
    disc = _disc(settings, torch.device("cpu"))
    end = float((10.0 * PARKER + disc.pulse.stop[0].detach()) / disc.rate[0].detach())
    if not end <= _LONGEST:
        took = f"this disc takes {end:.3g} s to show its rise, longer than {_LONGEST:g} s"
        raise ParameterError(f"flash: {took}; check thickness and diffusivity, or name times")
    return torch.linspace(0.0, end, count, dtype=torch.float64)


def model(
    settings: Mapping[str, Any], times: Tensor, tolerance: float = 1e-7
) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """Return the differentiable rear curves of discs like `settings`, at a resolution that meets the tolerance.

    The function returned takes parameters of shape (batch,), those of `settings` where it is given none, and times
    (n,) in seconds, and gives the rear temperature (batch, n).
    """
    known = _tensors(settings, torch.device("cpu"))
    pulse = settings.get("pulse", "instant")
    with torch.no_grad():
        degree = refine(disc_of(known, pulse), times.detach(), tolerance).degree

    def curves(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        given = {name: value for name, value in parameters.items() if name in NUMBERS}
        return signal(disc_of({**known, **given}, pulse), at, degree)

    return curves


def start(times: Any, values: Any, settings: Mapping[str, Any]) -> dict[str, float]:
    """Return diffusivity, Biot number and amplitude to start a fit from; see `physics.equations.flash.start`."""
    return start_flash(times, values, settings)


def simulate(
    settings: Mapping[str, Any],
    times: Tensor | None = None,
    *,
    tolerance: float = 1e-7,
    device: str = "auto",
    progress: Callable[[float, str], None] | None = None,
) -> Solution:
    """Flash discs to a tolerance and return their curves, half-rise times, maxima, errors and energies.

    Args:
        settings: SI numbers or tensors of shape (batch,), and the pulse; incomplete ones are completed.
        times: seconds since the pulse began, shape (times,); chosen if left out.
        tolerance: of the rear temperature over the adiabatic rise, and of the half-rise time over itself.
        device: see `physics.device`.
        progress: called with the share done and a word.

    Returns:
        Solution: `rear_temperature`, `front_temperature` and the cumulative energies (batch, times), `half_time` and
            `maximum` (batch,); the balance of energy up to the last time. The energies lost are the integrals of the
            fluxes that the scheme itself uses.

    Raises:
        ParameterError: a setting, a time or the tolerance cannot be used.
    """
    began = perf_counter()
    place = devices.resolve(device)
    full = complete(dict(settings))
    disc = _disc(full, place)
    at = _times(default_times(full) if times is None else times, place)
    if not 1e-12 <= tolerance < 1:
        raise ParameterError(f"flash: tolerance = {tolerance:g} is outside its range, from 1e-12 to 1")

    def report(done: float) -> None:
        if progress is not None:
            progress(done, "flashing discs")

    with devices.one_thread():
        refined = refine(disc, at, tolerance, report)
        solution = solution_of(disc, refined, at, tolerance, perf_counter() - began)
    return replace(solution, message=f"{solution.message} {_flags(full)}".strip())


def _disc(settings: Mapping[str, Any], place: torch.device) -> Disc:
    return disc_of(_tensors(settings, place), settings.get("pulse", "instant"))


def _tensors(settings: Mapping[str, Any], place: torch.device) -> dict[str, Tensor]:
    found = {}
    by_name = {item.name: item for item in PARAMETERS}
    for name in NUMBERS:
        if settings.get(name) is None:
            continue
        value = torch.as_tensor(settings[name], dtype=torch.float64, device=place)
        if value.dim() > 1 or value.numel() == 0:
            raise ParameterError(f"flash: {name} has the shape {tuple(value.shape)}; give a number or shape (batch,)")
        for extreme in (value.detach().min(), value.detach().max()):
            by_name[name].check(float(extreme))
        found[name] = value
    sizes = {name: value.numel() for name, value in found.items() if value.numel() > 1}
    if len(set(sizes.values())) > 1:
        raise ParameterError(
            f"flash: batches differ ({', '.join(f'{n} {k}' for n, k in sizes.items())}); make them equal"
        )
    return found


def _times(times: Any, place: torch.device) -> Tensor:
    try:
        at = torch.as_tensor(times, dtype=torch.float64, device=place)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"flash: times = {times!r} are not numbers of seconds; give a list of them") from error
    if at.dim() != 1 or at.numel() == 0:
        raise ParameterError("flash: times must be a list of at least one number of seconds")
    if not bool((torch.isfinite(at) & (at >= 0) & (at <= _LONGEST)).all()):
        raise ParameterError(f"flash: times must lie from 0 to {_LONGEST:g} s")
    return at


def _flags(settings: Mapping[str, Any]) -> str:
    """Say which limits the first member leaves."""
    said = []
    for limit in LIMITS:
        value = limit.value(settings)
        if limit.lower is not None and value < limit.lower:
            said.append(
                f"{limit.name} = {value:.3g} {limit.unit}".strip() + f" is below {limit.lower:g}: {limit.meaning}."
            )
        if limit.upper is not None and value > limit.upper:
            said.append(
                f"{limit.name} = {value:.3g} {limit.unit}".strip() + f" is above {limit.upper:g}: {limit.meaning}."
            )
    return " ".join(said)


LIMITS = (
    Limit(
        "pulse_share", "length of the pulse over the half-rise time; above, it must be known as well as the curve",
        "", None, 0.2, lambda s: pulse_length(s) / half_rise(s),
    ),
    Limit("rear_rise", "adiabatic rise; above, the diffusivity changes on the way", "K", None, 10.0, rear_rise),
    Limit("front_rise", "peak of the front; above, the face may suffer", "K", None, 300.0, front_rise),
    Limit(
        "readings", "readings within the half-rise time; below, the detector blurs it", "", 50.0, None,
        lambda s: first(s.get("sampling_rate", math.inf)) * half_rise(s),
    ),
    Limit(
        "flatness", "thickness over spot diameter; above, heat also flows sideways", "", None, 0.5,
        lambda s: first(s["thickness"]) / first(s.get("spot_diameter", math.inf)),
    ),
    Limit("biot", "above, the loss hides the diffusivity", "", None, 1.0, lambda s: first(s["biot"])),
)  # fmt: skip

EXPERIMENT = Experiment(
    name="flash",
    title="Laser flash on a disc",
    meaning="A pulse of light heats one face of a disc; how the other face warms tells the thermal diffusivity.",
    parameters=PARAMETERS,
    choices=CHOICES,
    observables=(
        Observable("rear_temperature", "K", "curve", "rise of the rear face, in kelvin or over the adiabatic rise"),
        Observable("half_time", "s", "scalar", "from the begin of the pulse to half of the maximum"),
        Observable("maximum", "K", "scalar", "largest rise of the rear face"),
        Observable("front_temperature", "K", "curve", "rise of the front face"),
        Observable("energy_in", "J", "curve", "heat absorbed so far, in joule or over that of the pulse"),
        Observable("energy_stored", "J", "curve", "heat in the disc"),
        Observable("energy_lost_front", "J", "curve", "heat lost by the front so far"),
        Observable("energy_lost_rear", "J", "curve", "heat lost by the rear so far"),
    ),
    balances=("energy",),
    limits=LIMITS,
    complete=complete,
    simulate=simulate,
    default_times=default_times,
    model=model,
    start=start,
    laws=LAWS,
    example={
        "thickness": "2 mm", "diffusivity": "4 mm**2/s", "biot": "0.02", "pulse": "square", "pulse_width": "0.5 ms",
        "density": "7900 kg/m**3", "heat_capacity": "500 J/kg/K", "pulse_energy": "2 J", "spot_diameter": "12 mm",
    },
)  # fmt: skip
