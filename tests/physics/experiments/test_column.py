"""The column solver against exact solutions: values, orders, errors, balances."""

import math

import pytest
import torch

from physics.equations.advection_dispersion.breakthrough import Column, arrival, trace
from physics.equations.advection_dispersion.exact import steady_state, step_response
from physics.equations.advection_dispersion.scaling import scaled
from physics.errors import InputError, SolverError
from physics.experiments.column import EXPERIMENT, Resolution, Scheme, default_times, simulate
from physics.integrate import sweeps
from physics.integrate.octaves import interpolate
from physics.solution import Status

OPEN = {"outlet": "semi-infinite"}
HELD = {"inlet": "first-type"}


def _unit_column(peclet: float, **more: object) -> dict[str, object]:
    return {"length": 1.0, "velocity": 1.0, "dispersion": 1.0 / peclet, **more}


def _at(settings: dict[str, object], *times: float) -> list[float]:
    return (
        simulate(settings, torch.tensor(times, dtype=torch.float64))
        .require()
        .outputs["concentration"]
        .values[0]
        .tolist()
    )


@pytest.mark.parametrize(
    ("peclet", "time", "first", "third", "closed"),
    [
        (5, 0.5, 0.1908617552, 0.1070357597, 0.1568059343),
        (5, 1.0, 0.6161631472, 0.4837716419, 0.6025010782),
        (20, 0.75, 0.2208708233, 0.1733979225, 0.2128509743),
        (20, 1.0, 0.56160697, 0.4972467502, 0.5598891951),
        (20, 1.5, 0.9279040333, 0.9055412487, 0.9319100939),
    ],
)
def test_reference_values(peclet: float, time: float, first: float, third: float, closed: float) -> None:
    assert _at(_unit_column(peclet, **HELD, **OPEN), time)[0] == pytest.approx(first, abs=1e-6)
    assert _at(_unit_column(peclet, **OPEN), time)[0] == pytest.approx(third, abs=1e-6)
    assert _at(_unit_column(peclet), time)[0] == pytest.approx(closed, abs=1e-6)


@pytest.mark.parametrize(("da", "value"), [(0.1, 0.905637964942), (1.0, 0.397266773306)])
def test_steady_decay(da: float, value: float) -> None:
    assert _at(_unit_column(10, decay=da), 30.0)[0] == pytest.approx(value, abs=1e-6)


def test_pulse_moments() -> None:
    """A closed column at Pe 20, R = 2: variance 4 * .0950, third moment 8 * .0270, less the pulse's own."""
    duration, retardation = 0.1, 2.0
    times = torch.linspace(0, 16, 3201, dtype=torch.float64)
    settings = _unit_column(20, retardation=retardation, input="pulse", pulse_duration=duration)
    c = simulate(settings, times).require().outputs["concentration"].values[0]
    mass = float(torch.trapezoid(c, times))
    mean = float(torch.trapezoid(c * times, times)) / mass
    second, third = (float(torch.trapezoid(c * (times - mean) ** k, times)) / mass for k in (2, 3))
    assert mass == pytest.approx(duration, rel=1e-6)
    assert mean == pytest.approx(retardation + duration / 2, abs=1e-6)
    decay = math.exp(-20)
    assert second - duration**2 / 12 == pytest.approx(4 * (0.1 - 2 * (1 - decay) / 400), abs=1e-6)
    assert third == pytest.approx(8 * 12 / 400 * (1 - 0.1 + 1.1 * decay), abs=1e-6)


def _level(first: bool, closed: bool, cells: int, steps: int) -> float:
    one = torch.ones(1, dtype=torch.float64)
    column = Column(20 * one, 0.3 * one, one, first, closed, False, True, False)
    run = trace(column, cells, steps, 0 if closed else cells, 3.0)
    return float(interpolate(run.nodes, run.values, one[None] / arrival(column))[0, 0])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_the_scheme_is_of_second_order(first: bool, closed: bool) -> None:
    """Space alone, time alone, and both against the exact value, without extrapolation."""
    space = [_level(first, closed, n, 64) for n in (48, 96, 192)]
    time = [_level(first, closed, 64, n) for n in (48, 96, 192)]
    for values in (space, time):
        assert math.log2(abs((values[0] - values[1]) / (values[1] - values[2]))) == pytest.approx(2, abs=0.1)
    one = torch.ones(1, dtype=torch.float64)
    exact = float(step_response(20 * one, one, damkohler=0.3, first_type=first, closed=closed))
    errors = [abs(_level(first, closed, n, n) - exact) for n in (96, 192)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def _random_batch(count: int, seed: int) -> dict[str, torch.Tensor]:
    make = torch.Generator().manual_seed(seed)

    def spread(low: float, high: float) -> torch.Tensor:
        return low * (high / low) ** torch.rand(count, generator=make, dtype=torch.float64)

    length, velocity = spread(0.05, 2.0), spread(1e-6, 1e-4)
    retardation = spread(0.8, 5.0)
    return {
        "length": length,
        "velocity": velocity,
        "dispersion": velocity * length / spread(0.5, 300.0),
        "retardation": retardation,
        "decay": spread(1e-2, 3.0) * velocity / length,
    }


@pytest.mark.parametrize("inlet", ["third-type", "first-type"])
@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
@pytest.mark.parametrize("reading", ["resident", "flux"])
def test_error_stays_within_its_estimate(inlet: str, outlet: str, reading: str) -> None:
    """Random columns over the range of Peclet numbers, half of them read inside, against the exact curve."""
    batch = _random_batch(24, seed=len(inlet) + 10 * len(outlet) + 100 * len(reading))
    share = torch.where(torch.arange(24) % 2 == 0, 1.0, torch.linspace(0.2, 0.95, 24, dtype=torch.float64))
    batch["position"] = share * batch["length"]
    scheme = Scheme(inlet, outlet, reading, "step")
    unit = batch["retardation"] * batch["length"] / batch["velocity"]
    times = torch.linspace(0, 1, 61, dtype=torch.float64) * float(unit.median()) * 2
    run = simulate({**batch, "inlet": inlet, "outlet": outlet, "reading": reading}, times, tolerance=1e-5).require()
    case = scaled(batch, scheme)
    exact = step_response(
        case.column.peclet[:, None],
        times / case.time[:, None],
        place=case.column.place[:, None],
        damkohler=case.column.damkohler[:, None],
        first_type=inlet == "first-type",
        closed=outlet == "closed",
        flux=reading == "flux",
    )
    output = run.outputs["concentration"]
    error = (output.values - exact).abs().amax(1)
    assert output.error is not None
    assert (error <= 1e-5).all()
    assert (error <= 2 * output.error[:, 0] + 1e-11).all()
    assert run.balances[0].ok.all()


@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
@pytest.mark.parametrize("inlet", ["third-type", "first-type"])
@pytest.mark.parametrize("feed", ["step", "pulse", "leach"])
def test_mass_balance(outlet: str, inlet: str, feed: str) -> None:
    more: dict[str, object] = {"pulse_duration": 0.33} if feed == "pulse" else {}
    settings = _unit_column(30, decay=0.5, retardation=1.7, outlet=outlet, inlet=inlet, input=feed, **more)
    balance = simulate(settings, torch.tensor([0.4, 2.1], dtype=torch.float64)).require().balances[0]
    assert float(balance.residual.abs()) <= 1e-10 * float(balance.scale)
    terms = {name: float(value) for name, value in balance.terms.items()}
    assert terms["decayed"] > 0
    assert terms["stored"] > 0
    if inlet == "third-type":
        assert terms["in"] == pytest.approx({"step": 2.1, "pulse": 0.33, "leach": 0.0}[feed], abs=1e-12)
    assert terms["initial"] == pytest.approx(1.7 if feed == "leach" else 0.0)


def test_leach_and_pulse_follow_from_the_step() -> None:
    times = torch.linspace(0.05, 3, 40, dtype=torch.float64)
    pe = torch.tensor(12.0, dtype=torch.float64)
    step = step_response(pe, times)
    leach = torch.tensor(_at(_unit_column(12, input="leach", decay=0.2), *times.tolist()), dtype=torch.float64)
    torch.testing.assert_close(leach, torch.exp(-0.2 * times) * (1 - step), rtol=0, atol=1e-6)
    pulse = _at(_unit_column(12, input="pulse", pulse_duration=0.4), *times.tolist())
    expected = step - step_response(pe, times - 0.4)
    torch.testing.assert_close(torch.tensor(pulse, dtype=torch.float64), expected, rtol=0, atol=1e-6)


def test_batch_and_single_runs_agree() -> None:
    batch = _random_batch(5, seed=3)
    times = torch.linspace(0, 1e5, 21, dtype=torch.float64)
    together = simulate(batch, times).outputs["concentration"].values
    for k in range(5):
        alone = simulate({name: value[k] for name, value in batch.items()}, times)
        torch.testing.assert_close(together[k], alone.outputs["concentration"].values[0], rtol=0, atol=2e-6)


def test_a_long_run_costs_octaves() -> None:
    run = simulate(_unit_column(10), torch.tensor([1e7], dtype=torch.float64)).require()
    assert run.outputs["concentration"].values[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert run.cost.steps < 3000


def test_a_pinned_resolution_is_kept_and_reported() -> None:
    run = simulate(_unit_column(10), resolution=Resolution(64, 96))
    assert run.cost.cells == 64
    assert run.status is Status.CONVERGED
    with pytest.raises(InputError, match="multiple of"):
        simulate(_unit_column(10), resolution=Resolution(63, 96))


def test_says_when_the_tolerance_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("physics.equations.advection_dispersion.refinement.MOST", 64)
    run = simulate(_unit_column(500), tolerance=1e-8)
    assert run.status is Status.TOLERANCE_NOT_MET
    assert float(run.outputs["concentration"].error.max()) > 1e-8  # type: ignore[union-attr]
    with pytest.raises(SolverError, match="1 of 1 columns"):
        run.require()


def test_flow_gives_the_velocity() -> None:
    given = EXPERIMENT.read(
        {
            "length": "30 cm",
            "flow": "2 mL/min",
            "diameter": "5 cm",
            "porosity": "0.38",
            "dispersion": "4 cm**2/h",
        }
    )
    assert given["velocity"] == pytest.approx(2e-6 / 60 / (0.38 * math.pi * 0.025**2))
    assert given["position"] == given["length"]
    settled = simulate(given).outputs["concentration"].values[0, -1]
    assert settled == pytest.approx(1, abs=1e-3)
    assert len(default_times(given, 7)) == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": "0 cm"}, "length"),
        ({"length": "30 h"}, "length"),
        ({"lenght": "30 cm"}, "did you mean length"),
        ({"length": "30 cm"}, "velocity, dispersion is missing"),
        ({"length": "30 cm", "flow": "1 mL/min", "dispersion": "1 cm**2/h"}, "diameter and porosity"),
        (
            {
                "length": "30 cm",
                "flow": "1 mL/min",
                "diameter": "5 cm",
                "porosity": "0.4",
                "velocity": "1 cm/h",
            },
            "not both",
        ),
        (
            {"length": "3 cm", "velocity": "1 cm/h", "dispersion": "1 cm**2/h", "position": "4 cm"},
            "beyond length",
        ),
        (
            {"length": "3 cm", "velocity": "1 cm/h", "dispersion": "1 cm**2/h", "input": "pulse"},
            "pulse_duration",
        ),
        ({"length": "3 cm", "velocity": "1 cm/h", "dispersion": "1 cm**2/h", "inlet": "open"}, "third-type"),
        ({"length": "3 cm", "velocity": "nan", "dispersion": "1 cm**2/h"}, "velocity"),
    ],
)
def test_bad_input_is_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        EXPERIMENT.read(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("times", [[], [-1.0], [float("nan")], [[1.0]]])
def test_bad_times_are_named(times: list) -> None:
    with pytest.raises(InputError, match="times"):
        simulate(_unit_column(5), torch.tensor(times, dtype=torch.float64))


def test_steady_state_of_an_open_column() -> None:
    value = float(steady_state(torch.tensor(8.0), torch.tensor(0.7), closed=False))
    assert _at(_unit_column(8, decay=0.7, **OPEN), 50.0)[0] == pytest.approx(value, abs=1e-6)


def test_array_operations_give_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The march for other devices, here on the processor, through the whole solver."""
    settings = _unit_column(15, decay=0.2, input="pulse", pulse_duration=0.3, **OPEN)
    at, times = Resolution(48, 64, 48), torch.linspace(0.1, 3, 9, dtype=torch.float64)
    compiled = simulate(settings, times, resolution=at)
    monkeypatch.setattr("physics.integrate.crank_nicolson._forward", sweeps.forward)
    arrays = simulate(settings, times, resolution=at)
    one, other = compiled.outputs["concentration"].values, arrays.outputs["concentration"].values
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert arrays.balances[0].ok.all()


def test_batches_must_agree() -> None:
    two, three = torch.ones(2, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    with pytest.raises(InputError, match="batches differ"):
        simulate({"length": two, "velocity": three, "dispersion": 0.1})


def test_a_run_carries_gradients() -> None:
    dispersion = torch.tensor([0.05], dtype=torch.float64, requires_grad=True)
    times = torch.tensor([0.8], dtype=torch.float64)
    run = simulate({"length": 1.0, "velocity": 1.0, "dispersion": dispersion}, times)
    run.outputs["concentration"].values.sum().backward()
    h, near = 1e-6, []
    for shift in (-h, h):
        peclet = torch.tensor(1 / (0.05 + shift), dtype=torch.float64)
        near.append(float(step_response(peclet, times[0])))
    assert dispersion.grad is not None
    assert float(dispersion.grad) == pytest.approx((near[1] - near[0]) / (2 * h), rel=1e-4)
