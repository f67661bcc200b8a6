"""How far intervals can be believed, and what abstaining is worth: records from scores, radii, errors and flags."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evals.surrogate.records import Reliability, Risk, Split

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
SHARES = tuple(k / 20 for k in range(21))
_POINTS = 60  # of a curve of risk


def reliability(
    regime: str,
    split: Split,
    scores: Tensor,
    radii: Tensor,
    *,
    levels: Sequence[float] = LEVELS,
    widths: Tensor | None = None,
    level: float = 0.9,
) -> Reliability:
    """Count the runs whose score does not exceed the radius.

    Args:
        regime: its name.
        split: what the runs are.
        scores: the largest error over its scale of each run, (runs,); one that is no number exceeds every radius.
        radii: of each level, (levels,), or of each run and level, (runs, levels).
        levels: rising.
        widths: half-widths at `level`, relative to the deviation of their channel, any shape; quantiles are kept.
        level: of the half-widths.
    """
    inside = scores.double()[:, None] <= radii.double().reshape(-1, len(levels))
    known = None if widths is None else widths.detach().double().flatten()
    shares = torch.tensor(SHARES, dtype=torch.float64)
    return Reliability(
        regime=regime,
        split=split,
        runs=len(scores),
        nominal=tuple(levels),
        covered=tuple(inside.double().mean(0).tolist()),
        level=level,
        shares=() if known is None else SHARES,
        widths=() if known is None else tuple(_quantiles(known, shares)),
    )


def _quantiles(values: Tensor, shares: Tensor) -> list[float]:
    """Return order statistics; those of infinite values are infinite."""
    place = (shares * (len(values) - 1)).round().long()
    found: list[float] = values.sort().values[place].tolist()
    return found


def risk(regime: str, split: Split, errors: Tensor, doubts: Tensor, flagged: Tensor, exceeding: Tensor) -> Risk:
    """Order runs by doubt and tell the mean error of the share that is answered.

    Args:
        regime: its name.
        split: what the runs are.
        errors: mean VRMSE of each run, (runs,).
        doubts: how much each is doubted, (runs,); what is not a number is doubted most.
        flagged: which are left to the solver, (runs,).
        exceeding: whose error exceeds their interval, (runs,).
    """
    errors, count = errors.double(), len(errors)
    doubted = torch.nan_to_num(doubts.double(), nan=torch.inf)
    shown = torch.linspace(1, count, min(count, _POINTS)).round().long() - 1
    answered = ~flagged.bool()
    return Risk(
        regime=regime,
        split=split,
        runs=count,
        share=tuple(((shown + 1) / count).tolist()),
        risk=tuple(_running(errors[doubted.argsort(stable=True)])[shown].tolist()),
        best=tuple(_running(errors.sort().values)[shown].tolist()),
        answered=float(answered.double().mean()),
        error=float(errors[answered].mean()) if bool(answered.any()) else None,
        exceeding=int(exceeding.sum()),
        caught=int((exceeding.bool() & ~answered).sum()),
    )


def _running(values: Tensor) -> Tensor:
    return values.cumsum(0) / torch.arange(1, len(values) + 1)
