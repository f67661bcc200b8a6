import math

import pytest
import torch
from scipy.stats import norm
from scipy.stats import t as student

from physics.calibrate.posterior.bounded import quantile, quantiles, rise


def interval(x, level=0.9, freedom=math.inf):
    """The values of delta >= 0 that a normal estimate x allows."""
    delta = torch.linspace(0.0, 8.0, 80001, dtype=torch.float64)
    ratio = (x - delta) ** 2 - (x - max(x, 0.0)) ** 2
    inside = delta[ratio <= rise(delta, level, freedom)]
    return float(inside.min()), float(inside.max())


def test_between_the_one_sided_and_the_ordinary_quantile():
    assert float(rise(torch.tensor(0.0), 0.9, math.inf)) == pytest.approx(norm.ppf(0.9) ** 2, rel=1e-6)
    assert float(rise(torch.tensor(math.inf), 0.9, math.inf)) == pytest.approx(norm.ppf(0.95) ** 2, rel=1e-9)
    assert float(rise(torch.tensor(9.0), 0.8, 5.0)) == pytest.approx(student.ppf(0.9, 5) ** 2, rel=1e-9)


@pytest.mark.parametrize(("x", "lower", "upper"), [(-1.0, 0.0, 0.81), (0.0, 0.0, 1.64), (1.0, 0.0, 2.64)])
def test_intervals_of_feldman_and_cousins(x, lower, upper):
    found = interval(x)
    assert found[0] == pytest.approx(lower, abs=0.006)
    assert found[1] == pytest.approx(upper, abs=0.006)


@pytest.mark.parametrize("freedom", [math.inf, 4.0])
@pytest.mark.parametrize("truth", [0.0, 0.3, 1.0, 1.7, 3.0])
def test_the_truth_is_held_as_often_as_promised(truth, freedom):
    z = norm if math.isinf(freedom) else student(freedom)
    x = truth + torch.as_tensor(z.ppf((torch.arange(20000).numpy() + 0.5) / 20000))
    ratio = (x - truth) ** 2 - (x - x.clamp_min(0)) ** 2
    held = ratio <= float(rise(torch.tensor(truth, dtype=torch.float64), 0.9, freedom))
    assert float(held.double().mean()) == pytest.approx(0.9, abs=1e-3)


def test_quantiles_without_freedom_are_infinite():
    assert quantile(0.9, 0.0) == math.inf
    assert quantiles(0.9, torch.tensor([[2.0, math.inf]])).tolist()[0] == pytest.approx([2.92, 1.645], abs=1e-3)
