"""Laboratories with a laser flash: discs of many materials, a detector with noise, lag and a memory of some readings.

The protocol's default: ten half-rise times of record, which Cowan's correction needs, read evenly, with a tenth of the
readings for the baseline at its very beginning, before anything reaches the rear, a pulse of 2 % of the half-rise time
(ASTM E1461; the corpus' `flash-recording-and-repeats`, `flash-pulse-width`), at the most energy allowed. The informed
default takes half of its readings in the first two half-rise times ("many samples on the rising part").

All take one shot, as many readings as the memory holds, no more energy than allowed and no longer a record. Ours also
chooses the energy, the length of the pulse and the moments of reading, which may lie in bursts as dense as the
detector allows. Thickness and pulse are known to all; what they add to the error is the same and left out. Unknown are
diffusivity (to 10 %), Biot number (a factor 2), the detector's gain (30 %) and its baseline.
"""

from __future__ import annotations

import random
from typing import Any

import torch

from evals.instruments import Instrument
from evals.virtual_lab.laboratory import Laboratory, Rules
from physics.design.habits import transfer_of
from physics.design.study import Range
from physics.equations.flash.settings import rear_rise
from physics.experiments import get

RECORD, RISING, QUIET = 10.0, 2.0, 0.15  # half-rise times: of the record, of the rise, and before the rear warms
BASELINE = 0.1  # the share of the readings that the default spends before that
BURSTS = 20  # of our design
_PULSE = 0.02  # of the half-rise time
_RISE = 3.0  # K that the disc may warm
_HEAT = 3e6  # J/(m^3 K), density times heat capacity, near that of most solids


def laboratories(count: int, seed: int) -> list[Laboratory]:
    """Return laboratories that differ in material, disc, loss, noise and memory."""
    chance = random.Random(seed)  # noqa: S311
    return [_laboratory(chance) for _ in range(count)]


def _laboratory(chance: random.Random) -> Laboratory:
    thickness = 1e-3 * 3 ** chance.random()
    half = 0.02 * 15 ** chance.random()  # s; the standard asks for 10 to 1000 ms
    diffusivity = 0.1388 * thickness**2 / half
    biot = 0.02 * 10 ** chance.random()
    noise = _RISE * chance.choice((0.003, 0.01, 0.03))
    readings = chance.choice((200, 400))
    bench: dict[str, Any] = {
        "thickness": thickness,
        "spot_diameter": 0.0125,
        "density": 6000.0,
        "heat_capacity": _HEAT / 6000.0,
        "pulse": "square",
    }
    energy = _RISE * _HEAT * thickness * 3.14159 / 4 * 0.0125**2
    shortest = 0.005 * half
    end = RECORD * half
    rules = Rules(
        duration=end,
        samples=readings,
        interval=half / 5000,
        ranges={"pulse_energy": (0.2 * energy, energy)},
        used=lambda settings, duration: settings["pulse_energy"],
        budget=energy,
        within={"rise": (rear_rise, _RISE * (1 + 1e-4))},
    )
    default = {"pulse_energy": energy, "pulse_width": _PULSE * half}
    return Laboratory(
        title=f"{1e3 * thickness:.1f} mm, half-rise {1e3 * half:.0f} ms, Bi {biot:.2g}, "
        f"{readings} readings, noise {noise / _RISE:.1%}",
        experiment=get("flash"),
        settings=bench,
        believed={"diffusivity": (diffusivity, 0.1), "biot": (biot, 0.7), "amplitude": (1.0, 0.3)},
        rules=rules,
        noise=noise,
        instrument=Instrument(noise, drift=0.1 * noise, lag=0.002 * half, step=0.1 * noise, missing=0.01),
        target="diffusivity",
        protocol=(default, _record(half, readings)),
        informed=(default, _record(half, readings, rising=0.5)),
        controls={"pulse_width": Range(shortest, 10 * shortest)},
        transfer=transfer_of("flash"),
        nuisance=("baseline",),
        burst=readings // BURSTS,
    )


def _record(half: float, readings: int, rising: float = 0.0) -> torch.Tensor:
    """Readings of the baseline, then a share of them on the rise, then evenly to the end."""
    ends = [(BASELINE, 0.0, QUIET), (rising, QUIET, RISING), (1.0, RISING if rising else QUIET, RECORD)]
    times, left = [], readings
    for share, begin, end in ends:
        count = min(round(share * readings), left)
        left -= count
        times.append(begin + (end - begin) * torch.arange(1, count + 1, dtype=torch.float64) / max(count, 1))
    return torch.cat(times) * half
