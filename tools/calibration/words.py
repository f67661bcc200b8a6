"""How sure a calibration is, as a row and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from physics import units
from physics.calibrate.checks import unusual
from physics.calibrate.posterior import Posterior, posterior
from physics.calibrate.solve import Solved
from tools.calibration.options import unit_of
from tools.calibration.problem import Settled, Task, exact, values_of

_DRAWS = 400  # that a figure shows
_METHODS = {
    "laplace": "normal in the logarithm of positive parameters (Laplace)",
    "profile": "from the profile likelihood",
    "sampled": "from the profile likelihood, the draws from a sampler",
}


def strange(task: Task, solved: Solved) -> tuple[str, ...]:
    """Tell of values found that lie far from what such an experiment gives, each parameter once."""
    if not solved.fit.status.ok:
        return ()
    every = (values_of(solved, task.free, k) for k in range(len(task.files)))
    return tuple(dict.fromkeys(told for values in every for told in unusual(task.declared, values)))


def judged(task: Task, found: Settled, level: float, *, check: bool = True) -> tuple[Posterior | None, tuple[str, ...]]:
    """Return what is known after a fit that stands, and what to say of it; None after another.

    Residuals no larger than the solver's error are no noise, and no profile can be followed in them. Without `check`
    the normal approximation is taken as it is, for a fit that is withheld anyway.
    """
    if not found.solved.fit.status.ok:
        return None, ()
    computed = exact(task, found.solved)
    known = posterior(found.solved, level=level, check=check and not computed, numerical_error=found.tolerance)
    told = (
        f"The residuals are no larger than the solver's error ({task.tolerance:g}): these readings carry no noise, "
        "so the intervals say nothing of a measurement."
    )
    return known, (told,) if computed else known.warnings


def posterior_row(known: Posterior, rows: Sequence[dict[str, Any]], task: Task, curve_unit: str) -> dict[str, Any]:
    """Tell how the intervals were found, how far two ways to find them lie apart, and draws in the rows' units."""
    agreement = known.agreement if math.isfinite(known.agreement) else None
    draws = known.draws(_DRAWS)
    shown = {}
    for row in rows:
        si = unit_of(task.declared, row["name"].partition("[")[0], curve_unit)
        zero = units.convert(0.0, si, row["unit"])
        slope = units.convert(1.0, si, row["unit"]) - zero
        shown[row["name"]] = (zero + slope * draws[row["name"]]).tolist()
    return {"method": known.method, "agreement": agreement, "words": _words(known), "draws": shown}


def _words(known: Posterior) -> str:
    how = _METHODS[known.method]
    if not math.isfinite(known.agreement):
        return how if known.method != "laplace" else f"{how}; not checked by the profile likelihood"
    percent = 100 * known.agreement
    apart = f"{percent:.2g} % of their half-width" if percent < 100 else "more than their half-width"
    if known.method == "laplace":
        return f"{how}; the profile likelihood agrees within {apart}"
    return f"{how}; the normal approximation is off by {apart}"
