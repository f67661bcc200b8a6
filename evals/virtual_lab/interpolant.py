"""Curves of a costly model, interpolated in the logarithms of its parameters.

    f(t_i; theta) ~ sum_k c_ki T_k1(x_1) ... T_kP(x_P),   x_p = (2 ln theta_p - ln a_p - ln b_p) / (ln b_p - ln a_p)

T_k Chebyshev polynomials up to a degree, c from the curves at the Chebyshev nodes of the box a_p <= theta_p <= b_p, all
run as one batch. Thousands of fits then cost what a few hundred curves do. `error` is the largest difference from
the model at random points of the box; a study states it beside its noise. Outside of the box nothing is said: fits
must be bounded by it.

Source: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapters 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.errors import ParameterError

_CHUNK = 64
_ALIKE = 1e-9  # relative difference of two times that are the same


class Interpolant:
    """A model on a box of its parameters and at its times, or any of them."""

    def __init__(
        self, model: Model, box: Mapping[str, tuple[float, float]], times: Tensor, degree: int, *, trials: int = 20
    ) -> None:
        self.names, self.box, self.times = tuple(box), dict(box), times
        ends = torch.tensor([[math.log(each) for each in pair] for pair in box.values()], dtype=torch.float64)
        self._middle, self._half = ends.mean(1), (ends[:, 1] - ends[:, 0]) / 2
        count = degree + 1
        angle = math.pi * (torch.arange(count, dtype=torch.float64) + 0.5) / count
        nodes = torch.cartesian_prod(*[angle.cos()] * len(box)).reshape(-1, len(box))
        values = self._run(model, nodes).reshape(*[count] * len(box), len(times))
        # The discrete cosine transform along each parameter.
        transform = torch.cos(torch.arange(count, dtype=torch.float64)[:, None] * angle) * (2.0 / count)
        transform[0] /= 2
        for axis in range(len(box)):
            values = torch.movedim(torch.tensordot(transform, values, ([1], [axis])), 0, axis)
        self._coefficients = values.reshape(-1, len(times))
        self._between, self._degree = 0.5 * (times[1:] + times[:-1]), degree
        generator = torch.Generator().manual_seed(0)
        points = 2 * torch.rand(trials, len(box), generator=generator, dtype=torch.float64) - 1
        self.error = float((self._run(model, points) - self._at(points.unbind(-1))).abs().max())

    def __call__(self, parameters: dict[str, Tensor], times: Tensor) -> Tensor:
        """Curves (batch, n) at times (n,) that are among those of the interpolant; differentiable.

        Raises:
            ParameterError: a time is not.
        """
        place = torch.searchsorted(self._between, times.contiguous())
        if not torch.allclose(self.times[place], times, rtol=_ALIKE, atol=0.0):
            raise ParameterError("the interpolant holds other times")
        places = [(parameters[name].log() - self._middle[p]) / self._half[p] for p, name in enumerate(self.names)]
        return self._at(places)[:, place]

    def _at(self, places: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
        """Curves (batch, times) at x_p, each (batch,)."""
        basis = _chebyshev(places[0], self._degree)
        for x in places[1:]:
            basis = (basis[:, :, None] * _chebyshev(x, self._degree)[:, None, :]).flatten(1)
        return basis @ self._coefficients

    def _run(self, model: Model, points: Tensor) -> Tensor:
        """The model's own curves at x of shape (points, P)."""
        theta = (self._middle + self._half * points).exp()
        with torch.no_grad():
            parts = [
                model(dict(zip(self.names, part.unbind(-1), strict=True)), self.times) for part in theta.split(_CHUNK)
            ]
        return torch.cat(parts)


def _chebyshev(x: Tensor, degree: int) -> Tensor:
    """T_0 to T_degree at x, (batch, degree + 1), by their recurrence."""
    found = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        found.append(2 * x * found[-1] - found[-2])
    return torch.stack(found[: degree + 1], -1)
