"""The search for the onset of convection: where it lies, how large a step may be and how long each must be held.

    dT_c = Ra_c nu kappa / (g alpha d^3)                       the onset
    t_hold = (ln G / sigma(eps) + 1/2) d^2 / kappa             held at each step

A layer that lies eps above onset lets a disturbance grow at the rate sigma(eps), which vanishes at the onset itself;
held for t_hold it has grown by G wherever it lies at least eps above. Half a diffusion time lets the conducted
profile follow the plates. Seen at one step and not at the step before, the onset lies within (step + eps) dT_c, and
the search is shortest where both are alike.

Source: S. Chandrasekhar, Hydrodynamic and Hydromagnetic Stability, Oxford 1961, chapter II (Ra_c); M. C. Cross and
P. C. Hohenberg, Rev. Mod. Phys. 65 (1993) 851, doi:10.1103/RevModPhys.65.851 (slowing down near a threshold).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from physics.equations.boussinesq.fluids import GRAVITY, Fluid
from physics.equations.boussinesq.onset import critical, growth_rate
from tools.plans.numbers import downwards

PLATES = "rigid-rigid"
FOLLOW = 0.5  # diffusion times for the conducted profile to follow the plates
FRACTION = 0.25  # of a step, within which the plates must be held


@dataclass(frozen=True)
class Search:
    """One layer and the search for its onset; SI, the precision relative."""

    fluid: Fluid
    depth: float
    mean_temperature: float
    precision: float
    growth: float
    error: float  # relative, of the onset as computed from the fluid's properties and the depth

    @property
    def _properties(self) -> tuple[float, float, float]:
        found = self.fluid.at(self.mean_temperature)
        return found.viscosity, found.diffusivity, found.expansion

    @property
    def prandtl(self) -> float:
        """Kinematic viscosity over thermal diffusivity."""
        viscosity, diffusivity, _ = self._properties
        return viscosity / diffusivity

    @property
    def diffusion_time(self) -> float:
        """d^2 / kappa in seconds."""
        return self.depth**2 / self._properties[1]

    @property
    def onset(self) -> float:
        """The temperature difference (K) at which convection starts."""
        viscosity, diffusivity, expansion = self._properties
        return critical(PLATES).rayleigh * viscosity * diffusivity / (GRAVITY * expansion * self.depth**3)

    @property
    def step(self) -> float:
        """The step (K): the precision's share of the onset, rounded down."""
        return downwards(self.precision * self.onset)

    @property
    def rate(self) -> float:
        """Growth rate (1/s) one precision above the onset."""
        at = critical(PLATES)
        return (
            growth_rate((1 + self.precision) * at.rayleigh, self.prandtl, at.wavenumber, PLATES) / self.diffusion_time
        )

    @property
    def hold(self) -> float:
        """How long each step must be held (s)."""
        return math.log(self.growth) / self.rate + FOLLOW * self.diffusion_time

    @property
    def reached(self) -> float:
        """The relative half-width of the interval in which the onset is found."""
        return 0.5 * (self.step / self.onset + self.precision)

    @property
    def steps(self) -> list[float]:
        """The temperature differences (K), whole steps, from below to above where the onset may lie."""
        first = math.floor(self.onset * (1 - self.error) / self.step)
        last = math.ceil(self.onset * (1 + self.error) * (1 + self.precision) / self.step)
        return [k * self.step for k in range(max(first, 1), last + 1)]

    @property
    def duration(self) -> float:
        """Of the whole search (s)."""
        return len(self.steps) * self.hold

    @property
    def halvings(self) -> int:
        """Holds that a search by halving the interval takes."""
        return math.ceil(math.log2(len(self.steps)))
