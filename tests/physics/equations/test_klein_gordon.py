"""Kinks and breathers: energies, orders, drift. What it shares with others: integrate/test_paired.py."""

import math

import pytest
import torch
from torch import Tensor

from physics.equations.klein_gordon import KleinGordon, State
from physics.equations.klein_gordon_exact import breather, phi4_kink, sine_gordon_kink
from physics.errors import ParameterError
from physics.integrate.paired import run
from physics.integrate.symplectic import BLANES_MOAN, STORMER_VERLET, YOSHIDA, Splitting

ONE = torch.ones(1, dtype=torch.float64)
UNIT = (ONE, ONE)
LORENTZ = 1.0 / math.sqrt(1.0 - 0.6**2)


def _kink(potential: str, points: int, splitting: Splitting = BLANES_MOAN, half: float = 16.0) -> KleinGordon:
    sign, jump = (1, 2.0 * math.pi) if potential == "sine-gordon" else (-1, 0.0)
    return KleinGordon(potential, points, -half, 2.0 * half, sign, jump, splitting)


def _start(equation: KleinGordon, v: float = 0.6, x0: float = 0.0) -> State:
    wave = sine_gordon_kink if equation.potential == "sine-gordon" else phi4_kink
    phi, pi = wave(equation.coordinates["x"], 0.0, v, x0)
    return equation.start(phi[None], pi[None])


@pytest.mark.parametrize(("potential", "rest"), [("sine-gordon", 8.0), ("phi4", 2.0 * math.sqrt(2.0) / 3.0)])
@pytest.mark.parametrize("v", [0.0, 0.6, 0.8])
def test_kink_energies(potential: str, rest: float, v: float) -> None:
    """Spacing 0.1, from the start to the end of a run in which the fast ones cross six and eight units."""
    equation = _kink(potential, 320)
    times = [0.0, 4.0, 10.0]
    solution = run(equation, lambda e: _start(e, v, -3.0), {"speed": 1.0, "mass": 1.0}, times, tolerance=1e-6)
    energy = solution.require().outputs["energy"].values[0]
    torch.testing.assert_close(energy, torch.full_like(energy, rest / math.sqrt(1.0 - v * v)), rtol=1e-6, atol=0)
    momentum = solution.outputs["momentum"].values[0]
    expected = torch.full_like(momentum, rest * v / math.sqrt(1.0 - v * v))
    torch.testing.assert_close(momentum, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("w", [0.3, 0.5, 0.8])
def test_breather_energies_and_return_after_a_period(w: float) -> None:
    half = 18.0 / math.sqrt(1.0 - w * w)
    equation = KleinGordon("sine-gordon", round(20 * half), -half, 2.0 * half)
    period = 2.0 * math.pi / w
    phi, pi = breather(equation.coordinates["x"], 0.0, w)
    start = equation.start(phi[None], pi[None])
    end = equation.advance(start, UNIT, period / 400, 400)
    for state in (start, end):
        assert float(equation.energy(state, UNIT)) == pytest.approx(16.0 * math.sqrt(1.0 - w * w), rel=1e-6)
    assert float((end[0] - start[0]).abs().max()) < 2e-6


@pytest.mark.parametrize(("splitting", "per_period"), [(STORMER_VERLET, 80), (YOSHIDA, 80), (BLANES_MOAN, 60)])
def test_the_energy_does_not_drift_over_a_thousand_breather_periods(splitting: Splitting, per_period: int) -> None:
    """Steps so long that the error of the energy is far above rounding, looked at out of step with the period.

    No growth: the band of the last hundred periods is that of the first, and the mean does not move within it.
    """
    w = 0.5
    equation = KleinGordon("sine-gordon", 72, -14.0, 28.0, splitting=splitting)
    phi, pi = breather(equation.coordinates["x"], 0.0, w)
    state, dt = equation.start(phi[None], pi[None]), 2.0 * math.pi / w / per_period
    first, energies = float(equation.energy(state, UNIT)), []
    stride = 7
    for _ in range(1000 * per_period // stride):
        state = equation.advance(state, UNIT, dt, stride)
        energies.append(float(equation.energy(state, UNIT)) / first - 1.0)
    error = torch.tensor(energies, dtype=torch.float64)
    bands = error.reshape(-1)[: len(error) // 10 * 10].reshape(10, -1)
    width = float(bands[0].max() - bands[0].min())
    assert 1e-9 < width < 1e-2
    assert float(bands[-1].max() - bands[-1].min()) < 1.02 * width
    assert float((bands.mean(1) - bands[0].mean()).abs().max()) < 0.01 * width


@pytest.mark.parametrize("splitting", [STORMER_VERLET, YOSHIDA, BLANES_MOAN], ids=lambda s: s.name)
def test_order_in_time(splitting: Splitting) -> None:
    equation = _kink("sine-gordon", 128, splitting)
    steps = 24 if splitting is BLANES_MOAN else 96
    ends = [equation.advance(_start(equation), UNIT, 3.0 / n, n)[0] for n in (steps, 2 * steps, 4 * steps)]
    ratio = float((ends[0] - ends[1]).abs().max() / (ends[1] - ends[2]).abs().max())
    assert math.log2(ratio) == pytest.approx(splitting.order, abs=0.1)


def test_order_in_space() -> None:
    """The pull of the neighbours against c^2 phi_xx of a wave."""
    errors = []
    for points in (24, 48):
        equation = KleinGordon("phi4", points, 0.0, 2.0 * math.pi)
        wave = torch.sin(2.0 * equation.coordinates["x"])[None]
        errors.append(float((equation._forces(wave, UNIT)[0] + 4.0 * wave).abs().max()))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(8.0, abs=0.1)


def _flow(equation: KleinGordon, z: Tensor) -> Tensor:
    half = equation.points
    state = equation.start(z[None, :half], z[None, half:])
    return torch.cat(equation.stepper(0.1)(state, UNIT, 0)[:2], 1)[0]


@pytest.mark.parametrize("potential", ["sine-gordon", "phi4"])
def test_a_step_keeps_the_symplectic_form_of_the_lattice(potential: str) -> None:
    equation = _kink(potential, 12, half=3.0)
    z = torch.cat([part[0] for part in _start(equation)[:2]])
    jacobian = torch.autograd.functional.jacobian(lambda z: _flow(equation, z), z)
    form = torch.zeros(24, 24, dtype=torch.float64)
    form[:12, 12:], form[12:, :12] = torch.eye(12), -torch.eye(12)
    torch.testing.assert_close(jacobian.T @ form @ jacobian, form, rtol=0, atol=1e-13)


def test_the_force_is_the_slope_of_the_energy() -> None:
    equation = _kink("phi4", 16, half=4.0)
    phi, pi, given = _start(equation)
    speed, mass = torch.tensor([1.3], dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64)
    lead = phi.clone().requires_grad_()
    (slope,) = torch.autograd.grad(equation.energy((lead, pi, given), (speed, mass)).sum(), lead)
    bend, pull = equation._forces(phi, (speed, mass))
    torch.testing.assert_close(-slope / equation.spacing, bend + pull, rtol=0, atol=1e-12)
    torch.testing.assert_close(bend.sum(1), equation._seam(phi, (speed, mass)), rtol=0, atol=1e-13)


def test_speed_and_mass_only_scale() -> None:
    slow = KleinGordon("sine-gordon", 128, -16.0, 32.0, 1, 2.0 * math.pi)
    fast = KleinGordon("sine-gordon", 128, -24.0, 48.0, 1, 2.0 * math.pi)
    phi, pi = sine_gordon_kink(slow.coordinates["x"], 0.0, 0.3)
    one = slow.advance(slow.start(phi[None], pi[None]), UNIT, 0.1, 30)
    given = (torch.tensor([3.0], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64))
    other = fast.advance(fast.start(phi[None], 2.0 * pi[None]), given, 0.05, 30)
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=1e-12)
    assert float(fast.energy(other, given)) == pytest.approx(6.0 * float(slow.energy(one, UNIT)), rel=1e-12)


@pytest.mark.parametrize("wrong", [{"potential": "cubic"}, {"sign": 2}, {"points": 8}])
def test_lattices_that_are_none_are_refused(wrong: dict) -> None:
    with pytest.raises(ParameterError):
        KleinGordon(**{"potential": "phi4", "points": 32, "left": 0.0, "length": 1.0, **wrong})
