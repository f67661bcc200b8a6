"""A step of a solute that sorbs by a Freundlich isotherm.

    c(T; Pe, kappa, n)        T = v t / L,  Pe = v L / D,  kappa = (rho K / theta) (C0 / C1)^(n - 1)

as in `physics.equations.advection_dispersion.freundlich`. Places are even in the logarithm of the time, from the
first arrival of what is least held back to the last of what is most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from physics.equations.advection_dispersion.freundlich import REFERENCE, isotherm
from physics.errors import PhysicsError
from physics.experiments import column
from physics.surrogate.curves.columns import Columns, latest, spread, tensors
from physics.surrogate.curves.family import Counts, Numbers, Report, Target
from physics.surrogate.regime import Range

NODES = 241
_FINE = 601
_SECONDS = 1000.0  # of the columns that are solved
_BATCH = 64
_FEW = 0.01  # the concentration whose arrival counts as the first


class FreundlichColumn(Columns):
    """See the module."""

    name = "freundlich"
    title = "a solute that sorbs by a Freundlich isotherm"
    ranges = (
        Range("peclet", 15.0, 150.0, (14.0, 300.0), log=True),
        Range("kappa", 0.3, 8.0, (0.1, 20.0), log=True),
        Range("freundlich_exponent", 0.55, 1.2, (0.45, 1.5)),
    )
    targets = (Target("concentration", NODES, lower=0.0, upper=1.0, rising=True),)
    grouped = ("peclet", 2)
    counts = Counts(400, 600, 600, 60)
    tolerance = 3e-4
    accuracy = 1e-3
    linear = False
    modelled = False

    def other(self, settings: Mapping[str, Any], decays: bool) -> str:
        """See `Columns`."""
        if settings["isotherm"] != "freundlich":
            return "not a Freundlich isotherm"
        return "decay with a Freundlich isotherm was not learned" if decays else ""

    def capacity(self, numbers: Numbers) -> Tensor:
        """See `Columns`."""
        return 1.0 + numbers["kappa"]

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family`."""
        given = tensors(settings)
        batch = max(len(value) for value in given.values())
        peclet = given["velocity"] * given["length"] / given["dispersion"]
        return {
            "peclet": peclet.expand(batch),
            "kappa": isotherm(given, batch).kappa,
            "freundlich_exponent": given["freundlich_exponent"].expand(batch),
        }

    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """See `Family`."""
        return {
            "length": 1.0, "velocity": 1.0, "dispersion": 1.0 / numbers["peclet"], "isotherm": "freundlich",
            "porosity": 0.4, "bulk_density": 1600.0, "feed_concentration": REFERENCE,
            "freundlich_exponent": numbers["freundlich_exponent"],
            "freundlich_coefficient": numbers["kappa"] * 0.4 / 1600.0,
        }  # fmt: skip

    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """See `Family`."""
        times = self.times(numbers, torch.linspace(0.0, 1.0, NODES, dtype=torch.float64))
        found = torch.full_like(times, torch.nan)
        order = numbers["peclet"].argsort()  # alike ones share a grid
        for first in range(0, len(times), _BATCH):
            members = order[first : first + _BATCH]
            found[members] = self._some({n: v[members] for n, v in numbers.items()}, times[members], tolerance)
            report(min(first + _BATCH, len(times)) / len(times))
        return {"concentration": found}

    def _some(self, numbers: Numbers, times: Tensor, tolerance: float) -> Tensor:
        """Solve columns whose velocities let all their curves end together; in halves where that fails."""
        given, end = self.settings(numbers), times[:, -1]
        given |= {"velocity": end / _SECONDS, "dispersion": end / _SECONDS / numbers["peclet"]}
        even = torch.linspace(0.0, _SECONDS, _FINE, dtype=torch.float64)
        try:
            run = column.simulate(given, even, tolerance=tolerance)
        except PhysicsError:
            run = None
        if run is None or not run.status.ok:
            if len(end) == 1:
                return torch.full_like(times, torch.nan)
            halves = torch.arange(len(end)).tensor_split(2)
            return torch.cat([self._some({n: v[h] for n, v in numbers.items()}, times[h], tolerance) for h in halves])
        curves = run.outputs["concentration"].values.numpy()
        shares = (times / end[:, None]).clamp(0.0, 1.0).numpy() * _SECONDS
        read = [PchipInterpolator(even.numpy(), curve)(at) for curve, at in zip(curves, shares, strict=True)]
        return torch.from_numpy(np.stack(read))

    def ends(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """See `Columns`."""
        peclet, kappa, n = (numbers[each.name] for each in self.ranges)
        quick = 1.0 + kappa * torch.minimum(n * _FEW ** (n - 1.0), torch.ones_like(n))
        slow = 1.0 + kappa * n.clamp_min(1.0)
        return quick.log() - 4.5 * spread(peclet), slow.log() + latest(peclet)


FAMILY = FreundlichColumn()
