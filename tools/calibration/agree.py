"""Whether several files tell the same: the fit together against a fit of each apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from physics.calibrate.solved import Solved
from tools.calibration.problem import Task
from tools.records import Check

_GROSS = 3.0  # the fit together misses the data by so many times what the fits apart leave,
_MISSED = 0.1  # and by this share of their range: it describes no file any more


@dataclass(frozen=True)
class Agreement:
    """What a comparison of the files gives; empty for a single file."""

    row: dict[str, Any] | None = None
    checks: tuple[Check, ...] = ()


def agreement(task: Task, solved: Solved) -> Agreement:
    """Tell how the files agree (`physics.calibrate.contradiction`), and judge whether a fit together means anything."""
    found = solved.contradiction
    if found is None:
        return Agreement()
    lowest = min(float(file.measured.value.min()) for file in task.files)
    span = max(float(file.measured.value.max()) for file in task.files) - lowest
    weight = sum(float(file.measured.count.sum()) for file in task.files)
    gross = found.sse_together > _GROSS**2 * found.sse_apart
    missed = math.sqrt(found.sse_together / weight) / span if gross and span > 0 else 0.0
    check = Check(
        name="files agree",
        kind="constraint",
        status="fail" if missed > _MISSED else "pass",
        value=missed,
        limit=_MISSED,
        detail="share of their range by which a fit of all files misses them, and fits of each do not",
    )
    row = {
        "agree": not found.contradicts,
        "statistic": found.statistic if math.isfinite(found.statistic) else None,
        "p": found.p,
        "sse_together": found.sse_together,
        "sse_apart": found.sse_apart,
        "apart": [
            {
                "name": one.name,
                "p": one.p,
                "unit": unit,
                "values": {key: value / size for key, value in one.values.items()},
            }
            for one in found.differences
            for unit, size in [task.shown[one.name]]
        ],
        "verdict": found.sentence or f"The files agree (p = {found.p:.2g}).",
    }
    return Agreement(row, (check,))
