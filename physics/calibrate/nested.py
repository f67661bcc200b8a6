"""How a restricted model lies in a full one: no loss where biot = 0, no water at rest where all of it is mobile.

What the full model adds may stand on a bound there, and may leave other parameters without a meaning: a column all of
whose water is mobile has no exchange. Both decide how large a likelihood ratio is while the restricted model is true.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from physics.calibrate.solved import Solved
from physics.errors import ParameterError

NEAR_ZERO = 1e-8
"""Stands for a bound at zero, whose logarithm is no number."""


@dataclass(frozen=True)
class Nesting:
    """How a restricted model lies in a full one.

    Attributes:
        at: the values of further parameters at which the full model is the restricted one.
        loose: further parameters that mean nothing there, each with the range to look in.
        alternatives: values of all further parameters at which to look, where slopes at the restricted model do not say
            enough: with a given exchange a little water at rest is as good as mobile, so that the slope is nothing.
    """

    at: Mapping[str, float]
    loose: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    alternatives: tuple[Mapping[str, float], ...] = ()


_AT_REST = tuple(
    {"mobile_fraction": beta, "exchange": rate * (1.0 - beta)}
    for beta in (0.97, 0.85, 0.6, 0.35)
    for rate in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
)
"""Water at rest, and what it exchanges in a column's travel time over what it holds, from slow to quick."""

NESTINGS = (
    Nesting({"mobile_fraction": 1.0}, {"exchange": (0.02, 50.0)}, _AT_REST),
    Nesting({"biot": 0.0}),
    Nesting({"decay": 0.0}),
    Nesting({"retardation": 1.0}),
)
"""What is known of the experiments' models by their further parameters: water at rest, loss, decay, sorption."""


def bare(name: str) -> str:
    """Return a parameter's name without its data set."""
    return name.partition("[")[0]


def further(restricted: Solved, full: Solved) -> tuple[str, ...]:
    """Return the parameters that only the full model has.

    Raises:
        ParameterError: the fits are not of the same data, or the one does not lie in the other.
    """
    if restricted.values.shape != full.values.shape or not torch.equal(restricted.values, full.values):
        raise ParameterError("the two fits are not of the same data")
    mine, theirs = restricted.space.names, full.space.names
    lacking = [name for name in mine if name not in theirs]
    extra = tuple(name for name in theirs if name not in mine)
    if lacking or not extra:
        what = f"{', '.join(lacking)} is not in the full one" if lacking else "they have the same parameters"
        raise ParameterError(f"the two models are not nested: {what}")
    return extra


def known_nesting(extra: Sequence[str]) -> Nesting:
    """Look up how models lie in each other by the parameters that the full one adds.

    Raises:
        ParameterError: nothing is known of them.
    """
    names = {bare(name) for name in extra}
    parts = [one for one in NESTINGS if {*one.at, *one.loose} <= names]
    covered = {name for one in parts for name in (*one.at, *one.loose)}
    if covered != names:
        raise ParameterError(
            f"it is not known at which value of {', '.join(sorted(names - covered))} the full model is the restricted "
            "one; say so with a nesting"
        )
    return Nesting(
        {name: value for one in parts for name, value in one.at.items()},
        {name: reach for one in parts for name, reach in one.loose.items()},
        parts[0].alternatives if len(parts) == 1 else (),
    )


def side(full: Solved, name: str, nesting: Nesting) -> int:
    """Return in which direction a further parameter may leave its value: 1, -1, or 0 for both."""
    declared = next(one for one in full.problem.free if one.name == bare(name))
    at = nesting.at[bare(name)]
    if at <= max(declared.lower, NEAR_ZERO if declared.lower >= 0 else -math.inf):
        return 1
    return -1 if at >= declared.upper else 0
