"""Laboratories with a packed column: sand of unknown dispersivity, a pump, an electrode, a step of tracer.

The protocol's default: a step at the middle of the pump's range, samples evenly spaced up to 2.5 pore volumes. Even
fractions past breakthrough are what leaching standards collect (OECD 312; ASTM D4874), and the corpus asks for the
plateau (`step-or-pulse`). The informed default takes the same run with the samples even over two standard deviations
on either side of the expected front (`planning-precision`, `sampling-the-rising-limb`).

Both may use the samples, the time and the tracer of the default. Ours also chooses velocity, step or pulse, and times.
The velocity is believed to 10 % (the porosity), the dispersivity to a factor: log-standard deviation 0.5.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import torch

from evals.instruments import Instrument
from evals.virtual_lab.laboratory import Laboratory, Rules
from physics.design.habits import conditions_of, transfer_of
from physics.design.study import Range
from physics.experiments import get

VOLUMES = 2.5  # pore volumes of the default
_HOUR = 3600.0


def laboratories(count: int, seed: int) -> list[Laboratory]:
    """Return laboratories that differ in column, sand, pump, electrode and number of samples."""
    chance = random.Random(seed)  # noqa: S311
    return [_laboratory(chance) for _ in range(count)]


def _laboratory(chance: random.Random) -> Laboratory:
    length = 0.1 * 4 ** chance.random()
    peclet = 15 * 10 ** chance.random()
    noise = chance.choice((0.005, 0.01, 0.02))
    samples = chance.choice((15, 20, 30))
    slow = 0.005 / _HOUR * 4 ** chance.random()
    velocity = 3 * slow  # the middle of a pump that goes nine times as fast at most
    volume = length / velocity
    end = VOLUMES * volume
    rules = Rules(
        duration=end,
        samples=samples,
        interval=end / 200,
        ranges={"velocity": (slow, 9 * slow)},
        options={"input": ("step", "pulse")},
        used=_fed,
        budget=velocity * end,
    )
    width = math.sqrt(2 / peclet)
    front = torch.linspace(max(1 - 2 * width, 0.05), min(1 + 2 * width, VOLUMES), samples, dtype=torch.float64)
    default = {"velocity": velocity, "input": "step"}
    return Laboratory(
        title=f"{100 * length:.0f} cm, Pe {peclet:.0f}, {samples} samples, noise {noise:g}",
        experiment=get("column"),
        settings={"length": length, "reading": "flux"},
        believed={"velocity": (velocity, 0.1), "dispersion": (velocity * length / peclet, 0.5)},
        rules=rules,
        noise=noise,
        instrument=Instrument(noise, drift=0.3 * noise, lag=0.002 * volume, step=0.2 * noise, missing=0.03),
        target="dispersion",
        protocol=(default, torch.arange(1, samples + 1, dtype=torch.float64) * (end / samples)),
        informed=(default, front * volume),
        controls={
            "pulse_duration": Range(0.2 * volume, VOLUMES * volume, only=conditions_of("column")["pulse_duration"])
        },
        transfer=transfer_of("column"),
    )


def _fed(settings: Mapping[str, Any], duration: float) -> float:
    """Metres of feed per pore cross-section that a run takes."""
    return float(settings["velocity"]) * min(settings.get("pulse_duration") or math.inf, duration)
