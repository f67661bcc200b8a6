"""When to measure: sampling times that leave the least variance in what is asked for.

Times lie on a raster of slots. The greedy pass adds, one after another, the slot that lowers most

    score = ln ( mean_s,k [ (c_k^T F_s^-1 c_k / r_k^2)^p ] )^(1/p),

s over scenarios of the unknown parameters, k over targets with wanted precision r_k; p -> 0 is the mean of
the logarithms, p = 1 the mean variance, a large p the worst case; or -mean_s ln det F_s, for D-optimal times. F starts
from the information that is there before. By the matrix inversion lemma a measurement g (whitened
sensitivities) lowers c^T M c, M = F^-1, by (c^T M g)^2 / (1 + g^T M g). The exchange pass then takes each
sample out and puts it back where it serves best, until none moves (Fedorov's exchange; Atkinson, Donev &
Tobias 2007, Optimum Experimental Designs, with SAS, Oxford University Press, chapter 12). Both passes run
over all candidates at once.

One sample alone may lower no variance that is asked for where two or three would: in a scenario whose front nobody has
measured yet a first reading tells of the velocity and the dispersion together. With `fill` such a sample is placed
where it lowers -mean_s ln det F_s, and the exchange then sees what it has opened.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

_RIDGE = 1e-2  # a prior so wide (a factor e^10) that it only makes the first steps defined
_POWER = {"mean": 0.0, "variance": 1.0, "worst": 8.0, "determinant": -1.0}
_PASSES = 3
_IDLE = 1e-3  # a sample that lowers the variance by no more than this share is not taken
_EXCHANGE_UP_TO = 60  # samples; more than that are placed by the greedy pass alone


@dataclass(frozen=True)
class Slots:
    """The raster of each candidate.

    Attributes:
        white: d f/d ln theta over the noise at each slot, shape (candidates, scenarios, slots, P).
        usable: whether the slot exists for the candidate, shape (candidates, slots).
        gap: least distance between two samples in slots, shape (candidates,).
    """

    white: Tensor
    usable: Tensor
    gap: Tensor


def choose(
    slots: Slots,
    samples: int,
    targets: Tensor,
    wanted: Tensor,
    robust: str = "worst",
    *,
    before: Tensor | None = None,
    passes: int = _PASSES,
    fill: bool = False,
) -> Tensor:
    """Choose at most `samples` slots for each candidate.

    Args:
        targets: indices of the parameters asked for, shape (K,); wanted: their relative precision, shape
        (K,). robust: "worst", "mean" (of the logarithms) or "variance" (its mean) over the scenarios; or
        "determinant", which asks for no target. before: the information that is there already, shape (P, P).
        passes: most rounds of exchange. fill: place samples that tell something of anything, if nothing of the targets.

    Returns:
        Indices of slots in increasing order, shape (candidates, samples); -1 where no further sample fits.
    """
    candidates, last = slots.usable.shape
    P = slots.white.shape[-1]
    start = torch.zeros(P, P, dtype=torch.float64) if before is None else before.clone()
    start.diagonal().add_(torch.where(start.diagonal() > 0, 0.0, _RIDGE))
    chosen = np.full((candidates, samples), -1, dtype=np.int64)
    for b in range(candidates):
        every = _everything(slots.usable[b].numpy(), int(slots.gap[b]), samples)
        if len(every):
            chosen[b, : len(every)] = every
            continue
        _place_all(
            np.ascontiguousarray(slots.white[b].numpy()),
            slots.usable[b].numpy(),
            int(slots.gap[b]),
            targets.numpy(),
            wanted.numpy(),
            _POWER[robust],
            passes if samples <= _EXCHANGE_UP_TO else 0,
            samples if fill else P,
            start.numpy(),
            chosen[b],
        )
    ordered = np.sort(np.where(chosen < 0, last, chosen), axis=1)
    return torch.as_tensor(np.where(ordered == last, -1, ordered))


def _everything(usable: NDArray[np.bool_], gap: int, samples: int) -> NDArray[np.intp]:
    """Every slot at the least distance where these are no more than `samples`; none otherwise."""
    slots = np.flatnonzero(usable)
    # Counted back from the end, so that the last sample stands at the end of the run.
    every = slots[::-1][::gap][::-1]
    return every if len(every) <= samples else slots[:0]


@njit(cache=True, nogil=True)
def _place_all(white, usable, gap, targets, wanted, power, passes, anything, start, chosen):  # pragma: no cover
    """Greedy pass and exchange passes for one candidate; fills `chosen`, shape (samples,).

    The first `anything` samples may tell of something that was not asked for.
    """
    scenarios, _, P = white.shape
    information = np.zeros((scenarios, P, P))
    for s in range(scenarios):
        information[s] = start
    for turn in range(passes + 1):
        moved = False
        for k in range(chosen.size):
            old = chosen[k]
            if old >= 0:
                _count(information, white, old, -1.0)
                chosen[k] = -1
            best = _best_slot(white, usable, gap, targets, wanted, power, chosen, information)
            if best < 0 and k < anything:
                # The first sample alone may say nothing of a target; it is then the one that says most of anything.
                best = _best_slot(white, usable, gap, targets, wanted, -1.0, chosen, information)
            chosen[k] = best
            if best >= 0:
                _count(information, white, best, 1.0)
            moved = moved or best != old
        if turn > 0 and not moved:
            break


@njit(cache=True, nogil=True)
def _count(information, white, slot, sign):  # pragma: no cover
    scenarios, P, _ = information.shape
    for s in range(scenarios):
        for i in range(P):
            for j in range(P):
                information[s, i, j] += sign * white[s, slot, i] * white[s, slot, j]


@njit(cache=True, nogil=True)
def _best_slot(white, usable, gap, targets, wanted, power, chosen, information):  # pragma: no cover
    """The free slot with the least score, or -1 where none is free or lowers the score by a thousandth."""
    scenarios, slots, P = white.shape
    covariance = np.empty_like(information)
    for s in range(scenarios):
        covariance[s] = np.linalg.inv(information[s])
    free = usable.copy()
    for taken in chosen:
        if taken >= 0:
            free[max(taken - gap + 1, 0) : taken + gap] = False
    least = 0.0
    for s in range(scenarios):
        for k in range(targets.size if power >= 0 else 0):
            now = covariance[s, targets[k], targets[k]] / wanted[k] ** 2
            least += np.log(now) if power == 0 else now**power
    if power == 0:
        least -= _IDLE * scenarios * targets.size
    elif power < 0:
        least = -_IDLE * scenarios
    else:
        least *= (1 - _IDLE) ** power
    best = -1
    projected = np.empty(P)
    for g in range(slots):
        if not free[g]:
            continue
        score = 0.0
        for s in range(scenarios):
            leverage = 1.0
            for i in range(P):
                projected[i] = 0.0
                for j in range(P):
                    projected[i] += covariance[s, i, j] * white[s, g, j]
                leverage += projected[i] * white[s, g, i]
            if power < 0:
                score -= np.log(leverage)
                continue
            for k in range(targets.size):
                t = targets[k]
                left = (covariance[s, t, t] - projected[t] ** 2 / leverage) / wanted[k] ** 2
                score += np.log(max(left, 1e-300)) if power == 0 else left**power
        if score < least:
            best, least = g, score
    return best
