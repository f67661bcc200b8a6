"""Burgers: exact values, orders, balances. What it shares with others: tests/physics/integrate/test_paired.py."""

import itertools
import math

import pytest
import torch

from physics.equations.burgers import Burgers, State
from physics.equations.burgers_exact import sine
from physics.errors import ParameterError
from physics.integrate.paired import run

THIN = 0.01 / math.pi


def _start(equation: Burgers) -> State:
    return equation.start(-torch.sin(math.pi * equation.coordinates["x"])[None])


def _end(equation: Burgers, viscosity: float, time: float, steps: int) -> torch.Tensor:
    given = (torch.tensor([viscosity], dtype=torch.float64),)
    return equation.advance(_start(equation), given, time / steps, steps)[0][0]


@pytest.mark.parametrize("periodic", [False, True])
def test_reference_values_and_the_front(periodic: bool) -> None:
    """256, 512 and 1024 cells, ten times closer at the front; everywhere, not only at the table's places."""
    equation = Burgers(256, periodic=periodic, crowding=0.9)
    solution = run(equation, _start, {"viscosity": THIN}, [0.1, 0.5, 1.0], tolerance=1e-6, extrapolate=True).require()
    output = solution.outputs["velocity"]
    x = output.coordinates["x"]
    for k, time in enumerate((0.1, 0.5, 1.0)):
        assert float((output.values[0, k] - sine(x, time, THIN)).abs().max()) < 1e-7
    coarse = Burgers(512, periodic=periodic, crowding=0.9)
    at = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    truth = torch.tensor([-0.84735452445094, -0.59276953440205, -0.30284270834735], dtype=torch.float64)
    torch.testing.assert_close(coarse.sample(output.values[0, 1], at), truth, rtol=0, atol=1e-7)


@pytest.mark.parametrize("crowding", [0.0, 0.7])
@pytest.mark.parametrize("periodic", [False, True])
def test_order_in_space(periodic: bool, crowding: float) -> None:
    errors = []
    for cells in (64, 128, 256):
        equation = Burgers(cells, periodic=periodic, crowding=crowding)
        truth = sine(equation.coordinates["x"], 0.3, 0.05)
        errors.append(float((_end(equation, 0.05, 0.3, 1500) - truth).abs().max()))
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("periodic", [False, True])
def test_the_midpoint_as_array_operations_is_the_compiled_one(periodic: bool) -> None:
    equation = Burgers(40, periodic=periodic, crowding=0.5)
    x = equation.coordinates["x"]
    u = equation._wrapped(torch.stack([0.3 - torch.sin(math.pi * x), torch.cos(math.pi * x)]))
    viscosity = torch.tensor([[0.01], [0.03]], dtype=torch.float64)
    arrays = equation._array_midpoint(u, viscosity, 0.02)
    torch.testing.assert_close(arrays, equation._midpoint(u, viscosity, 0.02), rtol=1e-12, atol=1e-12)
    assert float(equation._residual(arrays, u, viscosity, 0.02).abs().max()) < 1e-13
    assert bool(equation._array_midpoint(u * math.inf, viscosity, 0.02).isnan().all())


def test_order_in_time() -> None:
    equation = Burgers(100, crowding=0.5)
    ends = [_end(equation, 0.05, 0.3, n) for n in (20, 40, 80)]
    ratio = (ends[0] - ends[1]).abs().max() / (ends[1] - ends[2]).abs().max()
    assert math.log2(float(ratio)) == pytest.approx(2.0, abs=0.1)


def test_balances_with_flow_through_held_ends() -> None:
    """Momentum and energy enter and leave; each balance closes and no term of it is idle."""
    equation = Burgers(80, crowding=0.4)
    x = equation.coordinates["x"]
    start = equation.start((1.0 + 0.5 * torch.cos(2.0 * x) + 0.1 * x)[None])
    given = (torch.tensor([0.02], dtype=torch.float64),)
    end = equation.advance(start, given, 0.01, 150)
    for balance in equation.balances(start, end, given):
        assert float((balance.residual / balance.scale).abs()) < 1e-13
        assert float(balance.terms["in"].abs()) > 0.1
        assert float(balance.terms["out"].abs()) > 0.1
    assert torch.equal(end[0][:, [0, -1]], start[0][:, [0, -1]])


def test_energy_cannot_grow_however_long_the_step() -> None:
    equation = Burgers(64, periodic=True)
    given = (torch.tensor([1e-4], dtype=torch.float64),)
    state, energies = _start(equation), []
    for _ in range(20):
        energies.append(float(equation.observe(state, given)["energy"]))
        state = equation.advance(state, given, 0.05, 1)
    assert all(b <= a * (1 + 1e-12) for a, b in itertools.pairwise(energies))


@pytest.mark.parametrize("periodic", [False, True])
def test_reading_between_nodes(periodic: bool) -> None:
    equation = Burgers(60, periodic=periodic, crowding=0.5)
    at = torch.tensor([-1.0, -0.333, 0.0, 0.71], dtype=torch.float64)
    read = equation.sample(torch.sin(math.pi * equation.coordinates["x"]), at)
    torch.testing.assert_close(read, torch.sin(math.pi * at), rtol=0, atol=1e-9)


@pytest.mark.parametrize("wrong", [{"cells": 4}, {"length": 0.0}, {"crowding": 1.0}])
def test_grids_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="burgers"):
        Burgers(**{"cells": 32, **wrong})
