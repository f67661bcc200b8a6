"""A flashed disc that loses heat from both faces alike, after an instant or a square pulse.

    theta(Fo; Bi, w)        Fo = alpha t / L^2,  Bi = h L / k,  w = alpha t_p / L^2 the length of the pulse

theta is the rear temperature over the adiabatic rise. Places are even in the logarithm of the time, from before the
rear feels the pulse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.flash.disc import NUMBERS, Disc, disc_of
from physics.equations.flash.solution import refine
from physics.solution import Output
from physics.surrogate.curves.family import Answer, Band, Counts, Family, Numbers, Report, Target
from physics.surrogate.regime import Range

NODES = 201
FIRST, LAST = 0.015, 4.0  # Fourier numbers


class Flash(Family):
    """See the module."""

    name = "flash"
    experiment = "flash"
    title = "a flashed disc with equal losses, after an instant or a square pulse"
    ranges = (Range("biot", 0.0, 1.0, (0.0, 3.0)), Range("pulse_share", 0.0, 0.06, (0.0, 0.15)))
    targets = (
        Target("rear_temperature", NODES, lower=0.0, upper=1.0),
        Target("half_time", log=True),
        Target("maximum", log=True, upper=1.0),
    )
    grouped = ("biot", 1)
    edges = ("biot", "pulse_share")
    counts = Counts(400, 4000, 4000, 300)
    tolerance = 1e-9

    def unknown(self, settings: Mapping[str, Any]) -> str:
        """See `Family`."""
        pulse = settings["pulse"]
        if pulse not in ("instant", "square"):
            named = pulse if isinstance(pulse, str) else "a file"
            return f"pulse = {named} is not among what was learned (instant and square)"
        if settings.get("biot_rear") is not None:
            return "a rear that loses heat unlike the front was not learned"
        return ""

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family`."""
        disc = _disc(settings)
        return {"biot": disc.front_biot, "pulse_share": disc.pulse.stop}

    def settings(self, numbers: Numbers) -> dict[str, Any]:
        """See `Family`."""
        length = {"pulse": "square", "pulse_width": numbers["pulse_share"].clamp_min(1e-12)}
        return {"thickness": 1e-2, "diffusivity": 1e-4, "biot": numbers["biot"], **length}

    def solve(self, numbers: Numbers, tolerance: float, report: Report = lambda done: None) -> dict[str, Tensor]:
        """See `Family`."""
        count = len(numbers["biot"])
        found = {each.name: torch.full((count, each.nodes), torch.nan, dtype=torch.float64) for each in self.targets}
        times = self.times(numbers, torch.linspace(0.0, 1.0, NODES, dtype=torch.float64))
        for k in range(count):  # each disc has its own times
            disc = _disc(self.settings({name: values[k : k + 1] for name, values in numbers.items()}))
            read = refine(disc, times[k], tolerance).readings
            found["rear_temperature"][k] = read.rear[0]
            found["half_time"][k], found["maximum"][k] = read.half, read.maximum
            report((k + 1) / count)
        return found

    def clock(self, settings: Mapping[str, Any]) -> Tensor:
        """See `Family`."""
        return 1.0 / _disc(settings).rate

    def times(self, numbers: Numbers, places: Tensor) -> Tensor:
        """See `Family`."""
        return (FIRST * (LAST / FIRST) ** places).expand(len(numbers["biot"]), -1)

    def places(self, numbers: Numbers, times: Tensor) -> Tensor:
        """See `Family`."""
        return torch.log(times.clamp_min(1e-300) / FIRST) / math.log(LAST / FIRST)

    def answers(
        self, settings: Mapping[str, Any], numbers: Numbers, bands: Mapping[str, Band], nodes: Mapping[str, Band],
        times: Tensor,
    ) -> list[Answer]:  # fmt: skip
        """See `Family`."""
        disc = _disc(settings)
        signal, unit = disc.amplitude * disc.rise, "K" if disc.absolute else ""
        curve = bands["rear_temperature"].scaled(signal)
        half, most = bands["half_time"].scaled(1.0 / disc.rate), bands["maximum"].scaled(signal)
        return [
            Answer(Output("rear_temperature", unit, curve.value, times), curve.lower, curve.upper),
            Answer(Output("half_time", "s", half.value), half.lower, half.upper),
            Answer(Output("maximum", unit, most.value), most.lower, most.upper),
        ]


def _disc(settings: Mapping[str, Any]) -> Disc:
    given = {
        name: torch.as_tensor(settings[name], dtype=torch.float64).detach()
        for name in NUMBERS
        if settings.get(name) is not None
    }
    return disc_of(given, settings.get("pulse", "instant"))


FAMILY = Flash()
