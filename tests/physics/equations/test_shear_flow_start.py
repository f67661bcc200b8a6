"""Velocities to start from."""

import math

import pytest
import torch

from physics.equations.shear_flow import ShearFlow
from physics.equations.shear_flow_start import layers, taylor_green
from physics.errors import ParameterError
from physics.linalg.spectral import Grid


def test_taylor_green_comes_back_from_its_vorticity() -> None:
    grid = Grid(24, 24, 2.0 * math.pi, 2.0 * math.pi)
    u, v = taylor_green(grid, waves=2, amplitude=1.5)
    equation = ShearFlow(grid, tracer=False)
    for given, back in zip((u, v), equation.velocity(equation.start(u, v)[0][:, 0]), strict=True):
        torch.testing.assert_close(back, given, rtol=0, atol=1e-14)


@pytest.mark.parametrize("count", [2, 4])
def test_layers_are_where_the_data_set_has_them(count: int) -> None:
    grid = Grid(32, 256, 1.0, 2.0)
    u, v, tracer = layers(grid, count, blobs=2, width=0.5)
    assert torch.equal(u, tracer)
    profile = u[0, 0]
    rows = [round(256 * (2 * k + 1) / (2 * count)) for k in range(count)]
    for k, row in enumerate(rows):
        assert float(profile[row]) == pytest.approx(-0.5, abs=1e-9)
        sign = 2 * (k % 2) - 1
        assert sign * float(profile[row + 20] - profile[row - 20]) == pytest.approx(1.0, abs=2e-2)
        x = grid.x
        torch.testing.assert_close(v[0, :, row], 0.1 * torch.sin(sign * 2 * math.pi * x), rtol=0, atol=1e-9)
    assert float((profile[0] - profile[-1]).abs()) < 1e-2


def test_what_cannot_be_periodic_is_refused() -> None:
    with pytest.raises(ParameterError, match="even"):
        layers(Grid(16, 16, 1.0, 2.0), count=3)
    with pytest.raises(ParameterError, match="square"):
        taylor_green(Grid(16, 16, 1.0, 2.0))
