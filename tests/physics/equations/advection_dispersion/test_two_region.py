"""Two-region transport against a numerical inversion of its Laplace transform, and its limits."""

import math

import mpmath
import pytest
import torch
from torch.autograd import forward_ad

from physics.equations.advection_dispersion.breakthrough import arrival, trace
from physics.equations.advection_dispersion.exact import step_response
from physics.equations.advection_dispersion.scaling import scaled
from physics.experiments.column import EXPERIMENT, Resolution, Scheme, concentration, simulate
from physics.integrate.octaves import interpolate
from physics.solution import Status

TIMES = torch.tensor([0.3, 0.7, 1.0, 1.6, 4.0], dtype=torch.float64)


def inverted(time, peclet, beta, omega, *, place=1.0, decay=0.0, closed=True, first=False, flux=False):
    """The step response at `time`: Talbot's rule on the transform of the two equations, 30 digits."""

    def transform(s):
        held = s + decay
        total = held * (beta + (1 - beta) * omega / ((1 - beta) * held + omega))
        root = mpmath.sqrt(1 + 4 * total / peclet)
        up, down = peclet * (1 + root) / 2, peclet * (1 - root) / 2
        # c = a exp(down x) + b exp(up x); what closes the far end gives b / a
        echo = -down / up * mpmath.exp(down - up) if closed else mpmath.mpf(0)
        weigh = (lambda r: 1) if not flux else (lambda r: 1 - r / peclet)
        inlet = (1 + echo) if first else (1 - down / peclet) + echo * (1 - up / peclet)
        value = weigh(down) * mpmath.exp(down * place) + echo * weigh(up) * mpmath.exp(up * place)
        return value / inlet / s

    with mpmath.workdps(30):
        return float(mpmath.invertlaplace(transform, time, method="talbot", degree=40))


def _settings(peclet, beta, omega, **more):
    return {"length": 1.0, "velocity": 1.0, "dispersion": 1 / peclet, "mobile_fraction": beta, "exchange": omega} | more


def test_the_reference_itself() -> None:
    """Without water at rest it is the plain column, whose exact solution is computed otherwise."""
    pe = torch.tensor(20.0, dtype=torch.float64)
    for closed in (True, False):
        exact = float(step_response(pe, TIMES[1], damkohler=0.3, closed=closed, first_type=True))
        assert inverted(0.7, 20, 1, 1, decay=0.3, closed=closed, first=True) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize(("inlet", "outlet", "reading"), [
    ("third-type", "closed", "resident"), ("first-type", "closed", "flux"),
    ("third-type", "semi-infinite", "flux"), ("first-type", "semi-infinite", "resident"),
])  # fmt: skip
@pytest.mark.parametrize(("peclet", "beta", "omega", "place"), [(8, 0.4, 0.3, 1.0), (60, 0.7, 2.5, 0.6)])
def test_against_the_inversion(inlet, outlet, reading, peclet, beta, omega, place) -> None:
    closed = outlet == "closed"
    settings = _settings(peclet, beta, omega, decay=0.2, position=place, inlet=inlet, outlet=outlet, reading=reading)
    run = simulate(settings, TIMES, tolerance=1e-7).require()
    exact = [
        inverted(
            float(time), peclet, beta, omega, place=place, decay=0.2,
            closed=closed, first=inlet == "first-type", flux=reading == "flux",
        )
        for time in TIMES
    ]  # fmt: skip
    output = run.outputs["concentration"]
    error = (output.values[0] - torch.tensor(exact, dtype=torch.float64)).abs().max()
    assert float(error) < 1e-7
    assert float(error) <= 2 * float(output.error.max())  # type: ignore[union-attr]
    assert bool(run.balances[0].ok.all())


def test_retardation_scales_time() -> None:
    one = simulate(_settings(15, 0.5, 1.0), TIMES).require().outputs["concentration"].values
    three = simulate(_settings(15, 0.5, 1.0, retardation=3.0), 3 * TIMES).require().outputs["concentration"].values
    torch.testing.assert_close(one, three, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("beta", "omega", "scale"), [(1.0, 0.7, 1.0), (0.5, 0.0, 0.5), (0.6, 1e6, 1.0), (1.0, 0.0, 1.0)]
)
def test_limits_are_plain_columns(beta: float, omega: float, scale: float) -> None:
    pe = torch.tensor(20.0, dtype=torch.float64)
    run = simulate(_settings(20, beta, omega), TIMES, tolerance=1e-7).require()
    exact = step_response(pe, TIMES / scale)
    torch.testing.assert_close(run.outputs["concentration"].values[0], exact, rtol=0, atol=3e-6 if omega > 1 else 1e-7)


@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
@pytest.mark.parametrize("feed", ["step", "pulse", "leach"])
def test_balance_counts_the_water_at_rest(outlet: str, feed: str) -> None:
    more = {"pulse_duration": 0.4} if feed == "pulse" else {}
    settings = _settings(25, 0.4, 0.5, decay=0.3, retardation=1.5, outlet=outlet, input=feed, **more)
    run = simulate(settings, torch.tensor([0.2, 1.7], dtype=torch.float64)).require()
    balance = run.balances[0]
    assert float(balance.residual.abs()) <= 1e-12 * float(balance.scale)
    outputs = {name: float(run.outputs[name].values[0, -1]) for name in ("inflow", "outflow", "storage", "decayed")}
    initial = 1.5 if feed == "leach" else 0.0
    assert outputs["inflow"] + initial - sum(
        outputs[name] for name in ("outflow", "storage", "decayed")
    ) == pytest.approx(0.0, abs=1e-12)
    assert min(outputs["storage"], outputs["outflow"]) > 0.01


def test_decay_takes_the_same_share_of_either_region() -> None:
    kept = simulate(_settings(12, 0.3, 0.8, input="leach"), TIMES).require().outputs["concentration"].values
    lost = simulate(_settings(12, 0.3, 0.8, input="leach", decay=0.4), TIMES).require().outputs["concentration"].values
    torch.testing.assert_close(lost, kept * torch.exp(-0.4 * TIMES), rtol=0, atol=1e-6)


def _level(cells: int, steps: int) -> torch.Tensor:
    """One march, without extrapolation."""
    given = {name: torch.tensor([value], dtype=torch.float64) for name, value in _settings(20, 0.5, 1.0).items()}
    column = scaled(given, Scheme()).column
    run = trace(column, cells, steps, 0, 5.0)
    return interpolate(run.nodes, run.values, torch.ones(1, 1, dtype=torch.float64) / arrival(column))[0, 0]


def test_second_order() -> None:
    exact = inverted(1.0, 20, 0.5, 1.0)
    errors = [abs(float(_level(n, n)) - exact) for n in (96, 192)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["mobile_fraction", "exchange", "velocity", "dispersion", "decay"])
@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
def test_taylor_in_both_modes(name: str, outlet: str) -> None:
    given = {
        key: value * torch.tensor([1.0, 0.9], dtype=torch.float64)
        for key, value in _settings(15, 0.6, 0.8, decay=0.3, retardation=1.2).items()
    }
    at, scheme = Resolution(24, 32, 0 if outlet == "closed" else 24), Scheme(outlet=outlet)

    def curve(value: torch.Tensor) -> torch.Tensor:
        return concentration({**given, name: value}, TIMES, scheme, at)

    start = given[name]
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(start, start.clone())))
    weights = torch.sin(torch.arange(primal.numel(), dtype=torch.float64)).reshape(primal.shape)
    leaf = start.clone().requires_grad_()
    (curve(leaf) * weights).sum().backward()
    assert leaf.grad is not None
    slope = float((leaf.grad * start).sum())
    assert slope == pytest.approx(float((weights * tangent).sum()), rel=1e-10)
    left = [float((curve(start * (1 + h)) - primal - h * tangent).abs().max()) for h in (2.0**-10, 2.0**-11)]
    assert left[-1] > 1e-13
    assert math.log2(left[0] / left[1]) == pytest.approx(2, abs=0.05)


def test_the_model_of_a_fit_is_the_run() -> None:
    settings = EXPERIMENT.read(
        {"length": "30 cm", "velocity": "10 cm/h", "dispersion": "5 cm**2/h", "mobile_fraction": "0.6", "exchange": "1"}
    )
    times = EXPERIMENT.default_times(settings, 25)
    run = simulate(settings, times)
    assert run.status is Status.CONVERGED
    assert EXPERIMENT.model is not None
    given = {
        name: torch.tensor([value], dtype=torch.float64) for name, value in settings.items() if isinstance(value, float)
    }
    curve = EXPERIMENT.model(settings, times)(given, times)
    torch.testing.assert_close(curve, run.outputs["concentration"].values, rtol=0, atol=1e-6)
