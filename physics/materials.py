"""Thermal properties of solids near room temperature.

Source: F. P. Incropera, D. P. DeWitt, T. L. Bergman and A. S. Lavine, Fundamentals of Heat and Mass Transfer,
6th ed., Wiley 2007, Tables A.1 and A.2, at 300 K.
"""

from __future__ import annotations

from dataclasses import dataclass

from physics.errors import ParameterError

SOURCE = "Incropera, DeWitt, Bergman and Lavine, Fundamentals of Heat and Mass Transfer, 6th ed. (2007), Appendix A"


@dataclass(frozen=True)
class Range:
    """The lowest and the highest value of the grades that a name stands for, SI."""

    lower: float
    upper: float

    @property
    def middle(self) -> float:
        """The geometric mean of the ends."""
        return float((self.lower * self.upper) ** 0.5)


@dataclass(frozen=True)
class Solid:
    """Density (kg/m3), specific heat capacity (J/(kg K)) and thermal diffusivity (m2/s) over a material's grades."""

    density: Range
    heat_capacity: Range
    diffusivity: Range


def _grades(*grades: tuple[float, float, float]) -> Solid:
    """Span grades given as (density, heat capacity, conductivity): diffusivity is k / (rho c)."""
    densities, capacities, _ = zip(*grades, strict=True)
    diffusivities = [conductivity / (density * capacity) for density, capacity, conductivity in grades]
    return Solid(
        Range(min(densities), max(densities)),
        Range(min(capacities), max(capacities)),
        Range(min(diffusivities), max(diffusivities)),
    )


_AISI_304, _AISI_316 = (7900.0, 477.0, 14.9), (8238.0, 468.0, 13.4)
_PLAIN_CARBON, _AISI_1010 = (7854.0, 434.0, 60.5), (7832.0, 434.0, 63.9)

SOLIDS = {
    "stainless steel": _grades(_AISI_304, _AISI_316),
    "carbon steel": _grades(_PLAIN_CARBON, _AISI_1010),
    "steel": _grades(_AISI_304, _AISI_316, _PLAIN_CARBON, _AISI_1010),
    "copper": _grades((8933.0, 385.0, 401.0)),
    "aluminium": _grades((2702.0, 903.0, 237.0)),
    "iron": _grades((7870.0, 447.0, 80.2)),
    "alumina": _grades((3970.0, 765.0, 36.0)),
}


def solid(name: str) -> Solid:
    """Return the properties of a material.

    Raises:
        ParameterError: it is not in the table; the message has those that are.
    """
    if name not in SOLIDS:
        raise ParameterError(f"the properties of {name!r} are not known here; known are {', '.join(SOLIDS)}")
    return SOLIDS[name]
