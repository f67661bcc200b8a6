"""What the families of columns share: settings to dimensionless columns, pulses by superposition, the output.

All have a third-type inlet and a closed outlet, where the sensor stands, so that resident and flux concentration are
the same. Without decay a column that is leached shows 1 less the curve of a step, and where transport is linear a
pulse shows the difference of two steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.advection_dispersion.scaling import scaled
from physics.experiments.column import scheme_of
from physics.series import Series
from physics.solution import Output
from physics.surrogate.curves.family import Answer, Band, Family, Numbers, Part

NAMES = (
    "length", "velocity", "dispersion", "retardation", "decay", "position", "pulse_duration", "mobile_fraction",
    "exchange", "porosity", "bulk_density", "freundlich_coefficient", "freundlich_exponent", "feed_concentration",
)  # fmt: skip


class Columns(Family):
    """A family of columns."""

    experiment = "column"
    modelled = True
    linear = True  # transport is, so that curves may be added

    def unknown(self, settings: Mapping[str, Any]) -> str:
        """See `Family`."""
        for name, known in (("inlet", "third-type"), ("outlet", "closed")):
            if settings[name] != known:
                return f"{name} = {settings[name]} is not among what was learned ({known} only)"
        fed = settings["input"]
        if isinstance(fed, Series):
            return "a file as input was not learned"
        place = settings["position"]
        if isinstance(place, tuple):
            return "several sensors were not learned"
        if bool((torch.as_tensor(place) != torch.as_tensor(settings["length"])).any()):
            return "a sensor inside the column was not learned, one at the outlet was"
        if fed != "step" and not self.linear:
            return f"input = {fed} is not among what was learned (step only)"
        decays = bool((torch.as_tensor(settings.get("decay", 0.0)) != 0).any())
        if fed == "leach" and decays:
            return "leaching with decay was not learned"
        return self.other(settings, decays)

    @abstractmethod
    def other(self, settings: Mapping[str, Any], decays: bool) -> str:
        """Return why settings that pass `unknown` so far are no run of this family; "" where they are."""

    def parts(self, settings: Mapping[str, Any]) -> tuple[float, list[Part]]:
        """See `Family`."""
        fed = settings["input"]
        if fed == "leach":
            return 1.0, [Part(-1.0)]
        if fed == "pulse":
            return 0.0, [Part(1.0), Part(-1.0, torch.as_tensor(settings["pulse_duration"]).reshape(-1))]
        return 0.0, [Part(1.0)]

    def clock(self, settings: Mapping[str, Any]) -> Tensor:
        """See `Family`."""
        return scaled(tensors(settings), scheme_of(settings)).time

    def times(self, numbers: Numbers, places: Tensor) -> Tensor:
        """See `Family`."""
        low, high = self.ends(numbers)
        return torch.exp(low[:, None] + (high - low)[:, None] * places)

    def places(self, numbers: Numbers, times: Tensor) -> Tensor:
        """See `Family`."""
        low, high = self.ends(numbers)
        return (times.clamp_min(1e-300).log() - low[:, None]) / (high - low)[:, None]

    @abstractmethod
    def ends(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """Return the logarithms of the dimensionless times between which the curve is known, shape (batch,)."""

    def answers(self, settings: Mapping[str, Any], numbers: Numbers, bands: Mapping[str, Band], times: Tensor
                ) -> list[Answer]:  # fmt: skip
        """See `Family`."""
        band = bands["concentration"]
        return [Answer(Output("concentration", "", band.value, times), band.lower, band.upper)]


def tensors(settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the numbers among a column's settings, shape (batch,) each."""
    return {
        name: torch.as_tensor(settings[name], dtype=torch.float64).detach().reshape(-1)
        for name in NAMES
        if settings.get(name) is not None
    }


def spread(peclet: Tensor) -> Tensor:
    """Return the relative standard deviation of the arrival at an open column's sensor, (2 / Pe + 3 / Pe^2)^(1/2)."""
    return (2.0 / peclet + 3.0 / peclet**2).sqrt()


def latest(peclet: Tensor) -> Tensor:
    """Return the logarithm of when a step has settled in a closed column, nine standard deviations after the mean."""
    return torch.log1p(9.0 * (2.0 / peclet).sqrt())
