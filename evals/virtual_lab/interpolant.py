"""Curves of a costly model, interpolated in the logarithms of its parameters.

    f(t_i; theta) ~ sum_k c_ki T_k1(x_1) ... T_kP(x_P),   x_p = (2 ln theta_p - ln a_p - ln b_p) / (ln b_p - ln a_p)

T_k Chebyshev polynomials up to a degree, c from the curves at the Chebyshev nodes of the box a_p <= theta_p <= b_p, all
run as one batch; between its times a curve is a cubic spline. Thousands of fits then cost what a few hundred curves do.
`error` is the largest difference from the model at random points of the box and at its times; a study states it beside
its noise. Outside of the box nothing is said: fits must be bounded by it.

Source: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapters 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from physics.calibrate.sensitivity import Model
from physics.errors import ParameterError

_CHUNK = 64


class Interpolant:
    """A model on a box of its parameters and up to the last of its times."""

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
        self._degree = degree
        self._spline = CubicSpline(times.numpy(), np.eye(len(times)))
        generator = torch.Generator().manual_seed(0)
        points = 2 * torch.rand(trials, len(box), generator=generator, dtype=torch.float64) - 1
        self.error = float((self._run(model, points) - self._at(points.unbind(-1))).abs().max())

    def __call__(self, parameters: dict[str, Tensor], times: Tensor) -> Tensor:
        """Curves (batch, n) at times (n,), between those of the interpolant by a cubic spline; differentiable.

        Raises:
            ParameterError: a time lies beyond the last.
        """
        if float(times.max()) > float(self.times[-1]) * (1 + 1e-9):
            raise ParameterError(f"the interpolant holds times up to {float(self.times[-1]):g}")
        places = [(parameters[name].log() - self._middle[p]) / self._half[p] for p, name in enumerate(self.names)]
        return self._at(places) @ self._weights(times)

    def _weights(self, times: Tensor) -> Tensor:
        """What each time of the interpolant counts at other times, (times, n)."""
        at = times.detach().numpy()
        return torch.as_tensor(self._spline(at).T.copy())

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
