"""How finely the curves of a fit have to be computed.

Curves that are wrong by up to e at every point move an estimate by up to

    b = e sum_i |(A^-1 J^T p)_i|  <=  e (sum_i p_i)^(1/2)

standard deviations (Cauchy and Schwarz), with p_i = w_i / s^2 the precision of a reading. The intervals carry b
(`physics.calibrate.posterior.judge`), so that they hold the truth more often than they say unless it is small.
"""

from __future__ import annotations

import math

import torch

from physics.calibrate.solved import Solved

SHARE = 0.02
"""Of a standard deviation: as b it adds half a per cent to what a 90 % interval holds."""
_WORTH = 0.5  # of the present tolerance: what is less fine is not computed anew


def tolerance_for(precision: float, usual: float, finer: float) -> float:
    """Return the tolerance at which b is no more than `SHARE`, or `usual` where that will do.

    Args:
        precision: sum_i p_i.
        usual: the tolerance of a fit otherwise.
        finer: by how much it may be exceeded.
    """
    wanted = SHARE / math.sqrt(precision) if precision > 0 else math.inf
    return usual if wanted >= _WORTH * usual else max(wanted, usual / finer)


def precision_of(solved: Solved) -> float:
    """Return sum_i p_i of a fit; zero where its noise is not known."""
    total = 0.0
    for one in solved.problem.sets:
        weight = float(torch.ones_like(one.values).sum() if one.weights is None else one.weights.sum())
        noise = solved.deviation[one.name]
        total += weight / max(noise, 1e-150) ** 2 if math.isfinite(noise) else 0.0
    return total
