import math

import pytest
import torch

from physics.design.candidate import Unknown
from physics.design.predict_interval import draw_posterior, draw_prior, linearised, predict_interval
from physics.errors import ParameterError

TIMES = torch.linspace(0.5, 3.0, 6, dtype=torch.float64)


def decaying(parameters, times):
    return torch.exp(-parameters["rate"][:, None] * times)


def test_interval_of_a_monotone_function_is_exact():
    band = predict_interval(decaying, draw_prior({"rate": Unknown(1.0, 0.3)}, 4096), TIMES, level=0.9)
    z = 1.6448536269514722
    for curve, rate in (
        (band.lower, math.exp(0.3 * z)),
        (band.median, 1.0),
        (band.upper, math.exp(-0.3 * z)),
    ):
        assert torch.allclose(curve, torch.exp(-rate * TIMES), atol=2e-3)


def test_first_order_agrees_for_small_spread():
    band = predict_interval(decaying, draw_prior({"rate": Unknown(1.0, 0.01)}, 4096), TIMES)
    curve = torch.exp(-TIMES)
    linear = linearised(TIMES, curve, (-TIMES * curve)[:, None], torch.tensor([[1e-4]], dtype=torch.float64))
    assert torch.allclose(band.lower, linear.lower, atol=1e-4)
    assert torch.allclose(band.upper, linear.upper, atol=1e-4)


def test_noise_widens_to_the_interval_of_a_reading():
    draws = {"rate": torch.ones(64, dtype=torch.float64)}
    band = predict_interval(decaying, draws, TIMES, level=0.9, noise=0.02)
    assert torch.allclose(band.upper - band.median, torch.full_like(TIMES, 1.6448536 * 0.02), atol=1e-9)


def test_posterior_draws_have_the_covariance_of_the_fit():
    covariance = torch.tensor([[0.04, 0.03], [0.03, 0.09]], dtype=torch.float64)
    u = torch.tensor([0.0, 2.0], dtype=torch.float64)
    draws = draw_posterior(("a", "b"), u, covariance, torch.tensor([True, False]), 8192)
    stacked = torch.stack([draws["a"].log(), draws["b"]])
    assert torch.allclose(stacked.mean(1), u, atol=5e-3)
    assert torch.allclose(torch.cov(stacked), covariance, atol=2e-3)
    with pytest.raises(ParameterError, match="open"):
        draw_posterior(("a", "b"), u, covariance * math.inf, torch.tensor([True, False]))


def test_draws_repeat_with_their_seed():
    prior = {"rate": Unknown(1.0, 0.3)}
    assert torch.equal(draw_prior(prior)["rate"], draw_prior(prior)["rate"])
    assert not torch.equal(draw_prior(prior)["rate"], draw_prior(prior, seed=1)["rate"])
