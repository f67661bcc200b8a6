"""Put what a refinement found back into SI and into the batch's order, with its status and balance."""

from __future__ import annotations

import torch
from torch import Tensor

from physics.equations.advection_dispersion.breakthrough import Budget
from physics.equations.advection_dispersion.refinement import Part
from physics.equations.advection_dispersion.scaling import Scaled
from physics.solution import Balance, Cost, Output, Solution, Status

BALANCE_TOLERANCE = 1e-10


def solution_of(
    case: Scaled,
    parts: list[Part],
    at: Tensor,
    places: Tensor | None,
    tolerance: float,
    pinned: bool,
    seconds: float,
) -> Solution:
    """Return the solution of columns at the times `at` in seconds; a `pinned` grid counts as converged.

    Args:
        places: where several sensors stand (m), shape (sensors,); the members of `case` are then all columns at
            the first of them, all at the second, and so on. None for one.
    """
    order = torch.argsort(torch.cat([part.members for part in parts]))
    curve = torch.cat([part.result.curve.T for part in parts])[order]
    error = torch.cat([part.result.error for part in parts])[order]
    cells = torch.cat([part.result.error.new_full(part.members.shape, part.resolution.cells) for part in parts])[order]
    met = torch.cat([part.met for part in parts])[order]
    finest = max(parts, key=lambda part: part.resolution.cells).resolution
    steps = max(part.result.nodes - 1 for part in parts)
    cost = Cost(finest.cells, steps, seconds, max(part.levels for part in parts))
    terms = zip(*(part.result.spent for part in parts if part.result.spent is not None), strict=True)
    spent = Budget(*(torch.cat(term, 1)[:, order] for term in terms))
    return gathered(case, curve, error, met, cells, spent, case.span, at, places, cost, tolerance, pinned)


def gathered(
    case: Scaled,
    curve: Tensor,
    error: Tensor,
    met: Tensor,
    cells: Tensor,
    spent: Budget,
    capacity: Tensor,
    at: Tensor,
    places: Tensor | None,
    cost: Cost,
    tolerance: float,
    pinned: bool,
) -> Solution:
    """Return the solution with its cumulated curves and the balance at the last time.

    Args:
        curve: shape (members, times); members are sensors * batch, as in `solution_of`.
        error, met, cells: of each member, shape (members,).
        spent: in reference lengths, each term of shape (times, members).
        capacity: what a full column holds (m), shape (members,).
    """
    count = 1 if places is None else len(places)
    batch = len(curve) // count
    status, message = _ended(curve, error, met, at, pinned, batch)
    far = 0 if places is None else int(places.argmax()) * batch
    members = torch.arange(far, far + batch, device=curve.device)
    span, capacity = case.span[members], capacity[members]
    terms = {name: (value[:, members] * span).T for name, value in spent._asdict().items()}
    outputs = {
        "concentration": Output(
            "concentration", "", _sensors(curve, count), at, _sensors(error[:, None].expand_as(curve), count),
            {} if places is None else {"position": places},
        )
    }  # fmt: skip
    names = {"inflow": "entered", "outflow": "left", "storage": "stored", "decayed": "consumed"}
    outputs |= {name: Output(name, "m", terms[term], at) for name, term in names.items()}
    initial = capacity if case.column.leach else torch.zeros_like(span)
    peclet = case.column.peclet[members]
    return Solution(
        outputs=outputs,
        balances=[_balance({name: value[:, int(at.argmax())] for name, value in terms.items()}, initial)],
        status=status,
        message=message,
        cost=cost,
        tolerance=tolerance,
        extra={"peclet": peclet, "cell_peclet": peclet / cells[members]},
    )


def _sensors(values: Tensor, count: int) -> Tensor:
    """Turn (sensors * batch, times) into (batch, times, sensors), or leave the curves of one sensor."""
    return values if count == 1 else values.unflatten(0, (count, -1)).permute(1, 2, 0)


def _ended(curve: Tensor, error: Tensor, met: Tensor, at: Tensor, pinned: bool, batch: int) -> tuple[Status, str]:
    finite = torch.isfinite(curve)
    if not bool(finite.all()):
        member, time = (int(k) for k in (~finite).nonzero()[0])
        return Status.DIVERGED, (
            f"Column {member % batch} is not finite from t = {float(at[time]):.4g} s on: bring its Peclet number "
            "velocity * length / dispersion and its decay within the limits of the model."
        )
    if pinned or bool(met.all()):
        return Status.CONVERGED, f"Largest error estimate {float(error.max()):.1e}."
    return Status.TOLERANCE_NOT_MET, (
        f"{int((~met).sum())} of {len(met)} columns end at an error of {float(error.max()):.1e}."
    )


def _balance(terms: dict[str, Tensor], initial: Tensor) -> Balance:
    """What was there at first counts as applied."""
    residual = terms["entered"] + initial - terms["left"] - terms["stored"] - terms["consumed"]
    named = {
        "in": terms["entered"],
        "initial": initial,
        "out": terms["left"],
        "stored": terms["stored"],
        "decayed": terms["consumed"],
    }
    return Balance("tracer", named, residual, terms["entered"] + initial, BALANCE_TOLERANCE, "m")
