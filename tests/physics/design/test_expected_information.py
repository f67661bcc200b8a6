"""Nested Monte Carlo against cases whose answer is known."""

import math

import pytest
import torch
from scipy.stats import norm

from physics.design.belief import normal_points
from physics.design.expected_information import discriminate, expected_gain, linear_gain
from physics.errors import ParameterError


def linear(noise, draws=4096, n=6, P=2):
    generator = torch.Generator().manual_seed(5)
    jacobian = torch.randn(n, P, generator=generator, dtype=torch.float64)
    covariance = torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=torch.float64)
    u = normal_points(P, draws, 0)[torch.randperm(draws, generator=generator)] @ torch.linalg.cholesky(covariance).T
    curves = u @ jacobian.T
    return jacobian, covariance, curves, torch.full_like(curves, noise)


@pytest.mark.parametrize("noise", [3.0, 1.0, 0.5])
def test_the_linear_gaussian_case_is_met_within_bias_and_error(noise):
    jacobian, covariance, curves, deviation = linear(noise)
    gain = expected_gain(curves, deviation)
    exact = linear_gain(jacobian, deviation[0], covariance)
    assert gain.settled
    assert abs(gain.value - exact) <= gain.bias + 3 * gain.error
    assert gain.lower - 3 * gain.error <= exact <= gain.upper + 3 * gain.error
    assert gain.error < 0.05


def test_the_bias_falls_as_one_over_the_inner_draws():
    biases = []
    for draws in (256, 1024, 4096):
        _, _, curves, deviation = linear(0.5, draws)
        biases.append(expected_gain(curves, deviation).bias)
    assert biases[0] > biases[1] > biases[2]
    assert biases[2] < biases[0] / 4


def test_an_unresolved_case_says_so():
    _, _, curves, deviation = linear(1e-3, 256)
    gain = expected_gain(curves, deviation)
    assert not gain.settled
    assert gain.lower <= math.log(129) + 1e-9


def test_two_known_curves_are_told_apart_as_the_normal_test_says():
    n, noise, distance = 5, 1.0, 0.7
    far = torch.full((4000, n), distance, dtype=torch.float64)
    wide = torch.full_like(far, noise)
    found = discriminate([torch.zeros_like(far), far], [wide, wide])
    separation = distance * math.sqrt(n) / noise
    wrong = float(norm.cdf(-separation / 2))
    assert abs(found.wrong - wrong) <= 4 * found.wrong_error
    assert 0 < found.gain < math.log(2)
    assert found.chance == 0.5


def test_models_that_are_the_same_cannot_be_told_apart():
    curves = torch.randn(400, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    wide = torch.ones_like(curves)
    found = discriminate([curves, curves], [wide, wide])
    assert abs(found.gain) < 0.02
    assert abs(found.wrong - 0.5) < 0.1


def test_shapes_and_counts_are_checked():
    with pytest.raises(ParameterError, match="both"):
        expected_gain(torch.zeros(8, 3), torch.zeros(8, 2))
    with pytest.raises(ParameterError, match="four"):
        expected_gain(torch.zeros(2, 3), torch.ones(2, 3))
