"""Fluids that convection cells are filled with: what turns kelvins and millimetres into Ra and Pr.

    Ra = g alpha dT d^3 / (nu kappa)        Pr = nu / kappa

nu kinematic viscosity, kappa thermal diffusivity (m^2/s), alpha thermal expansion (1/K), all taken at the mean
temperature of the layer; between the temperatures of a table they are interpolated, viscosities in their logarithm.
A fluid known at one temperature only is valid from 10 K below to 10 K above it, with its viscosity corrected where
the law for that is known.

Sources: water, air, glycerol and mercury from F. P. Incropera and D. P. DeWitt, Fundamentals of Heat and Mass
Transfer, Wiley, appendix A (tables A.4, A.5 and A.6; the expansion of air is that of a perfect gas). Silicone oils
from Shin-Etsu Chemical, Silicone Fluid KF-96, performance test results, at 25 degC and to two digits; the oil of
10 cSt has properties between its neighbours'. Their viscosity follows nu = nu25 exp(5.892 (25 - t) / (273.15 + t)), t
in degC, as in F. Romano and others, MaranStable, for fluids of that series. Freezing and boiling points at 1 atm from
the CRC Handbook of Chemistry and Physics; for oils the pour point and the flash point of the series stand for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from physics.errors import ParameterError

GRAVITY = 9.80665  # m/s^2
_ALONE = 10.0  # K to either side of a single tabulated temperature


@dataclass(frozen=True)
class Properties:
    """At one temperature: nu and kappa in m^2/s, alpha in 1/K, and d ln nu / dT in 1/K."""

    viscosity: float
    diffusivity: float
    expansion: float
    viscosity_slope: float


@dataclass(frozen=True)
class Fluid:
    """A fluid: rows (T in K, nu, kappa, alpha) at rising temperatures, and where it freezes and boils (K)."""

    name: str
    rows: tuple[tuple[float, float, float, float], ...]
    freezes: float
    boils: float
    oil: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The mean temperatures (K) for which the properties are known."""
        if len(self.rows) == 1:
            return self.rows[0][0] - _ALONE, self.rows[0][0] + _ALONE
        return self.rows[0][0], self.rows[-1][0]

    def at(self, temperature: float) -> Properties:
        """Return the properties at a mean temperature in kelvin.

        Raises:
            ParameterError: they are not known there.
        """
        low, high = self.range
        if not low <= temperature <= high:
            raise ParameterError(
                f"mean_temperature = {temperature:g} K: "
                f"the properties of {self.name} are known from {low:g} to {high:g} K"
            )
        if len(self.rows) == 1:
            t0, viscosity, diffusivity, expansion = self.rows[0]
            if not self.oil:
                return Properties(viscosity, diffusivity, expansion, 0.0)
            factor = math.exp(5.892 * (t0 - temperature) / temperature)
            return Properties(viscosity * factor, diffusivity, expansion, -5.892 * t0 / temperature**2)
        above = next(i for i in range(1, len(self.rows)) if temperature <= self.rows[i][0])
        lower, upper = self.rows[above - 1], self.rows[above]
        span = upper[0] - lower[0]
        share = (temperature - lower[0]) / span
        slope = math.log(upper[1] / lower[1]) / span
        between = [lower[k] + share * (upper[k] - lower[k]) for k in (2, 3)]
        return Properties(lower[1] * math.exp(slope * (temperature - lower[0])), between[0], between[1], slope)


def _liquid(*rows: tuple[float, float, float, float, float, float]) -> tuple[tuple[float, float, float, float], ...]:
    """Turn (T, density, heat capacity, dynamic viscosity, conductivity, expansion) into (T, nu, kappa, alpha)."""
    return tuple((t, mu / rho, k / (rho * cp), alpha) for t, rho, cp, mu, k, alpha in rows)


def _air(*rows: tuple[float, float, float]) -> tuple[tuple[float, float, float, float], ...]:
    return tuple((t, nu, kappa, 1.0 / t) for t, nu, kappa in rows)


def _oil(
    viscosity: float, density: float, capacity: float, conductivity: float, expansion: float, flash: float
) -> Fluid:
    row = (298.15, viscosity * 1e-6, conductivity / (density * capacity), expansion)
    return Fluid(f"silicone oil of {viscosity:g} cSt", (row,), 218.15, flash, oil=True)


FLUIDS = {
    "water": Fluid(
        "water",
        _liquid(
            (280.0, 1000.0, 4198.0, 1422e-6, 0.582, 46.04e-6),
            (285.0, 1000.0, 4189.0, 1225e-6, 0.590, 114.1e-6),
            (290.0, 999.0, 4184.0, 1080e-6, 0.598, 174.0e-6),
            (295.0, 998.0, 4181.0, 959e-6, 0.606, 227.5e-6),
            (300.0, 997.0, 4179.0, 855e-6, 0.613, 276.1e-6),
            (305.0, 995.0, 4178.0, 769e-6, 0.620, 320.6e-6),
            (310.0, 993.0, 4178.0, 695e-6, 0.628, 361.9e-6),
            (315.0, 991.1, 4179.0, 631e-6, 0.634, 400.4e-6),
            (320.0, 989.1, 4180.0, 577e-6, 0.640, 436.7e-6),
            (330.0, 984.3, 4184.0, 489e-6, 0.650, 504.0e-6),
            (340.0, 979.4, 4188.0, 420e-6, 0.660, 566.0e-6),
            (350.0, 973.7, 4195.0, 365e-6, 0.668, 624.2e-6),
        ),
        273.15,
        373.15,
    ),
    "air": Fluid(
        "air",
        _air(
            (250.0, 11.44e-6, 15.9e-6),
            (300.0, 15.89e-6, 22.5e-6),
            (350.0, 20.92e-6, 29.9e-6),
            (400.0, 26.41e-6, 38.3e-6),
        ),
        79.0,
        math.inf,
    ),
    "glycerol": Fluid(
        "glycerol",
        _liquid(
            (290.0, 1265.8, 2367.0, 1.85, 0.286, 0.475e-3),
            (300.0, 1259.9, 2427.0, 0.799, 0.286, 0.475e-3),
            (310.0, 1253.9, 2490.0, 0.352, 0.286, 0.49e-3),
            (320.0, 1247.2, 2564.0, 0.210, 0.287, 0.50e-3),
        ),
        291.33,
        563.0,
    ),
    "mercury": Fluid("mercury", ((300.0, 0.1125e-6, 45.3e-7, 0.181e-3),), 234.32, 629.88),
    "silicone-oil-5": _oil(5.0, 915.0, 1800.0, 0.12, 1.07e-3, 393.15),
    "silicone-oil-10": _oil(10.0, 935.0, 1700.0, 0.14, 1.0e-3, 433.15),
    "silicone-oil-20": _oil(20.0, 950.0, 1600.0, 0.15, 0.92e-3, 473.15),
    "silicone-oil-50": _oil(50.0, 960.0, 1500.0, 0.15, 0.95e-3, 473.15),
    "silicone-oil-100": _oil(100.0, 965.0, 1500.0, 0.16, 0.95e-3, 473.15),
}  # fmt: skip
