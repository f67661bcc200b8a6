"""A design over 20 sampling times and three settings of a column, in a warm process, against the time allowed.

The column is 30 cm long; its velocity (1 to 5 cm/h), the length of its pulse (0.5 to 8 h) and the place of its sensor
(10 to 30 cm) are chosen together with 20 times at least 10 min apart, within 24 h, so that the half-width of the
dispersion is least on average over its prior (a factor of 1.6 to either side, five draws). The peer is no program but
the 5 s allowed. In place of an error stands the expected half-width of the dispersion, relative: ours against that of
20 even samples of a step at the middle velocity and the whole length, which is what a protocol without a design does.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.face import Row, median_seconds
from physics.design.belief import from_prior
from physics.design.candidate import Limits, Unknown
from physics.design.habits import material_of, transfer_of
from physics.design.information import Noise
from physics.design.optimise import Design, at_settings, optimise
from physics.design.study import Control, Range, Study, Target
from physics.experiments.column import EXPERIMENT

ALLOWED = 5.0  # seconds
SAMPLES = 20
CM, HOUR = 0.01, 3600.0
VELOCITY, DISPERSION = 2.5 * CM / HOUR, 0.15 * CM**2 / HOUR


def study() -> Study:
    """Return the question."""
    material = material_of(EXPERIMENT.name)
    controls: dict[str, Control] = {
        "velocity": Range(1 * CM / HOUR, 5 * CM / HOUR, CM / HOUR),
        "pulse_duration": Range(0.5 * HOUR, 8 * HOUR, HOUR),
        "position": Range(0.1, 0.3, CM),
    }
    return Study(
        EXPERIMENT,
        {"length": 0.3, "input": "pulse"},
        controls,
        from_prior({"velocity": Unknown(VELOCITY, 0.05), "dispersion": Unknown(DISPERSION, 0.5)}),
        Noise(0.01),
        Limits(24 * HOUR, SAMPLES, 600.0),
        Target({"dispersion": 0.05}),
        material=None if material is None else material[0],
        transfer=transfer_of(EXPERIMENT.name),
    )


def protocol() -> float:
    """Return the half-width that even samples of a step leave."""
    asked = study()
    plain = Study(
        EXPERIMENT, {"length": 0.3}, {}, asked.belief, asked.noise,
        asked.limits, asked.target, transfer=asked.transfer,
    )  # fmt: skip
    times = torch.linspace(24 * HOUR / SAMPLES, 24 * HOUR, SAMPLES, dtype=torch.float64)
    return at_settings(plain, {}, times).half_width["dispersion"]


def run() -> Iterator[Row]:
    """Time the design."""
    asked = study()

    def ours() -> Design:
        return optimise(asked)

    seconds, results = median_seconds({"ours": ours})
    found: Design = results["ours"]
    yield Row(
        f"{SAMPLES} times and 3 settings, {len(found.runs)} settings compared",
        "time allowed",
        seconds["ours"],
        ALLOWED,
        found.best.half_width["dispersion"],
        protocol(),
        target=1.0,
        note="errors: expected half-width of the dispersion, ours and with an even schedule",
    )
