"""What the families of columns share: settings to dimensionless columns, pulses by superposition, the output.

All have a third-type inlet and a closed outlet, where the sensor stands, so that resident and flux concentration are
the same and the curve is that of the effluent. Without decay a column that is leached shows 1 less the curve of a step,
and where transport is linear a pulse shows the difference of two steps. From the curve follow

    outflow(t) = v int_0^t c dt,     inflow(t) = v int_0^t f dt,     storage = initial + inflow - outflow

in metres of feed per unit of pore cross-section. An outflow is held to what leaves neither a negative storage nor more
than a full column holds, so that tracer is conserved to rounding; a band of curves that holds at every time gives bands
of the amounts that do.
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
from physics.surrogate.curves.amounts import accumulated
from physics.surrogate.curves.basis import read
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

    def answers(
        self, settings: Mapping[str, Any], numbers: Numbers, bands: Mapping[str, Band], nodes: Mapping[str, Band],
        times: Tensor,
    ) -> list[Answer]:  # fmt: skip
        """See `Family`; with decay the curve alone, since what decays is not known from it."""
        band = bands["concentration"]
        curve = Answer(Output("concentration", "", band.value, times), band.lower, band.upper)
        if bool((torch.as_tensor(settings.get("decay", 0.0)) != 0).any()):
            return [curve]
        case = scaled(tensors(settings), scheme_of(settings))
        batch = len(band.value)
        span, at = case.span.expand(batch)[:, None], (times / case.time[:, None]).expand(batch, -1)
        fed, left = self._amounts(settings, numbers, torch.stack(tuple(nodes["concentration"])), at, case.time)
        leached = settings["input"] == "leach"
        full = self.capacity(numbers)[:, None]
        initial = full if leached else torch.zeros_like(full)
        left = torch.minimum(torch.maximum(left, fed + initial - full), fed + initial)
        kept = [fed + initial - left[k] for k in (0, 2, 1)]
        ends = {"inflow": [fed] * 3, "outflow": list(left), "storage": kept, "decayed": [torch.zeros_like(fed)] * 3}
        amounts = {name: [part * span for part in parts] for name, parts in ends.items()}
        rows = [(Output(name, "m", value, times), low, high) for name, (value, low, high) in amounts.items()]
        return [curve, *(Answer(*row) for row in rows)]

    def capacity(self, numbers: Numbers) -> Tensor:
        """Return what a full column holds, over R L, shape (batch,)."""
        return torch.ones_like(numbers["peclet"])

    def _amounts(
        self, settings: Mapping[str, Any], numbers: Numbers, curves: Tensor, at: Tensor, clock: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what was fed (batch, times) and what has left (3, batch, times), over R L, at dimensionless times."""
        low, high = self.ends(numbers)
        nodes = self.times(numbers, torch.linspace(0.0, 1.0, curves.shape[-1], dtype=torch.float64))
        grown = accumulated(curves, nodes * (high - low)[:, None])
        offset, parts = self.parts(settings)
        last = curves[..., -1:].clone()
        if not self.settles:  # it may still rise to the feed's
            last[2] = 1.0
        fed, left = offset * at, offset * at
        for part in parts:
            since = at if part.shift is None else at - (part.shift / clock)[:, None]
            inside = torch.minimum(torch.maximum(since, nodes[:, :1]), nodes[:, -1:])
            passed = read(grown, self.places(numbers, inside)) + last * (since - nodes[:, -1:]).clamp_min(0.0)
            left = left + part.factor * (passed if part.factor > 0 else passed[[0, 2, 1]])
            fed = fed + part.factor * since.clamp_min(0.0)
        return fed, left


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
