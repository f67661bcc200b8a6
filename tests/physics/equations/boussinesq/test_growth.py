"""Onset and growth of the solver itself against Chandrasekhar's values and linear theory."""

import math

import pytest
import torch

from physics.equations.boussinesq.growth import growth
from physics.equations.boussinesq.layer import Layer
from physics.equations.boussinesq.levels import Case, extrapolated
from physics.equations.boussinesq.onset import growth_rate
from physics.equations.boussinesq.run import Flow

F64 = torch.float64
CRITICAL = {
    "rigid-rigid": (1707.7618, 3.11632),
    "rigid-free": (1100.6496, 2.68233),
    "free-free": (657.5113645, 2.2214415),
}


def rates(plates: str, k: float, rayleigh: list[float], rows: int, prandtl: float = 1.0) -> torch.Tensor:
    values = torch.tensor(rayleigh, dtype=F64)
    same = torch.ones_like(values)
    flow = Flow(values, prandtl * same, 0.01 * same, 1, same)
    rigid = tuple(name == "rigid" for name in plates.split("-"))
    case = Case(Layer(8, 8, 2 * math.pi / k, (rigid[0], rigid[1])), flow, plates)
    return growth(case.layer(rows), flow, case.pace())


@pytest.mark.parametrize("plates", CRITICAL)
def test_critical_rayleigh_number_of_the_solver(plates: str) -> None:
    rayleigh, k = CRITICAL[plates]
    around = [0.99 * rayleigh, 1.01 * rayleigh]
    coarse, fine = rates(plates, k, around, 16), rates(plates, k, around, 24)
    low, high = extrapolated(coarse, fine, 1.5).tolist()
    assert low < 0 < high
    onset = around[0] - low * (around[1] - around[0]) / (high - low)
    assert onset == pytest.approx(rayleigh, rel=1e-3)


def test_free_rates_and_the_order_of_the_grid() -> None:
    """Reference rates at Pr 1, k = pi / sqrt 2; the error of a grid falls with its square."""
    runs = [rates("free-free", math.pi / math.sqrt(2), [1000.0, 5000.0], rows) for rows in (16, 24, 32)]
    exact = torch.tensor([3.4530120, 26.0204224], dtype=F64)
    for b in range(2):
        assert float(extrapolated(runs[1], runs[2], 4 / 3)[b]) == pytest.approx(float(exact[b]), rel=1e-3)
        orders = [
            math.log(float((runs[i][b] - exact[b]) / (runs[i + 1][b] - exact[b]))) / math.log(ratio)
            for i, ratio in ((0, 1.5), (1, 4 / 3))
        ]
        assert orders == pytest.approx([2.0, 2.0], abs=0.1)


def test_a_viscous_fluid() -> None:
    coarse, fine = (rates("rigid-rigid", math.pi, [5000.0], rows, 100.0) for rows in (16, 24))
    exact = growth_rate(5000.0, 100.0, math.pi)
    assert float(extrapolated(coarse, fine, 1.5)[0]) == pytest.approx(exact, rel=1e-3)
