"""Split conformal intervals: how wide a band must be, read from runs that the surrogate was not trained on.

    score_i = max over the outputs of run i of |truth - prediction| / scale
    radius(level) = the ceil((n + 1) level)-th smallest of n scores,    infinite where that is beyond n

Where runs are exchangeable, prediction +- radius * scale holds the whole of a fresh run with at least this
probability, and with at most 1 / (n + 1) more, whatever the surrogate and its scale are. With groups (Mondrian) the
same holds within each group. It says nothing of runs unlike those it was calibrated on.

Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, Springer 2005; J. Lei et al.,
Distribution-free predictive inference for regression, J. Am. Stat. Assoc. 113 (2018) 1094-1111,
doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import ParameterError


@dataclass(frozen=True)
class Conformal:
    """Scores of calibration runs in rising order, shape (runs,), and the group of each, whole numbers from zero."""

    scores: Tensor
    groups: Tensor

    @classmethod
    def of(cls, scores: Tensor, groups: Tensor | None = None) -> Conformal:
        """Keep scores (runs,) with their groups (runs,), or all in one; a score that is no number is infinite.

        Raises:
            ParameterError: there is no score, or the shapes differ.
        """
        kept = torch.where(torch.isnan(scores.detach()), torch.inf, scores.detach())
        into = torch.zeros(len(kept), dtype=torch.long) if groups is None else groups.long()
        if kept.dim() != 1 or len(kept) == 0 or into.shape != kept.shape:
            shapes = f"{tuple(scores.shape)} and {tuple(into.shape)}"
            raise ParameterError(f"conformal: scores and groups have the shapes {shapes}; give one of each a run")
        rising = kept.argsort()
        return cls(kept[rising], into[rising])

    def radius(self, level: float, groups: Tensor | None = None) -> Tensor:
        """Return the radius at a level for each of `groups` (batch,), shape (batch,); of group zero if left out.

        Infinite where a group has too few runs for the level, or none at all.

        Raises:
            ParameterError: the level is not between 0 and 1.
        """
        check_level(level)
        asked = torch.zeros(1, dtype=torch.long) if groups is None else groups.long()
        most = int(asked.max()) + 1 if len(asked) else 0
        radii = [quantile(self.scores[self.groups == group], level) for group in range(most)]
        return torch.tensor(radii, dtype=self.scores.dtype)[asked]

    def count(self, group: int = 0) -> int:
        """Return how many runs a group was calibrated on."""
        return int((self.groups == group).sum())


def check_level(level: float) -> None:
    """Raise `ParameterError` unless the level is a probability that an interval can have."""
    if not 0.0 < level < 1.0:
        raise ParameterError(f"level = {level:g} is outside its range, above 0 and below 1; 0.9 holds nine in ten")


def quantile(scores: Tensor, level: float) -> float:
    """Return the ceil((n + 1) level)-th of n scores in rising order; infinite where there is none."""
    rank = math.ceil((len(scores) + 1) * level - 1e-9)
    if rank > len(scores):
        return math.inf
    return float(scores[max(rank, 1) - 1])


def covered(truth: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Return which members lie wholly within their band, shape (batch,); all three have shape (batch, ...)."""
    within = (truth >= lower) & (truth <= upper)
    return within.reshape(len(within), -1).all(1)


def coverage(inside: Tensor, groups: Tensor) -> dict[int, tuple[float, int]]:
    """Return for each group the share of members inside (batch,) and their number."""
    found = {}
    for group in groups.unique().tolist():
        own = inside[groups == group]
        found[int(group)] = (float(own.double().mean()), len(own))
    return found
