"""Points of the box of controls: a coarse grid, then neighbours of the best, every point inside by construction.

A range is walked on a logarithmic scale where it spans more than a factor of three, else on a linear one; what comes
out is rounded to three digits of the user's unit and moved back to a bound where rounding would leave it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from physics.design.study import Control, Options, Range

_WIDE = 3.0  # upper over lower, from which a range is walked on a logarithmic scale
_GRIDDED = 4  # ranges up to which a full grid is laid; more are filled with Sobol points
_LEVELS = (3, 7)  # least and most points on one range of a grid


def coarse(controls: Mapping[str, Control], count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return about `count` settings of the controls, every option among them."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    options = {name: control.values for name, control in controls.items() if isinstance(control, Options)}
    branches = [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]
    for branch in branches:
        ranges = {
            name: control
            for name, control in controls.items()
            if isinstance(control, Range) and active(name, branch, controls)
        }
        kept = {name: value for name, value in branch.items() if active(name, branch, controls)}
        for point in _points(ranges, max(count // len(branches), 1), seed):
            setting = {**kept, **point}
            found.setdefault(tuple(sorted((k, repr(v)) for k, v in setting.items())), setting)
    return list(found.values())


def neighbours(controls: Mapping[str, Control], centre: Mapping[str, Any], step: float) -> list[dict[str, Any]]:
    """Return the settings one `step` (of the unit interval) away along each range, and on the diagonals of pairs."""
    names = [name for name, control in controls.items() if isinstance(control, Range) and name in centre]
    places = {name: _share(controls[name], centre[name]) for name in names}
    moves = [{name: sign * step} for name in names for sign in (-1, 1)]
    for first, second in itertools.combinations(names, 2):
        moves += [{first: a * step, second: b * step} for a in (-1, 1) for b in (-1, 1)]
    found = []
    for move in moves:
        point = {name: at(controls[name], places[name] + shift) for name, shift in move.items()}
        if any(point[name] != centre[name] for name in point):
            found.append({**centre, **point})
    return found


def active(name: str, chosen: Mapping[str, Any], controls: Mapping[str, Control]) -> bool:
    """Say whether a control exists beside the options that are chosen; one that nobody varies decides nothing."""
    only = controls[name].only
    return only is None or only[0] not in chosen or chosen[only[0]] in only[1]


def at(control: Control, share: float) -> float:
    """Return the value at a share of the range, rounded, inside its bounds."""
    if not isinstance(control, Range):
        raise TypeError("options have no place on a range")
    share = min(max(share, 0.0), 1.0)
    low, high = control.lower, control.upper
    value = low * (high / low) ** share if _logarithmic(control) else low + (high - low) * share
    if share in (0.0, 1.0):
        return low if share == 0.0 else high
    if control.whole:
        return min(max(float(round(value)), math.ceil(low)), math.floor(high)) if math.ceil(low) <= high else value
    digits = 2 - math.floor(math.log10(abs(value / control.scale))) if value else 0
    rounded = round(value / control.scale, digits) * control.scale
    return min(max(rounded, low), high)


def _points(ranges: Mapping[str, Range], count: int, seed: int) -> list[dict[str, Any]]:
    if not ranges:
        return [{}]
    d = len(ranges)
    if d > _GRIDDED:
        shares = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed)).random(1 << (count - 1).bit_length())
    else:
        levels = min(max(round(count ** (1 / d)), _LEVELS[0]), _LEVELS[1])
        shares = np.array(list(itertools.product(np.linspace(0, 1, levels), repeat=d)))
    return [
        {name: at(control, float(share)) for (name, control), share in zip(ranges.items(), row, strict=True)}
        for row in shares
    ]


def _share(control: Control, value: float) -> float:
    if not isinstance(control, Range) or control.upper == control.lower:
        return 0.0
    if _logarithmic(control):
        return math.log(value / control.lower) / math.log(control.upper / control.lower)
    return (value - control.lower) / (control.upper - control.lower)


def _logarithmic(control: Range) -> bool:
    return control.lower > 0 and control.upper / control.lower > _WIDE


def spacing(candidates: Sequence[Mapping[str, Any]], controls: Mapping[str, Control]) -> float:
    """Return half the distance of two points of a grid, as a share of the range: where a refinement begins."""
    ranges = [name for name, control in controls.items() if isinstance(control, Range)]
    levels = max((len({c[name] for c in candidates if name in c}) for name in ranges), default=2)
    return 0.5 / max(min(levels, _LEVELS[1]) - 1, 1)
