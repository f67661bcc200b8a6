"""Integrals over time of curves at their nodes: what has flowed past a sensor, from what it reads.

    int c t' du = (h / 24) (- r_{k-1} + 13 r_k + 13 r_{k+1} - r_{k+2})  from node k to k + 1,    r = c t'

of fourth order; h is the distance of two nodes in u and t' d time / d place. The first and the last interval take the
trapezoid: curves are level there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def accumulated(curves: Tensor, slopes: Tensor) -> Tensor:
    """Return the integrals over time of curves (kinds, batch, nodes) from the first node to each.

    Args:
        curves: at places 0 to 1, evenly spaced.
        slopes: d time / d place there, shape (batch, nodes).
    """
    rate = curves * slopes
    width = 1.0 / (rate.shape[-1] - 1)
    inner = (13.0 * (rate[..., 1:-2] + rate[..., 2:-1]) - rate[..., :-3] - rate[..., 3:]) / 24.0
    first, last = (0.5 * (rate[..., k] + rate[..., k + 1])[..., None] for k in (0, -2))
    pieces = torch.cat([first, inner, last], -1) * width
    return torch.cat([torch.zeros_like(pieces[..., :1]), pieces.cumsum(-1)], -1)
