"""Kobayashi's dendrite: front speed, symmetry, enthalpy, refinement. Shared tests: integrate/test_paired.py."""

import math

import pytest
import torch
from torch import Tensor

from physics.equations.dendrite import TYPICAL, Dendrite, State
from physics.errors import ParameterError
from physics.integrate.paired import run

WIDE = dict(TYPICAL, width=0.02, relaxation=1.2e-3)


def _given(values: dict[str, float]) -> State:
    return tuple(torch.tensor([value], dtype=torch.float64) for value in values.values())


def _march(equation: Dendrite, state: State, values: dict[str, float], time: float, steps: int) -> State:
    return equation.advance(state, _given(values), time / steps, steps)


def test_a_flat_front_moves_at_its_exact_speed() -> None:
    """Without latent heat and anisotropy p = (1 - tanh((x - v t) / (2 sqrt 2 w))) / 2, v = sqrt 2 w m / tau."""
    values = dict(WIDE, latent=0.0, anisotropy=0.0)
    drive = values["coupling"] / math.pi * math.atan(values["steepness"])
    speed = math.sqrt(2.0) * values["width"] * drive / values["relaxation"]
    errors = []
    for n in (1, 2, 4):
        equation = Dendrite((40 * n, 4), 0.015 / n)
        x = equation.coordinates["x"]
        front = 0.5 * (1.0 - torch.tanh((x - 0.2) / (2.0 * math.sqrt(2.0) * values["width"])))
        p = front[None, :, None].expand(1, -1, 5).clone()
        start = (p, torch.full_like(p, -1.0), p.new_zeros(1, 1))
        middle = _march(equation, start, values, 0.005, 60 * n**2)
        end = _march(equation, middle, values, 0.01, 120 * n**2)
        errors.append(abs(float(equation.tip(end[0]) - equation.tip(middle[0])) / 0.01 / speed - 1.0))
    assert errors[-1] < 2e-3
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.1)


def test_the_tip_velocity_converges_at_second_order() -> None:
    speeds = []
    for n in (2, 4, 8):
        equation = Dendrite((8 * n, 8 * n), 0.06 / n)
        steps = 20 * n**2
        grown = _march(equation, equation.start(0.12, 0.02), WIDE, 0.014, steps)
        end = _march(equation, grown, WIDE, 0.014, steps)
        speeds.append(float(equation.tip(end[0]) - equation.tip(grown[0])) / 0.014)
    assert math.log2((speeds[0] - speeds[1]) / (speeds[1] - speeds[2])) == pytest.approx(2.0, abs=0.1)


def test_order_in_time() -> None:
    equation = Dendrite((24, 24), 0.03)
    start = equation.start(0.2, 0.02)
    ends = [_march(equation, start, WIDE, 0.01, n)[0] for n in (60, 120, 240)]
    ratio = float((ends[0] - ends[1]).abs().max() / (ends[1] - ends[2]).abs().max())
    assert math.log2(ratio) == pytest.approx(2.0, abs=0.1)


def _grown(values: dict[str, float], folds: int, orientation: float = 0.0) -> tuple[Dendrite, Tensor]:
    equation = Dendrite((64, 64), 0.03, folds=folds, seed=(0.5, 0.5), orientation=orientation)
    return equation, _march(equation, equation.start(0.15, values["width"]), values, 0.06, 400)[0][0]


def test_a_fourfold_crystal_keeps_its_symmetry_bit_by_bit() -> None:
    equation, p = _grown(TYPICAL, 4)
    assert _reach(equation, p, 0.0) > 1.2 * _reach(equation, p, math.pi / 4.0)
    for mirrored in (p.T, p.flip(0), p.flip(1), p.rot90()):
        assert torch.equal(p, mirrored)


def test_the_anisotropy_is_where_it_is_meant() -> None:
    """Arms along the axes; turned by half a fold, along the diagonals."""
    reach = []
    for orientation in (0.0, math.pi / 4.0):
        equation, p = _grown(WIDE | {"anisotropy": 0.05}, 4, orientation)
        reach.append([_reach(equation, p, angle) for angle in (0.0, math.pi / 4.0)])
    assert reach[0][0] > 1.1 * reach[0][1]
    assert reach[1][1] > 1.1 * reach[1][0]
    assert reach[1][1] == pytest.approx(reach[0][0], rel=0.01)


def _reach(equation: Dendrite, p: Tensor, angle: float) -> float:
    """How far p > 1/2 reaches from the seed in a direction, p read bilinearly."""
    distance = torch.arange(0.0, 0.9, 0.001, dtype=torch.float64)
    middle, h = equation.cells[0] // 2, equation.spacing
    x, y = middle + distance * math.cos(angle) / h, middle + distance * math.sin(angle) / h
    i, j = x.floor().long(), y.floor().long()
    a, b = x - i, y - j
    low, high = p[i, j] * (1 - a) + p[i + 1, j] * a, p[i, j + 1] * (1 - a) + p[i + 1, j + 1] * a
    return float(distance[(low * (1 - b) + high * b) > 0.5].max())


def test_a_sixfold_crystal_keeps_the_mirrors_of_the_grid_and_its_arms_within_one_per_cent() -> None:
    equation, p = _grown(WIDE | {"anisotropy": 0.028}, 6)
    assert torch.equal(p, p.flip(0))
    assert torch.equal(p, p.flip(1))
    arms = [_reach(equation, p, k * math.pi / 3.0) for k in range(6)]
    assert max(arms) / min(arms) < 1.01
    between = [_reach(equation, p, (k + 0.5) * math.pi / 3.0) for k in range(6)]
    assert min(arms) > 1.05 * max(between)


def test_enthalpy_is_kept_and_cooled_walls_export_what_they_take() -> None:
    for cooling in (0.0, 2.0):
        equation = Dendrite((30, 24), 0.03, cooling=cooling, wall=-1.4)
        start = equation.start(0.2, 0.01)
        end = _march(equation, start, TYPICAL, 0.06, 600)
        (balance,) = equation.balances(start, end, _given(TYPICAL))
        assert float((balance.residual / balance.scale).abs()) < 1e-13
        assert (float(balance.terms["lost"]) > 0.05) is (cooling > 0.0)
        assert float(end[0].mean()) > 0.3
        assert float(end[0].min()) > -1e-3
        assert float(end[0].max()) < 1.0 + 1e-3


def test_latent_heat_slows_the_growth() -> None:
    solid = []
    for latent in (0.8, 1.6):
        equation = Dendrite((30, 30), 0.03)
        solid.append(
            float(_march(equation, equation.start(0.2, 0.01), TYPICAL | {"latent": latent}, 0.06, 600)[0].mean())
        )
    assert solid[0] > 1.1 * solid[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("anisotropy", 0.07), ("latent", -1.0), ("width", 0.0), ("coupling", 1.0), ("relaxation", -1e-3)],
)
def test_ill_posed_parameters_are_refused(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name):
        run(Dendrite((12, 12), 0.03), lambda e: e.start(0.1, 0.01), TYPICAL | {name: value}, [0.01])
