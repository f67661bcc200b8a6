"""How good trained emulators are: errors, coverage and sharpness on fresh runs, and what abstention catches beyond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from physics.surrogate import trust
from physics.surrogate.conformal import coverage, covered
from physics.surrogate.curves.emulator import Emulator
from physics.surrogate.curves.family import Band, Family
from physics.surrogate.curves.runs import Runs
from physics.surrogate.curves.surrogate import relative_width, target_band
from physics.surrogate.summary import rounded, spread

LEVEL = 0.9


def inside(family: Family, emulators: Mapping[str, Emulator], runs: Runs) -> dict[str, Any]:
    """Return, for each target, errors (learned unit), widths and the coverage of 90 % intervals by group."""
    inputs, groups = family.scaled(runs.numbers), family.groups(runs.numbers)
    found: dict[str, Any] = {}
    for target in family.targets:
        truth, emulator = target.sound(runs.targets[target.name]), emulators[target.name]
        error = (emulator.predict(inputs)[0] - target.to_learn(truth)).abs().amax(1)
        band, _ = target_band(target, emulator, inputs, groups, LEVEL)
        held = covered(truth, band.lower, band.upper)
        width = relative_width(_squeezed(band))
        found[target.name] = {
            "error": spread(error),
            "half_width": spread(width),
            "within_budget": rounded(float((width <= target.budget).double().mean())),
            "coverage": rounded(float(held.double().mean())),
            "by_group": {
                str(group): [rounded(share), count] for group, (share, count) in coverage(held, groups).items()
            },
            "runs": len(runs),
        }
    return found


def beyond(family: Family, emulators: Mapping[str, Emulator], runs: Runs) -> dict[str, Any]:
    """Return what becomes of runs outside the ranges.

    `coverage` is that of intervals nobody would be shown; `missed` how many runs have an error beyond their interval,
    and `caught` the share of those on which the surrogate abstains.
    """
    inputs, groups = family.scaled(runs.numbers), family.groups(runs.numbers)
    doubts = trust.outside(family.ranges, runs.numbers)
    held = torch.ones(len(runs), dtype=torch.bool)
    for target in family.targets:
        emulator = emulators[target.name]
        band, apart = target_band(target, emulator, inputs, groups, LEVEL)
        held &= covered(target.sound(runs.targets[target.name]), band.lower, band.upper)
        doubts.append(trust.far(apart, emulator.most))
        doubts.append(trust.wide(target.name, relative_width(_squeezed(band)), target.budget, LEVEL))
    away = trust.abstained(doubts, len(runs))
    missed = int((~held).sum())
    return {
        "runs": len(runs),
        "coverage": rounded(float(held.double().mean())),
        "abstained": rounded(float(away.double().mean())),
        "missed": missed,
        "caught": rounded(float(away[~held].double().mean())) if missed else 1.0,
    }


def _squeezed(band: Band) -> Band:
    return band if band.value.shape[1] > 1 else Band(*(part[:, 0] for part in band))
