"""Curves that were fitted alone, joined as far as they agree.

They are joined by the precision of each: with u the logarithms of the parameters and C their covariance from one curve,

    F = sum_k C_k^-1,    u = F^-1 sum_k C_k^-1 u_k,

and they agree where Q = sum_k (u_k - u)^T C_k^-1 (u_k - u), over its degrees of freedom (K - 1) P, stays below the
quantile of F.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher

from tools.records import Check, Curve

AGREE = 0.99  # quantile of F beyond which curves are said to disagree

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """One curve with its fit: ln theta, its covariance, and what the fit returned."""

    curve: Curve
    settings: dict[str, str]
    u: Array
    covariance: Array
    result: dict[str, Any]
    checks: tuple[Check, ...]

    @property
    def freedom(self) -> int:
        """Readings less parameters."""
        return int(self.result["n"]) - len(self.u)

    @property
    def noise(self) -> float:
        """Scatter of a reading about the fit, in the unit of the curve."""
        return math.sqrt(self.result["sse"] / self.freedom)


def join(fits: Sequence[Fitted]) -> tuple[Array, Array]:
    """Return u and its covariance from several fits."""
    weights = [np.linalg.inv(fit.covariance) for fit in fits]
    covariance = np.linalg.inv(sum(weights))
    return covariance @ sum(weight @ fit.u for weight, fit in zip(weights, fits, strict=True)), covariance


def _agree(fits: Sequence[Fitted]) -> bool:
    if len(fits) < 2:
        return True
    u, _ = join(fits)
    q = sum(float((fit.u - u) @ np.linalg.solve(fit.covariance, fit.u - u)) for fit in fits)
    between = (len(fits) - 1) * len(u)
    return q / between <= float(fisher.ppf(AGREE, between, sum(fit.freedom for fit in fits)))


def agreeing(fits: Sequence[Fitted]) -> list[int]:
    """Return the curves that the plan stands on: the last one, and the others as far as all of them agree."""
    used = [len(fits) - 1]
    for index in reversed(range(len(fits) - 1)):
        if _agree([fits[k] for k in (*used, index)]):
            used.append(index)
    return sorted(used)
