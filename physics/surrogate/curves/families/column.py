"""A tracer step through a column at equilibrium.

    c(T; Pe, Da)        T = v t / (R L),  Pe = v L / D,  Da = mu L / v

Places are even in the logarithm of the time, from the first arrival to where the step has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.advection_dispersion.analytic import Curves
from physics.equations.advection_dispersion.scaling import Scheme
from physics.equations.advection_dispersion.scaling import scaled as scaled_column
from physics.surrogate.curves.columns import Columns, latest, spread, tensors
from physics.surrogate.curves.family import Counts, Numbers, Report, Target
from physics.surrogate.regime import Range

NODES = 201


class EquilibriumColumn(Columns):
    """See the module."""

    name = "column"
    title = "a tracer through a column at equilibrium"
    ranges = (
        Range("peclet", 3.0, 500.0, (1.0, 2000.0), log=True),
        Range("damkohler", 0.0, 2.0, (0.0, 5.0)),
    )
    targets = (Target("concentration", NODES, lower=0.0, upper=1.0, rising=True),)
    grouped = ("peclet", 2)
    edges = ("damkohler",)
    counts = Counts(500, 6000, 6000, 500)
    tolerance = 1e-9
    settles = True

    def other(self, settings: Mapping[str, Any], decays: bool) -> str:
        """See `Columns`."""
        if settings["isotherm"] != "linear" or settings.get("exchange") is not None:
            return "not a column at equilibrium"
        return ""

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family`."""
        column = scaled_column(tensors(settings), Scheme()).column
        return {"peclet": column.peclet, "damkohler": column.damkohler}

    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """See `Family`."""
        return {"length": 1.0, "velocity": 1.0, "dispersion": 1.0 / numbers["peclet"], "decay": numbers["damkohler"]}

    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """See `Family`."""
        times = self.times(numbers, torch.linspace(0.0, 1.0, NODES, dtype=torch.float64))
        end = times[:, -1]  # each column has its own times: those of one with another speed
        share = times / end[:, None]
        rows = [
            closed(Scheme(), {"peclet": pe, "damkohler": da, "end": stop}, at)
            for pe, da, stop, at in zip(numbers["peclet"], numbers["damkohler"], end, share, strict=True)
        ]
        return {"concentration": torch.stack(rows)}

    def ends(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """See `Columns`."""
        return -5.0 * spread(numbers["peclet"]), latest(numbers["peclet"])


def closed(scheme: Scheme, numbers: Mapping[str, Tensor], share: Tensor) -> Tensor:
    """Return one column's curve at shares (n,) of its last time, from the closed form."""
    one, end = torch.ones(1, dtype=torch.float64), numbers["end"]
    given = {
        "length": one, "velocity": one * end, "dispersion": one * end / numbers["peclet"],
        "decay": one * end * numbers["damkohler"],
    }  # fmt: skip
    return Curves(scheme, lambda parameters, at: one)(given, share.contiguous())[0]


FAMILY = EquilibriumColumn()
