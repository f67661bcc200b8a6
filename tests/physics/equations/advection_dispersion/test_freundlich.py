"""The Freundlich column: the linear one at n = 1, the travelling front, mass, derivatives, balances."""

import math

import pytest
import torch
from torch.autograd import forward_ad

from physics.equations.advection_dispersion.freundlich import run
from physics.equations.advection_dispersion.freundlich_response import concentration, pose, respond
from physics.equations.advection_dispersion.response import Resolution
from physics.equations.advection_dispersion.scaling import Scheme
from physics.errors import InputError
from physics.experiments.column import EXPERIMENT, simulate
from physics.series import Series
from physics.solution import Status

SIZE = Resolution(64, 96, 0)


def _settings(n: float, kappa: float, peclet: float = 20.0, **more: object) -> dict[str, object]:
    """A column of unit length and velocity whose feed is at 1 mg/L times 4, porosity one half."""
    return {
        "length": 1.0, "velocity": 1.0, "dispersion": 1 / peclet, "isotherm": "freundlich", "porosity": 0.5,
        "bulk_density": 1600.0, "freundlich_coefficient": kappa * 4.0 ** (1 - n) / 3200.0,
        "freundlich_exponent": n, "feed_concentration": 4e-3,
    } | more  # fmt: skip


def _tensors(settings: dict[str, object]) -> dict[str, torch.Tensor]:
    return {
        key: torch.tensor([value], dtype=torch.float64) for key, value in settings.items() if isinstance(value, float)
    }


@pytest.mark.parametrize(("inlet", "outlet", "reading"), [
    ("third-type", "closed", "resident"),
    ("first-type", "semi-infinite", "flux"),
    ("third-type", "semi-infinite", "resident"),
])  # fmt: skip
@pytest.mark.parametrize("fed", ["step", "pulse", "leach"])
def test_an_exponent_of_one_is_the_linear_column(inlet: str, outlet: str, reading: str, fed: str) -> None:
    more: dict[str, object] = {"inlet": inlet, "outlet": outlet, "reading": reading, "input": fed, "decay": 0.2}
    more |= {"pulse_duration": 0.7} if fed == "pulse" else {}
    times = torch.linspace(0.2, 6.0, 23, dtype=torch.float64)
    ran = simulate(_settings(1.0, 1.0, **more), times, tolerance=1e-5).require()
    linear = {"length": 1.0, "velocity": 1.0, "dispersion": 0.05, "retardation": 2.0, **more}
    plain = simulate(linear, times, tolerance=1e-7).require()
    gap = (ran.outputs["concentration"].values - plain.outputs["concentration"].values).abs()
    assert float(gap.max()) < 1e-5
    assert float(gap.max()) <= 2 * ran.error
    if inlet == "third-type":  # where the inlet is held, the inflow starts like 1 / sqrt(t)
        for name in ("inflow", "outflow", "storage", "decayed"):
            torch.testing.assert_close(ran.outputs[name].values, plain.outputs[name].values, rtol=0, atol=2e-5)
    assert float(ran.balances[0].residual.abs()) <= 1e-12 * float(ran.balances[0].scale)


@pytest.mark.parametrize(("n", "kappa"), [(0.5, 2.0), (0.7, 3.0)])
def test_the_travelling_front(n: float, kappa: float) -> None:
    """Far from the inlet C^(1-n) = 1 - exp((1-n) Pe nu kappa (x - x0 - nu T)), nu = 1 / (1 + kappa), up to its foot."""
    peclet, nu = 200.0, 1 / (1 + kappa)
    times = torch.linspace(0.7, 1.0, 401, dtype=torch.float64) / nu
    ran = simulate(_settings(n, kappa, peclet, position=(0.75, 0.9)), times, tolerance=3e-4).require()
    near, far = ran.outputs["concentration"].values[0].T
    rate = (1 - n) * peclet * nu * kappa

    def crossing(curve: torch.Tensor) -> float:
        k = int((curve > 0.5).nonzero()[0])
        return float(times[k - 1] + (0.5 - curve[k - 1]) / (curve[k] - curve[k - 1]) * (times[k] - times[k - 1]))

    assert 0.15 / (crossing(far) - crossing(near)) == pytest.approx(nu, rel=2e-3)
    middle = math.log(1 - 0.5 ** (1 - n)) / rate
    behind = middle - nu * (times - crossing(far))
    shape = (1 - torch.exp(rate * behind)).clamp(min=0) ** (1 / (1 - n))
    shown = (times - crossing(far)).abs() < 0.08 / nu
    torch.testing.assert_close(far[shown], shape[shown], rtol=0, atol=3e-3)


@pytest.mark.parametrize(("n", "kappa"), [(0.4, 1.5), (0.7, 2.0), (1.4, 1.0)])
def test_the_whole_column_fills(n: float, kappa: float) -> None:
    """The integral of 1 - C at a closed outlet is what the column takes up, 1 + kappa."""
    times = torch.linspace(0.0, 7.0, 701, dtype=torch.float64)
    ran = simulate(_settings(n, kappa), times, tolerance=1e-4).require()
    curve = ran.outputs["concentration"].values[0]
    assert float(torch.trapezoid(1 - curve, times)) == pytest.approx(1 + kappa, rel=1e-4)
    assert float(ran.outputs["storage"].values[0, -1]) == pytest.approx(1 + kappa, rel=1e-4)
    assert float(ran.balances[0].residual.abs()) <= 1e-12 * float(ran.balances[0].scale)


@pytest.mark.parametrize("n", [0.8, 1.3])
def test_second_order(n: float) -> None:
    """Each march alone, against an extrapolation from much finer ones."""
    case, sorbed, fed = pose(_tensors(_settings(n, 1.0, 10.0)), Scheme(isotherm="freundlich"))
    at = torch.tensor([1.4, 2.0, 2.6], dtype=torch.float64)
    exact = respond(case, sorbed, at, fed, Resolution(768, 1152, 0))[0]
    errors = [
        float((run(case, sorbed, at, fed, Resolution(k, 3 * k // 2, 0)).curve - exact).abs().max()) for k in (96, 192)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("n", [0.7, 1.3])
@pytest.mark.parametrize("name", [
    "freundlich_coefficient", "freundlich_exponent", "feed_concentration", "porosity", "velocity", "dispersion",
    "decay", "length", "pulse_duration",
])  # fmt: skip
def test_taylor_in_both_modes(name: str, n: float) -> None:
    given = _tensors(_settings(n, 1.2, 15.0, decay=0.1, pulse_duration=1.1, position=0.9))
    times, scheme = torch.linspace(0.5, 4.0, 9, dtype=torch.float64), Scheme(input="pulse", isotherm="freundlich")

    def curve(value: torch.Tensor) -> torch.Tensor:
        return concentration({**given, name: value}, times, scheme, SIZE)

    start = given[name]
    with forward_ad.dual_level(), torch.no_grad():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(start, start.clone())))
    weights = torch.sin(1.0 + torch.arange(primal.numel(), dtype=torch.float64)).reshape(primal.shape)
    leaf = start.clone().requires_grad_()
    (curve(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    slope = float((leaf.grad * start).sum())
    assert slope == pytest.approx(float((weights * tangent).sum()), rel=1e-9, abs=1e-12)
    steps = [2.0**-k for k in (10, 11)]
    left = [float((curve(start * (1 + h)) - primal - h * tangent).abs().max()) for h in steps]
    assert left[-1] > 1e-12
    assert math.log2(left[0] / left[1]) == pytest.approx(2, abs=0.05)


def test_a_measured_feed() -> None:
    """A constant one is a step; the mass of any is what is in its lines."""
    times = torch.linspace(0.0, 6.0, 31, dtype=torch.float64)
    step = simulate(_settings(0.8, 1.0), times, tolerance=1e-4).require().outputs["concentration"].values
    flat = simulate(_settings(0.8, 1.0, input=Series((0.0, 1.0), (1.0, 1.0))), times, tolerance=1e-4).require()
    torch.testing.assert_close(flat.outputs["concentration"].values, step, rtol=0, atol=1e-10)
    saw = simulate(_settings(0.8, 1.0, input=Series((0.5, 1.0, 2.5), (0.0, 1.0, 0.0))), times, tolerance=1e-3).require()
    assert float(saw.outputs["inflow"].values[0, -1]) == pytest.approx(1.0, rel=1e-12)
    assert saw.balances[0].ok.all()


def test_a_foot_that_no_grid_resolves_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("physics.equations.advection_dispersion.freundlich_response.MOST", Resolution(96, 144, 96))
    ran = simulate(_settings(0.3, 4.0, 200.0), torch.linspace(1, 9, 9, dtype=torch.float64), tolerance=1e-6)
    assert ran.status is Status.TOLERANCE_NOT_MET
    assert ran.error > 1e-6


def test_batch_and_several_sensors() -> None:
    times = torch.linspace(0.0, 6.0, 13, dtype=torch.float64)
    both = simulate(
        _settings(0.8, torch.tensor([0.5, 2.0], dtype=torch.float64), position=(0.5, 1.0)), times, tolerance=1e-4
    )
    alone = simulate(_settings(0.8, 2.0), times, tolerance=1e-4).require()
    assert both.require().outputs["concentration"].values.shape == (2, 13, 2)
    gap = both.outputs["concentration"].values[1, :, 1] - alone.outputs["concentration"].values[0]
    assert float(gap.abs().max()) < 2e-4
    assert both.balances[0].ok.all()


@pytest.mark.parametrize(("change", "message"), [
    ({"isotherm": "linear"}, "set isotherm to freundlich"), ({"retardation": 2.0}, "leave retardation out"),
    ({"porosity": None}, "needs porosity"), ({"mobile_fraction": 0.5, "exchange": 1.0}, "not combined"),
    ({"mobile_fraction": 0.5}, "needs exchange too"),
])  # fmt: skip
def test_what_does_not_go_together_is_named(change: dict, message: str) -> None:
    settings = {name: value for name, value in (_settings(0.8, 1.0) | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        EXPERIMENT.complete(settings)


def test_no_sorption_is_not_a_freundlich_column() -> None:
    with pytest.raises(InputError, match="freundlich_coefficient"):
        EXPERIMENT.parameter("freundlich_coefficient").read("0 L/kg")
