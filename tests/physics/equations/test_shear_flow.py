"""Flow with a tracer: exact decay, order, budgets. What it shares with others: integrate/test_paired.py."""

import math

import pytest
import torch

from physics.equations.shear_flow import ShearFlow, State
from physics.equations.shear_flow_start import layers, taylor_green
from physics.errors import ParameterError
from physics.integrate.paired import run
from physics.linalg.spectral import Grid

SQUARE = Grid(32, 32, 2.0 * math.pi, 2.0 * math.pi)
GIVEN = (torch.tensor([2e-3], dtype=torch.float64), torch.tensor([1e-3], dtype=torch.float64))


def _layers(equation: ShearFlow) -> State:
    return equation.start(*layers(equation.grid, 2, 2, 1.0))


@pytest.mark.parametrize("drift", [(0.0, 0.0), (1.0, -0.4)])
@pytest.mark.parametrize("waves", [1, 3])
def test_taylor_green_decays_as_it_must(drift: tuple[float, float], waves: int) -> None:
    """With a mean velocity the pattern is carried through the grid, and the nonlinear term is at work."""
    viscosity, time = 0.03, 1.5
    equation = ShearFlow(SQUARE, drift, tracer=False)
    start = equation.start(*taylor_green(SQUARE, waves))
    given = (torch.tensor([viscosity], dtype=torch.float64),)
    end = equation.advance(start, given, time / 400, 400)
    still = 0.5 * (drift[0] ** 2 + drift[1] ** 2)
    before, after = (float(equation.sums(state)["energy"]) - still for state in (start, end))
    assert after / before == pytest.approx(math.exp(-4.0 * viscosity * waves**2 * time), rel=1e-8)
    x, y = SQUARE.x[:, None] - drift[0] * time, SQUARE.y - drift[1] * time
    exact = math.exp(-2.0 * viscosity * waves**2 * time) * torch.sin(waves * x) * torch.cos(waves * y) + drift[0]
    torch.testing.assert_close(equation.velocity(end[0][:, 0])[0][0], exact, rtol=0, atol=1e-8)


def test_a_tracer_without_flow_diffuses_and_one_in_uniform_flow_is_carried() -> None:
    equation = ShearFlow(SQUARE, drift=(0.7, 0.2))
    none = torch.zeros(1, 32, 32, dtype=torch.float64)
    wave = 2.0 + torch.cos(2 * SQUARE.x[:, None] - 3 * SQUARE.y)[None]
    end = equation.advance(equation.start(none, none, wave), GIVEN, 0.005, 200)
    phase = 2 * (SQUARE.x[:, None] - 0.7) - 3 * (SQUARE.y - 0.2)
    exact = 2.0 + math.exp(-1e-3 * 13.0) * torch.cos(phase)
    torch.testing.assert_close(SQUARE.backward(end[0][:, 1])[0], exact, rtol=0, atol=1e-8)


def test_order_in_time() -> None:
    equation = ShearFlow(Grid(32, 64, 1.0, 2.0))
    ends = [equation.advance(_layers(equation), GIVEN, 0.6 / n, n)[0] for n in (30, 60, 120)]
    ratio = float((ends[0] - ends[1]).abs().max() / (ends[1] - ends[2]).abs().max())
    assert math.log2(ratio) == pytest.approx(4.0, abs=0.1)


def test_budgets_close_with_the_order_of_the_scheme() -> None:
    """What is left over is the error of the step: it falls by 16 as the step is halved, or faster."""
    equation = ShearFlow(Grid(48, 96, 1.0, 2.0))
    start, left = _layers(equation), []
    for steps in (60, 120):
        end = equation.advance(start, GIVEN, 1.2 / steps, steps)
        found = {b.name: float((b.residual / b.scale).abs()) for b in equation.balances(start, end, GIVEN)}
        assert found.pop("tracer_mean") < 1e-14
        left.append(found)
    for name in ("energy", "enstrophy", "tracer_square"):
        assert left[1][name] < 1e-8
        assert left[1][name] < left[0][name] / 14
    lost = equation.balances(start, end, GIVEN)[1].terms["lost"]
    assert float(lost) > 0.1 * float(equation.sums(start)["enstrophy"])


def test_the_velocity_has_no_divergence_and_the_pressure_balances() -> None:
    equation = ShearFlow(Grid(32, 64, 1.0, 2.0))
    grid, state = equation.grid, _layers(equation)
    seen = equation.observe(state, GIVEN)
    u, v = (grid.forward(seen["velocity"][..., k]) for k in (0, 1))
    kx, ky = grid.kx[:, None], grid.ky
    assert float((kx * u + ky * v).abs().max()) < 1e-14
    speed = [seen["velocity"][..., k] for k in (0, 1)]
    slopes = [[grid.backward(1j * k * f) for k in (kx, ky)] for f in (u, v)]
    carried = [grid.forward(speed[0] * s[0] + speed[1] * s[1]) for s in slopes]
    source = 1j * (kx * carried[0] + ky * carried[1])
    torch.testing.assert_close(grid.square * grid.forward(seen["pressure"]), source, rtol=0, atol=1e-12)


def test_layers_roll_up_the_same_on_a_finer_grid() -> None:
    solution = run(
        ShearFlow(Grid(32, 64, 1.0, 2.0)),
        _layers,
        {"viscosity": 2e-3, "diffusivity": 2e-3},
        [0.0, 1.0],
        tolerance=1e-3,
    ).require()
    tracer = solution.outputs["tracer"]
    assert tracer.values.shape == (1, 2, 64, 128)
    assert solution.outputs["velocity"].components == ("x", "y")
    assert float(tracer.error.max()) < 1e-5
    mean = solution.outputs["tracer_mean"].values
    assert float((mean[:, 1] - mean[:, 0]).abs().max()) < 1e-15


def test_a_negative_viscosity_is_refused() -> None:
    with pytest.raises(ParameterError, match="diffusivity"):
        run(ShearFlow(SQUARE), _layers, {"viscosity": 0.1, "diffusivity": -0.1}, [1.0])
