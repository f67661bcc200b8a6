"""Whether the surrogate could compute the runs that a plan compares, and why the solver does.

A planner compares runs by the model of its experiment and solves the one that it recommends. The surrogate may take the
first part only where it knows runs of this kind, within its ranges, and is `physics.surrogate.trust.FASTER` times
faster; the second part is the solver's always, since what is shown carries balances that only a run of the solver has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from physics import experiments
from physics.errors import InputError
from physics.surrogate import trust
from physics.surrogate.curves import weights
from physics.surrogate.curves.choose import family_of, surrogate_of

CONFIRMED = ("confirmed", "the recommended run is the solver's, so that its balances stand behind what is shown")


def asked(experiment: str, settings: Mapping[str, str], folder: Path = weights.FOLDER) -> tuple[str, tuple[str, str]]:
    """Return the surrogate that knows the recommended run ("" where none does), and why the solver computed it.

    The reason comes with its kind, those of `physics.surrogate.trust` or "confirmed" where the surrogate could answer.
    """
    try:
        given = experiments.get(experiment).read(dict(settings))
        family, why = family_of(experiment, given)
        if family is None:
            return "", ("setting", why)
        surrogate, why = surrogate_of(family, folder)
        if surrogate is None:
            return family.name, ("weights", why)
        if slow := surrogate.slow():
            return family.name, ("speed", slow)
        found = trust.reasons(trust.outside(family.ranges, family.numbers(given)))
    except InputError as error:
        return "", ("setting", str(error))
    return family.name, found[0] if found else CONFIRMED
