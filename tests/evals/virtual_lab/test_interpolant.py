"""The interpolant is its model within the error that it states, in value and in slope."""

import pytest
import torch

from evals.virtual_lab.interpolant import Interpolant
from physics.calibrate.sensitivity import sensitivities
from physics.errors import ParameterError

TIMES = torch.linspace(0.1, 2.0, 15, dtype=torch.float64)
BOX = {"rate": (0.5, 2.0), "size": (1.0, 3.0)}


def decay(parameters, times):
    return parameters["size"][:, None] * torch.exp(-parameters["rate"][:, None] * times)


def points(count=30):
    generator = torch.Generator().manual_seed(3)
    return {
        name: low * (high / low) ** torch.rand(count, generator=generator, dtype=torch.float64)
        for name, (low, high) in BOX.items()
    }


def test_the_error_stated_is_the_error_found_and_falls_with_the_degree():
    errors = []
    for degree in (3, 6, 9):
        curves = Interpolant(decay, BOX, TIMES, degree)
        found = float((curves(points(), TIMES) - decay(points(), TIMES)).abs().max())
        assert found < 5 * curves.error
        errors.append(curves.error)
    assert errors[0] > 20 * errors[1] > 400 * errors[2]


def test_slopes_are_those_of_the_model():
    curves = Interpolant(decay, BOX, TIMES, 12)
    names = tuple(BOX)
    for mine, true in zip(
        sensitivities(curves, points(), names, TIMES), sensitivities(decay, points(), names, TIMES), strict=True
    ):
        assert torch.allclose(mine, true, atol=1e-7)


def test_between_its_times_it_is_a_spline_and_beyond_them_nothing():
    curves = Interpolant(decay, BOX, TIMES, 12)
    between = torch.tensor([0.15, 0.7, 1.99], dtype=torch.float64)
    assert torch.allclose(curves(points(), between), decay(points(), between), atol=2e-3)
    assert torch.allclose(curves(points(), TIMES[2:9:3]), decay(points(), TIMES[2:9:3]), atol=1e-6)
    with pytest.raises(ParameterError, match="up to 2"):
        curves(points(), TIMES + 0.01)
