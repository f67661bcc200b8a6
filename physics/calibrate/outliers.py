"""Points that lie apart from a fit.

A residual counts as apart when it exceeds the noise's standard deviation so many times that normal noise would do so
once in a hundred fits. The deviation is taken from the median of |r|, which outliers do not move and which knows the
noise as well as 0.37 times as many residuals would by their squares (P. J. Huber 1981, Robust Statistics,
doi:10.1002/0471725250, chapter 5); Student's distribution makes up for it. Where more than a fifth of the points of
a set lie apart, the model and not the points is to blame, and none is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from physics.calibrate.problem import Problem
from physics.calibrate.robust import deviation

CHANCE = 0.01
_SHARE = 0.2
_EFFICIENCY = 0.37
_FEWEST = 8
_NAMED = 5


def find_outliers(problem: Problem, residuals: Tensor, spans: Sequence[slice], free: int) -> dict[str, tuple[int, ...]]:
    """Return for each set the points that lie apart, counted from zero.

    Args:
        problem: whose sets were fitted.
        residuals: of all points over what the weights say of their deviation, shape (N,); zero where left out.
        spans: where each set's points stand.
        free: how many parameters were fitted.
    """
    found = {}
    for one, span in zip(problem.sets, spans, strict=True):
        left = residuals[span]
        counted = torch.nonzero(left != 0)[:, 0]
        n = len(counted)
        if n < _FEWEST:
            continue
        share = free * n / max(len(residuals), 1)
        freedom = max(n - share, 1.0)
        known = one.deviation is not None
        noise = 1.0 if known else deviation(left[counted], freedom)
        cut = norm.isf(CHANCE / (2 * n)) if known else student.isf(CHANCE / (2 * n), _EFFICIENCY * freedom)
        far = torch.nonzero(left.abs() > noise * float(cut))[:, 0]
        if 0 < len(far) <= _SHARE * n:
            found[one.name] = tuple(far.tolist())
    return found


def tell(
    problem: Problem, outliers: Mapping[str, tuple[int, ...]], residuals: Tensor, spans: Sequence[slice]
) -> tuple[str, ...]:
    """Return a sentence for each set: which points, when, and how far off; `residuals` in the curve's unit, (N,)."""
    sentences = []
    for one, span in zip(problem.sets, spans, strict=True):
        points = outliers.get(one.name, ())
        if not points:
            continue
        left = residuals[span]
        named = [f"point {i + 1} (t = {float(one.times[i]):.6g} s) by {float(left[i]):+.2g}" for i in points[:_NAMED]]
        more = f" and {len(points) - _NAMED} more" if len(points) > _NAMED else ""
        done = (
            "leave them out, or use a robust loss (huber, student)"
            if problem.loss == "squares"
            else "they count little in this fit"
        )
        word = "lies" if len(points) == 1 else "lie"
        sentences.append(f"{one.name}: {', '.join(named)}{more} {word} apart from the fit; {done}.")
    return tuple(sentences)
