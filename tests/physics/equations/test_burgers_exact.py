"""The Cole-Hopf values against the reference table and the equation itself."""

import math

import pytest
import torch

from physics.equations.burgers_exact import sine


def test_reference_values() -> None:
    at = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    truth = torch.tensor([-0.84735452445094, -0.59276953440205, -0.30284270834735], dtype=torch.float64)
    torch.testing.assert_close(sine(at, 0.5, 0.01 / math.pi), truth, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("viscosity", "time", "values"),
    [
        (0.02, 0.2, [-0.9372088788782279, -0.8384373180236431, -0.4626598702220491]),
        (0.02, 0.8, [-0.639802811758515, -0.4353719171838157, -0.2198346062367268]),
        (0.3, 0.1, [-0.5917020131198928, -0.7314405269750947, -0.462754342448212]),
    ],
)
def test_other_times_and_viscosities(viscosity: float, time: float, values: list[float]) -> None:
    """The integrals of Cole and Hopf by quadrature with 30 digits."""
    at = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    torch.testing.assert_close(sine(at, time, viscosity), torch.tensor(values, dtype=torch.float64), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("viscosity", "amplitude"), [(0.05, 1.0), (0.3, -2.0)])
def test_it_solves_the_equation(viscosity: float, amplitude: float) -> None:
    at, h, t = torch.tensor([-0.7, 0.1, 0.4], dtype=torch.float64), 1e-3, 0.3
    here, left, right = (sine(at + s, t, viscosity, amplitude) for s in (0.0, -h, h))
    rate = (sine(at, t + h, viscosity, amplitude) - sine(at, t - h, viscosity, amplitude)) / (2 * h)
    rest = rate + here * (right - left) / (2 * h) - viscosity * (right - 2 * here + left) / h**2
    assert float(rest.abs().max()) < 3e-4 * float(rate.abs().max())


def test_it_starts_from_the_sine() -> None:
    at = torch.linspace(-1, 1, 9, dtype=torch.float64)
    start = -1.5 * torch.sin(math.pi * at)
    torch.testing.assert_close(sine(at, 1e-6, 0.05, 1.5), start, rtol=0, atol=1e-4)
