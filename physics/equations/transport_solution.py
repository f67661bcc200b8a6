"""Put what a refinement found back into SI and into the batch's order, with its status and balance."""

from __future__ import annotations

import torch
from torch import Tensor

from physics.equations.refinement import Part
from physics.equations.response import budget_at
from physics.equations.transport import Scaled
from physics.solution import Balance, Cost, Output, Solution, Status

BALANCE_TOLERANCE = 1e-10


def solution_of(
    case: Scaled, parts: list[Part], at: Tensor, tolerance: float, pinned: bool, seconds: float
) -> Solution:
    """Return the solution of columns at the times `at` in seconds; a `pinned` grid counts as converged."""
    order = torch.argsort(torch.cat([part.members for part in parts]))
    curve = torch.cat([part.result.curve.T for part in parts])[order]
    error = torch.cat([part.result.error for part in parts])[order]
    cells = torch.cat([part.result.error.new_full(part.members.shape, part.resolution.cells) for part in parts])[order]
    met = torch.cat([part.met for part in parts])
    if not bool(torch.isfinite(curve).all()):
        status, message = Status.DIVERGED, "The concentration is not finite."
    elif pinned or bool(met.all()):
        status, message = Status.CONVERGED, f"Largest error estimate {float(error.max()):.1e}."
    else:
        status = Status.TOLERANCE_NOT_MET
        message = f"{int((~met).sum())} of {len(met)} columns end at an error of {float(error.max()):.1e}."
    finest = max(parts, key=lambda part: part.resolution.cells).resolution
    steps = max(part.result.finest.values.shape[0] - 1 for part in parts)
    return Solution(
        outputs={
            "concentration": Output("concentration", "", curve, at, error[:, None].expand_as(curve)),
        },
        balances=[_balance(case, parts, at, order)],
        status=status,
        message=message,
        cost=Cost(finest.cells, steps, seconds, max(part.levels for part in parts)),
        tolerance=tolerance,
        extra={"peclet": case.column.peclet, "cell_peclet": case.column.peclet / cells},
    )


def _balance(case: Scaled, parts: list[Part], at: Tensor, order: Tensor) -> Balance:
    """Collect the terms of the finest march at the last time; what was there at first counts as applied."""
    rows = []
    for part in parts:
        members, run = part.members, part.result.finest
        ends = None if case.ends is None else case.ends[members] / run.unit
        rows.append(budget_at(run, at.max() / case.time[members] / run.unit, ends))
    terms = {name: torch.cat([row[name] for row in rows])[order] * case.span for name in rows[0]}
    initial = case.span if case.column.leach else torch.zeros_like(case.span)
    residual = terms["entered"] + initial - terms["left"] - terms["stored"] - terms["consumed"]
    named = {
        "in": terms["entered"],
        "initial": initial,
        "out": terms["left"],
        "stored": terms["stored"],
        "decayed": terms["consumed"],
    }
    return Balance("tracer", named, residual, terms["entered"] + initial, BALANCE_TOLERANCE, "m")
