"""Which combinations of the parameters the data determine, from the Fisher matrix.

With sensitivities in the logarithms of the parameters, J_ij = d f_i / d ln theta_j, the Fisher matrix is
F = J^T W J / s^2. Along an eigenvector e of F with eigenvalue lambda the combination prod theta_j^(e_j)
has the relative standard deviation lambda^(-1/2) (Seber & Wild 1989, Nonlinear Regression,
doi:10.1002/0471725315, section 3.4). A combination counts as undetermined when either

- lambda <= 1e-10 lambda_max: its effect on the curve is 1e5 times weaker than the strongest, below what
  float64 and a discretised curve can tell apart; or
- lambda^(-1/2) > 1: the data leave it open by more than a factor e (one standard deviation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from physics.calibrate.advice import advise
from physics.calibrate.identifiability_kernels import PART, judge


@dataclass(frozen=True)
class Identifiability:
    """The verdict for one data set.

    Attributes:
        identifiable: whether every combination is determined.
        open: for each parameter, whether it takes part in an undetermined combination, shape (P,).
        deviations: relative standard deviation of each eigen-combination, largest first, shape (P,).
        combinations: the eigenvectors in the same order, shape (P, P), one a row.
        sentence: what is not determined and what to do; "" when all is.
    """

    identifiable: bool
    open: Tensor
    deviations: Tensor
    combinations: Tensor
    sentence: str


def identify(normal: Tensor, variance: float, names: Sequence[str]) -> Identifiability:
    """Judge J^T W J, shape (P, P) in log-parameters, with the error variance s^2.

    Where a combination is open, the sentence names the ratios and products that are determined and advises to
    fix the last parameter in `names` that takes part, or what to measure (`physics.calibrate.advice`).
    """
    size = len(names)
    deviations, combinations = np.empty(size), np.empty((size, size))
    weak, undetermined = np.empty(size, dtype=bool), np.empty(size, dtype=bool)
    numbers = np.ascontiguousarray(np.nan_to_num(normal.detach().numpy()))  # a copy
    judge(numbers, float(variance), weak, deviations, combinations, undetermined)
    return verdict(weak, undetermined, deviations, combinations, names)


def verdict(
    weak: np.ndarray, undetermined: np.ndarray, deviations: np.ndarray, combinations: np.ndarray, names: Sequence[str]
) -> Identifiability:
    """Put what `identifiability_kernels.judge` found into words."""
    unclear = bool(weak.any())
    return Identifiability(
        not unclear,
        torch.from_numpy(undetermined),
        torch.from_numpy(deviations),
        torch.from_numpy(combinations),
        _advised(torch.from_numpy(combinations[weak].T), names) if unclear else "",
    )


def _advised(null: Tensor, names: Sequence[str]) -> str:
    """Say what is open and what measurement would tell it apart; `null` has shape (P, combinations)."""
    sentence = _sentence(null, names)
    entangled = [name for name, row in zip(names, null, strict=True) if bool((row.abs() > PART).any())]
    return f"{sentence} {advise(entangled)}".strip() if null.shape[1] < len(names) else sentence


def _sentence(null: Tensor, names: Sequence[str]) -> str:
    """Say what is open; `null` has shape (P, combinations)."""
    if null.shape[1] == len(names):
        return f"These data determine none of {_listed(names)}: measure where the curve changes."
    if null.shape[1] > 1:
        touched = [name for name, row in zip(names, null, strict=True) if bool((row.abs() > PART).any())]
        return (
            f"{null.shape[1]} combinations of {_listed(touched)} are not determined by these data: "
            f"fix {null.shape[1]} of them from independent measurements."
        )
    direction = null[:, 0]
    parts = [j for j in range(len(names)) if abs(float(direction[j])) > PART]
    if len(parts) == 1:
        name = names[parts[0]]
        return f"{name} is not determined by these data: fix it, or measure where the curve depends on it."
    pivot = parts[-1]
    known = [_ratio(names[j], names[pivot], float(direction[j] / direction[pivot])) for j in parts if j != pivot]
    others = _listed([names[j] for j in parts if j != pivot])
    return (
        f"Of {_listed([names[j] for j in parts])}, only {_listed(known)} "
        f"{'is' if len(known) == 1 else 'are'} determined by these data: fix {names[pivot]} or {others} "
        "from an independent measurement."
    )


def _ratio(name: str, pivot: str, exponent: float) -> str:
    """What stays constant when `pivot` grows by a factor f and `name` by f**exponent."""
    if math.isclose(abs(exponent), 1.0, abs_tol=0.05):
        return f"{name}/{pivot}" if exponent > 0 else f"{name}*{pivot}"
    return f"{name}/{pivot}^{exponent:.2g}" if exponent > 0 else f"{name}*{pivot}^{-exponent:.2g}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
