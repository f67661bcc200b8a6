"""How cards write figures: a few digits of what is spread, four of a share."""

from __future__ import annotations

import torch
from torch import Tensor

_MARKS = {"median": 0.5, "q90": 0.9, "most": 1.0}


def spread(values: Tensor) -> dict[str, float]:
    """Return the median, the value that nine in ten do not exceed, and the largest of values (runs,)."""
    marks = torch.tensor(list(_MARKS.values()), dtype=values.dtype)
    found = values.nan_to_num(nan=torch.inf).sort().values[((len(values) - 1) * marks).round().long()]
    return {name: float(f"{float(value):.3g}") for name, value in zip(_MARKS, found, strict=True)}


def rounded(value: float) -> float:
    """Return a share as a card has it."""
    return round(value, 4)
