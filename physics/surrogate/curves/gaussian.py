"""Gaussian-process regression of several outputs with one kernel.

    f(x) = k(x, X) A,   A = (K + s I)^-1 Y,   k(x, y) = (1 + r + r^2 / 3) exp(-r),   r^2 = 5 sum_j (x_j - y_j)^2 / l_j^2

the Matern kernel of smoothness 5/2 with a length l_j for each input. Lengths and s are those with the least mean
square of the leave-one-out residuals

    e_i = (K^-1 Y)_i / (K^-1)_ii

(Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press 2006, equations 4.17 and 5.12), so that
what is made small is the error of prediction itself. It costs N^3 for N runs to train and N for each answer; it
fails where outputs jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LEAST_NUGGET, MOST_NUGGET = 1e-10, 1e-1  # below, rounding in K^-1 is more than what the nugget saves
LONGEST = 8.0  # length, of inputs from -1 to 1
SEARCHED = 400  # runs by which lengths are looked for; all are used once they are found
ITERATIONS = 60
_ROOT5 = 5.0**0.5


@dataclass(frozen=True)
class Gaussian:
    """A trained process: runs in units of the lengths (runs, inputs), the lengths (inputs,) and A (runs, outputs)."""

    points: Tensor
    lengths: Tensor
    weights: Tensor

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the outputs (batch, outputs) at inputs (batch, inputs)."""
        scaled = inputs / self.lengths
        apart = torch.addmm(self._squares, scaled, self.points.T, alpha=-2.0)
        apart.add_(scaled.square().sum(1, keepdim=True)).clamp_min_(1e-30).sqrt_()
        return matern_(apart) @ self.weights

    @cached_property
    def _squares(self) -> Tensor:
        return self.points.square().sum(1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what has to be kept."""
        return {"points": self.points, "lengths": self.lengths, "weights": self.weights}


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the distances between points (n, inputs) and (m, inputs), shape (n, m)."""
    squares = torch.addmm(b.square().sum(1), a, b.T, alpha=-2.0).add_(a.square().sum(1, keepdim=True))
    return squares.clamp_min_(1e-30).sqrt_() if not squares.requires_grad else squares.clamp_min(1e-30).sqrt()


def matern(apart: Tensor) -> Tensor:
    """Return the kernel at distances in lengths."""
    r = apart * _ROOT5
    return (1.0 + r + r * r / 3.0) * torch.exp(-r)


def matern_(apart: Tensor) -> Tensor:
    """Return the same in the memory of the distances: to fetch more costs as much as to compute."""
    apart.mul_(_ROOT5)
    fall = torch.neg(apart).exp_()
    return fall.mul_(apart.addcmul_(apart, apart, value=1.0 / 3.0).add_(1.0))


def train(inputs: Tensor, outputs: Tensor) -> tuple[Gaussian, Tensor]:
    """Return a process through runs and its leave-one-out residuals (runs, outputs).

    Args:
        inputs: shape (runs, inputs), each from -1 to 1.
        outputs: shape (runs, outputs), in the unit in which errors count.
    """
    scale = outputs.square().mean(0).amax().sqrt().clamp_min(1e-300)
    lengths, nugget = _search(inputs[:SEARCHED], outputs[:SEARCHED] / scale)
    points = inputs / lengths
    factor = torch.linalg.cholesky(_kernel(points, nugget))
    weights = torch.cholesky_solve(outputs, factor)
    return Gaussian(points, lengths, weights), weights / torch.cholesky_inverse(factor).diagonal()[:, None]


def _search(inputs: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lengths (inputs,) and the nugget with the smallest leave-one-out residuals."""
    start = torch.cat([inputs.new_zeros(inputs.shape[1]), inputs.new_full((1,), -9.0)])
    logs = start.clone().requires_grad_()
    search = torch.optim.LBFGS([logs], max_iter=ITERATIONS, history_size=8, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        lengths, nugget = _meant(logs)
        inverse = _inverse(inputs / lengths, nugget)
        left = (inverse @ outputs) / inverse.diagonal()[:, None]
        found = left.square().mean().log()
        found.backward()
        return found

    search.step(loss)
    with torch.no_grad():
        return _meant(logs if bool(torch.isfinite(logs).all()) else start)


def _meant(logs: Tensor) -> tuple[Tensor, Tensor]:
    return logs[:-1].exp().clamp(0.05, LONGEST), logs[-1].exp().clamp(LEAST_NUGGET, MOST_NUGGET)


def _inverse(points: Tensor, nugget: Tensor) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(_kernel(points, nugget)))


def _kernel(points: Tensor, nugget: Tensor) -> Tensor:
    return matern(distance(points, points)) + nugget * torch.eye(len(points), dtype=points.dtype)
