"""How sure a calibration is, as a row and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from physics import units
from physics.calibrate.posterior import Posterior
from tools.calibration.options import unit_of
from tools.calibration.problem import Task

_DRAWS = 400  # that a figure shows
_METHODS = {
    "laplace": "normal in the logarithm of positive parameters (Laplace)",
    "profile": "from the profile likelihood",
    "sampled": "from the profile likelihood, the draws from a sampler",
}


def posterior_row(known: Posterior, rows: Sequence[dict[str, Any]], task: Task, curve_unit: str) -> dict[str, Any]:
    """Tell how the intervals were found, how far two ways to find them lie apart, and draws in the rows' units."""
    draws = known.draws(_DRAWS)
    shown = {}
    for row in rows:
        si = unit_of(task.declared, row["name"].partition("[")[0], curve_unit)
        zero = units.convert(0.0, si, row["unit"])
        slope = units.convert(1.0, si, row["unit"]) - zero
        shown[row["name"]] = (zero + slope * draws[row["name"]]).tolist()
    agreement = known.agreement if math.isfinite(known.agreement) else None
    return {"method": known.method, "agreement": agreement, "words": _words(known), "draws": shown}


def _words(known: Posterior) -> str:
    how = _METHODS[known.method]
    if not math.isfinite(known.agreement):
        return f"{how}; not checked by the profile likelihood"
    apart = f"{100 * known.agreement:.2g} % of their half-width"
    if known.method == "laplace":
        return f"{how}; the profile likelihood agrees within {apart}"
    return f"{how}; the normal approximation is off by up to {apart}"
