"""Doubly periodic fields and their kept coefficients."""

import math

import pytest
import torch
from torch import Tensor

from physics.linalg.spectral import Grid

GRID = Grid(18, 24, 1.5, 2.0)


def _wave(m: int, n: int, shift: float = 0.3) -> Tensor:
    x, y = GRID.x[:, None] / GRID.lx, GRID.y / GRID.ly
    return torch.cos(2.0 * math.pi * (m * x + n * y) + shift)


def test_what_is_kept_comes_back() -> None:
    field = 0.7 + _wave(5, 7) + _wave(-3, 2) + _wave(4, 0) + _wave(0, 6)
    torch.testing.assert_close(GRID.backward(GRID.forward(field)), field, rtol=0, atol=1e-14)
    assert float(GRID.backward(GRID.forward(_wave(6, 1))).abs().max()) < 1e-14
    assert float(GRID.backward(GRID.forward(_wave(1, 8))).abs().max()) < 1e-14


@pytest.mark.parametrize(("one", "other"), [((5, 7), (5, 7)), ((5, -7), (-4, 3)), ((2, 1), (5, 6))])
def test_products_of_kept_modes_are_free_of_aliases(one: tuple[int, int], other: tuple[int, int]) -> None:
    product = GRID.forward(_wave(*one, 0.0) * _wave(*other, 0.0))
    exact = torch.zeros_like(GRID.backward(product))
    for m, n in ((one[0] + other[0], one[1] + other[1]), (one[0] - other[0], one[1] - other[1])):
        if abs(m) <= GRID.kept[0] and abs(n) <= GRID.kept[1]:
            exact = exact + 0.5 * _wave(m, n, 0.0)
    torch.testing.assert_close(GRID.backward(product), exact, rtol=0, atol=1e-14)


def test_derivative_and_mean_product() -> None:
    field, other = _wave(2, 5) + 0.4, _wave(2, 5, 0.8) + _wave(-1, 0)
    coefficients = GRID.forward(field)
    slope = GRID.backward(1j * GRID.ky * coefficients)
    exact = -2.0 * math.pi * 5 / GRID.ly * torch.sin(torch.acos(_wave(2, 5)))
    torch.testing.assert_close(slope.abs(), exact.abs(), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        GRID.backward(-GRID.square * coefficients),
        -((2.0 * math.pi * 2 / GRID.lx) ** 2 + (2.0 * math.pi * 5 / GRID.ly) ** 2) * (field - 0.4),
        rtol=0,
        atol=1e-11,
    )
    torch.testing.assert_close(GRID.mean_product(coefficients, GRID.forward(other)), (field * other).mean())
