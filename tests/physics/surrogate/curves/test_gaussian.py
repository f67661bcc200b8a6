"""A Gaussian process through smooth runs: exact at them, its leave-one-out residuals those of leaving one out."""

import torch

from physics.surrogate.curves.gaussian import Gaussian, distance, matern, matern_, train


def runs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = 2.0 * torch.quasirandom.SobolEngine(2, True, 1).draw(count, dtype=torch.float64) - 1.0
    return x, torch.stack([torch.sin(2.0 * x[:, 0]) + 0.1 * x[:, 1], torch.cos(x[:, 0] * x[:, 1])], 1)


def test_it_learns_what_is_smooth_and_which_input_matters() -> None:
    x, y = runs(200)
    found, left = train(x[:150], y[:150])
    assert float((found.predict(x[:150]) - y[:150]).abs().max()) < 0.1 * float(left.abs().max())
    assert float((found.predict(x[150:]) - y[150:]).abs().max()) < 1e-2
    flat, _ = train(x[:150], y[:150, :1])
    assert float(flat.lengths[1]) > 2.0 * float(flat.lengths[0])


def test_residuals_are_those_of_leaving_one_out() -> None:
    x, y = runs(40)
    found, left = train(x, y)
    without = [k for k in range(40) if k != 7]
    kernel = matern(distance(found.points, found.points))
    nugget = ((y - kernel @ found.weights) / found.weights).median()  # (K + s I) A = Y
    assert 1e-11 < float(nugget) < 1e-1
    kernel = kernel + nugget * torch.eye(40, dtype=torch.float64)
    part = torch.linalg.solve(kernel[without][:, without], y[without])
    one = Gaussian(found.points[without], found.lengths, part).predict(x[7:8])
    assert torch.allclose(y[7:8] - one, left[7:8], rtol=0.05, atol=1e-6)


def test_both_kernels_are_one() -> None:
    apart = torch.linspace(0.0, 4.0, 30, dtype=torch.float64).reshape(5, 6)
    assert torch.allclose(matern_(apart.clone()), matern(apart), rtol=1e-13)
