"""A tracer step through a column whose water partly rests.

    c(T; Pe, beta, omega)        T = v t / (R L),  Pe = v L / D,  beta the mobile share,  omega the exchange

Places are even in the logarithm of the time, from the first arrival with the mobile water alone to where the slow
exchange has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.advection_dispersion.breakthrough import Column
from physics.equations.advection_dispersion.feed import Feed
from physics.equations.advection_dispersion.refinement import refine
from physics.equations.advection_dispersion.scaling import Scheme
from physics.equations.advection_dispersion.scaling import scaled as scaled_column
from physics.surrogate.curves.columns import Columns, spread, tensors
from physics.surrogate.curves.family import Counts, Numbers, Report, Target
from physics.surrogate.regime import Range

NODES = 241
_BATCH = 200


class TwoRegionColumn(Columns):
    """See the module."""

    name = "two_region"
    title = "a tracer through a column whose water partly rests"
    ranges = (
        Range("peclet", 3.0, 300.0, (1.5, 800.0), log=True),
        Range("mobile_fraction", 0.3, 0.95, (0.15, 0.99)),
        Range("exchange", 0.05, 20.0, (0.01, 80.0), log=True),
    )
    targets = (Target("concentration", NODES, lower=0.0, upper=1.0, rising=True),)
    grouped = ("peclet", 2)
    counts = Counts(2000, 4000, 4000, 300)
    tolerance = 1e-6

    def other(self, settings: Mapping[str, Any], decays: bool) -> str:
        """See `Columns`."""
        if settings["isotherm"] != "linear" or settings.get("exchange") is None:
            return "not a column with two regions"
        return "decay with two regions was not learned" if decays else ""

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family`."""
        column = scaled_column(tensors(settings), Scheme()).column
        if column.mobile is None or column.exchange is None:
            raise ValueError("the settings have no two regions")
        return {"peclet": column.peclet, "mobile_fraction": column.mobile, "exchange": column.exchange}

    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """See `Family`."""
        given = {name: numbers[name] for name in ("mobile_fraction", "exchange")}
        return {"length": 1.0, "velocity": 1.0, "dispersion": 1.0 / numbers["peclet"], **given}

    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """See `Family`."""
        times = self.times(numbers, torch.linspace(0.0, 1.0, NODES, dtype=torch.float64))
        found = torch.full_like(times, torch.nan)
        for first in range(0, len(times), _BATCH):
            members = slice(first, first + _BATCH)
            one = torch.ones_like(numbers["peclet"][members])
            column = Column(
                numbers["peclet"][members], 0.0 * one, one, first_type=False, closed=True, flux=False, at_end=True,
                leach=False, mobile=numbers["mobile_fraction"][members], exchange=numbers["exchange"][members],
            )  # fmt: skip
            for part in refine(column, times[members].T.contiguous(), Feed(off=None), tolerance):
                good = part.met & torch.isfinite(part.result.curve).all(0)
                found[first + part.members[good]] = part.result.curve.T[good]
            report(min(first + _BATCH, len(times)) / len(times))
        return {"concentration": found}

    def ends(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """See `Columns`."""
        peclet, mobile, exchange = (numbers[each.name] for each in self.ranges)
        late = 2.0 / peclet + 2.0 * (1.0 - mobile) ** 2 / exchange
        return mobile.log() - 4.5 * spread(peclet), torch.log1p(9.0 * late.sqrt())


FAMILY = TwoRegionColumn()
