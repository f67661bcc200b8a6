"""What follows from the settings of a flash before it is run: loss by radiation, lengths of time, rises.

    Bi = h L / k,  h = 4 eps sigma T^3,  k = alpha rho c          T furnace temperature (K), eps emissivity
    t_half = 0.138785297 L^2 / alpha                              after an instant pulse, without loss

The radiation is linear in the rise, so that it fails where the rise is not small beside T. Settings are SI, numbers
or tensors of shape (batch,); what is said of a batch is said of its first member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from physics.equations.flash.corrections import PARKER
from physics.equations.flash.disc import NUMBERS, Disc, disc_of, front_peak
from physics.equations.flash.heat_pulse import duration
from physics.errors import ParameterError
from physics.series import Series

STEFAN_BOLTZMANN = 5.670374419e-8  # W/(m^2 K^4), CODATA
OUTLASTS = {"square": 0.3152899, "triangular": 0.2979751}  # over L^2 / alpha: there the half-rise ends with the pulse
MOST_LOSS = 100.0  # Biot number
_PEAK_DEGREE = 54


def need(settings: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    """Raise `ParameterError` when a setting is missing."""
    lacking = [name for name in names if name not in settings]
    if lacking:
        raise ParameterError(f"flash: {why} {' and '.join(names)}; add {' and '.join(lacking)}")


def radiation(settings: Mapping[str, Any]) -> Any:
    """Return the Biot number of radiation.

    Raises:
        ParameterError: a property that it needs is missing, or the number is none that a disc has.
    """
    need(settings, ("emissivity", "density", "heat_capacity"), "temperature gives a Biot number only with")
    transfer = 4.0 * settings["emissivity"] * STEFAN_BOLTZMANN * settings["temperature"] ** 3
    conductivity = settings["diffusivity"] * settings["density"] * settings["heat_capacity"]
    biot = transfer * settings["thickness"] / conductivity
    most = float(torch.as_tensor(biot).detach().max())
    if not most <= MOST_LOSS:
        raise ParameterError(
            f"flash: radiation at this temperature gives a Biot number of {most:.3g}, above {MOST_LOSS:g}; "
            "check temperature, density, heat_capacity and diffusivity, or give biot"
        )
    return biot


def check_pulse(settings: Mapping[str, Any]) -> None:
    """Refuse a pulse without a width, a width without such a pulse, and a pulse that outlasts the half-rise.

    Raises:
        ParameterError: with what to do.
    """
    pulse = settings["pulse"]
    shaped = isinstance(pulse, str) and pulse != "instant"
    if shaped and "pulse_width" not in settings:
        raise ParameterError(f"flash: a {pulse} pulse needs pulse_width; give it, for example '0.5 ms'")
    if not shaped and "pulse_width" in settings:
        what = "an instant pulse" if isinstance(pulse, str) else "a measured pulse"
        raise ParameterError(f"flash: pulse_width has no meaning with {what}; set pulse to square or triangular")
    if pulse == "instant":
        return
    unit = torch.as_tensor(settings["thickness"] ** 2 / settings["diffusivity"], dtype=torch.float64).detach()
    length = torch.as_tensor(_length(settings), dtype=torch.float64).detach()
    share = length / (OUTLASTS[pulse if isinstance(pulse, str) else "square"] * unit)
    if bool((share >= 1).any()):
        worst = int(share.reshape(-1).argmax())
        lasts, half = (float(value.expand_as(share).reshape(-1)[worst]) for value in (length, PARKER * unit))
        raise ParameterError(
            f"flash: the pulse lasts {lasts:.3g} s and outlasts the half-rise time of this disc, {half:.3g} s after an "
            f"instant pulse; make it shorter than {0.1 * half:.2g} s, or take a thicker disc"
        )


def _length(settings: Mapping[str, Any]) -> Any:
    """Seconds that the pulse lasts; of a measured one the middle 95 % of its heat."""
    pulse = settings["pulse"]
    return duration(pulse) if isinstance(pulse, Series) else settings.get("pulse_width", 0.0)


def first(value: Any) -> float:
    """Return a number, or the first of a batch."""
    return float(torch.as_tensor(value).detach().reshape(-1)[0])


def pulse_length(settings: Mapping[str, Any]) -> float:
    """Return the length of the pulse in seconds."""
    return first(_length(settings))


def half_rise(settings: Mapping[str, Any]) -> float:
    """Return the half-rise time in seconds after an instant pulse, without loss."""
    return PARKER * first(settings["thickness"]) ** 2 / first(settings["diffusivity"])


def _first_disc(settings: Mapping[str, Any]) -> Disc:
    numbers = {name: first(settings[name]) for name in NUMBERS if settings.get(name) is not None}
    return disc_of({name: torch.tensor([x], dtype=torch.float64) for name, x in numbers.items()}, settings["pulse"])


def rear_rise(settings: Mapping[str, Any]) -> float:
    """Return the adiabatic rise in kelvin; zero where no energy is named."""
    disc = _first_disc(settings)
    return float(disc.rise) if disc.absolute else 0.0


def front_rise(settings: Mapping[str, Any]) -> float:
    """Return the peak of the front in kelvin; zero without an energy or after an instant pulse, which has no peak."""
    disc = _first_disc(settings)
    if not disc.absolute or disc.pulse.instant:
        return 0.0
    return float(disc.rise * front_peak(disc, _PEAK_DEGREE))
