"""How large the error of a run will be, from what is seen of it: a linear regression of its logarithm.

    log s = w . f + b,        ridge, its strength by leave-one-out errors in closed form

f: features over their spread, held within a few of it, so that a run unlike all others is not extrapolated far; s is
held within what was seen, a little more for the upper end.

Source of the closed form: D. M. Allen, The relationship between variable selection and data augmentation and a method
for prediction, Technometrics 16 (1974) 125-127, doi:10.1080/00401706.1974.10489157.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_REACH = 4.0  # spreads from the centre
_ROOM = 0.5  # of a logarithm above the largest seen
_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e9)


class Expected(NamedTuple):
    """A regression for one quantity: features (batch, features) -> s (batch,).

    Attributes:
        centre, spread: of the features.
        weights: one a feature, then the constant.
        ends: of the logarithm, least and most.
    """

    centre: Tensor
    spread: Tensor
    weights: Tensor
    ends: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return s, shape (batch,)."""
        return (_design(features, self.centre, self.spread) @ self.weights).clamp(*self.ends).exp()


def learn(features: Tensor, sizes: Tensor) -> Expected:
    """Return the regression of positive sizes (runs,) on features (runs, features)."""
    centre, spread = features.mean(0), features.std(0, correction=0).clamp_min(1e-6)
    wanted = sizes.clamp_min(1e-12).log()
    design = _design(features, centre, spread)
    gram, along = design.T @ design, design.T @ wanted
    best, kept = float("inf"), torch.zeros_like(along)
    for strength in _STRENGTHS:
        ridge = torch.full((len(gram),), strength, dtype=gram.dtype)
        ridge[-1] = 1e-9  # the constant is free
        inverse = torch.linalg.inv(gram + torch.diag(ridge))
        weights = inverse @ along
        leverage = ((design @ inverse) * design).sum(1)
        error = float((((wanted - design @ weights) / (1.0 - leverage).clamp_min(1e-3)) ** 2).mean())
        if error < best:
            best, kept = error, weights
    return Expected(centre, spread, kept, torch.stack([wanted.amin(), wanted.amax() + _ROOM]))


def _design(features: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
    scaled = ((features - centre) / spread).clamp(-_REACH, _REACH)
    return torch.cat([scaled, torch.ones_like(scaled[:, :1])], 1)
