"""What stands on the bench for a laser flash, and what is asked of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from physics.design.candidate import Unknown
from physics.errors import ParameterError


@dataclass(frozen=True)
class Specimen:
    """The disc and what is believed of it; SI.

    Attributes:
        thickness, thickness_spread: m, and the relative standard deviation of its measurement.
        diffusivity, biot: what is believed of them.
        spot_diameter: of the light, which covers the disc.
        absorptivity: share of the pulse that the face takes up.
    """

    thickness: float
    diffusivity: Unknown
    density: float
    heat_capacity: float
    spot_diameter: float
    biot: Unknown = field(default_factory=lambda: Unknown(0.02, 0.7))
    thickness_spread: float = 0.0025
    absorptivity: float = 1.0


@dataclass(frozen=True)
class Instrument:
    """The light and the detector; SI.

    Attributes:
        noise, noise_rate: K of one reading, at this many readings per second; white.
        widths: pulse lengths that can be set, s; width_spread: how well one is known, relative.
        energy: most of one pulse, J. rate: most readings per second.
    """

    noise: float
    noise_rate: float = 1000.0
    widths: tuple[float, ...] = (0.3e-3, 0.5e-3, 1e-3, 3e-3)
    width_spread: float = 0.1
    energy: float = math.inf
    rate: float = 1e6


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        precision, level: relative half-width of the interval of the diffusivity, and its level.
        rise: most that the disc as a whole may warm, K; front_rise: most of its front during the pulse, K.
        least, most: shots; at least three, so that their scatter can be seen.
    """

    precision: float
    rise: float
    level: float = 0.95
    front_rise: float = math.inf
    least: int = 3
    most: int = 50


def check(specimen: Specimen, instrument: Instrument, wish: Wish) -> None:
    """Refuse numbers that no bench has.

    Raises:
        ParameterError: with the name of the number.
    """
    numbers = {
        **{name: getattr(specimen, name) for name in ("thickness", "density", "heat_capacity", "spot_diameter")},
        **{name: getattr(instrument, name) for name in ("noise", "noise_rate", "rate", "energy", "width_spread")},
        **{name: getattr(wish, name) for name in ("precision", "rise", "front_rise", "least")},
        "absorptivity": specimen.absorptivity,
        "thickness_spread": specimen.thickness_spread,
        "pulse_width": min(instrument.widths, default=0.0),
    }
    for name, value in numbers.items():
        if not value > 0:
            raise ParameterError(f"{name} = {value:g} must be above zero")
    if not wish.most >= wish.least:
        raise ParameterError(f"shots: at most {wish.most} is fewer than at least {wish.least}")
    if not 0 < wish.level < 1:
        raise ParameterError(f"level = {wish.level:g} must lie between 0 and 1")
