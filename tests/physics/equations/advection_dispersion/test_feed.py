"""A feed that a person measured, by superposition; several sensors at once."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from physics.equations.advection_dispersion.exact import step_response
from physics.equations.advection_dispersion.feed import lines
from physics.errors import InputError
from physics.experiments.column import EXPERIMENT, Resolution, Scheme, concentration, default_times, simulate
from physics.series import Series

PECLET = torch.tensor(20.0, dtype=torch.float64)
SAW = Series((0.2, 0.5, 0.55, 1.4), (0.3, 1.0, 0.1, 0.6))
TIMES = torch.tensor([0.1, 0.4, 0.9, 1.3, 2.2, 5.0], dtype=torch.float64)


def _settings(**more: object) -> dict[str, object]:
    return {"length": 1.0, "velocity": 1.0, "dispersion": 1 / 20, "input": SAW} | more


def _superposed(time: float) -> float:
    """Duhamel's integral of the exact step response, Gauss on each straight line."""
    nodes, weights = torch.tensor(list(zip(*_gauss(40), strict=True)), dtype=torch.float64).T
    first = SAW.value[0]
    total = first * float(step_response(PECLET, torch.tensor(time, dtype=torch.float64)))
    for k in range(len(SAW.time) - 1):
        (a, b), slope = SAW.time[k : k + 2], (SAW.value[k + 1] - SAW.value[k]) / (SAW.time[k + 1] - SAW.time[k])
        middle, half = (a + b) / 2, (b - a) / 2
        total += slope * half * float((weights * step_response(PECLET, time - middle - half * nodes)).sum())
    return total


def _gauss(count: int) -> tuple[list[float], list[float]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes.tolist(), weights.tolist()


def test_lines_bend_where_the_rows_are() -> None:
    first, knots, bends = lines(Series((-1.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 2.0)))
    assert first == pytest.approx(0.5)
    assert knots.tolist() == [0.0, 1.0, 2.0]
    assert bends == pytest.approx([0.5, 0.5, -1.0])
    with pytest.raises(InputError, match="zero or more"):
        lines(Series((0.0, 1.0), (0.0, -1.0)))


def test_against_duhamels_integral() -> None:
    run = simulate(_settings(), TIMES, tolerance=1e-7).require()
    exact = torch.tensor([_superposed(float(time)) for time in TIMES], dtype=torch.float64)
    torch.testing.assert_close(run.outputs["concentration"].values[0], exact, rtol=0, atol=1e-7)
    assert run.balances[0].ok.all()
    area = sum(
        (b - a) * (f + g) / 2 for a, b, f, g in zip(SAW.time, SAW.time[1:], SAW.value, SAW.value[1:], strict=False)
    )
    fed = 0.3 * 0.2 + area + 0.6 * (5.0 - 1.4)
    assert float(run.balances[0].terms["in"]) == pytest.approx(fed, rel=1e-10)


def test_a_constant_feed_is_a_step() -> None:
    flat = Series((0.0, 1.0), (1.0, 1.0))
    more = {"mobile_fraction": 0.5, "exchange": 1.0, "decay": 0.2, "outlet": "semi-infinite"}
    one = simulate(_settings(input=flat, **more), TIMES).outputs["concentration"].values
    other = simulate(_settings(input="step", **more), TIMES).outputs["concentration"].values
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("# bromide\ntime_h,relative_concentration\n0,0\n1,1\n2,0\n")
    settings = EXPERIMENT.read(dict(EXPERIMENT.example) | {"input": str(path)})
    run = simulate(settings, default_times(settings, 61)).require()
    assert float(run.outputs["concentration"].values[0].max()) < 1
    assert float(run.outputs["inflow"].values[0, -1]) == pytest.approx(0.1, rel=1e-9)  # an hour at 10 cm/h
    assert float(run.outputs["outflow"].values[0, -1]) == pytest.approx(0.1, rel=1e-3)
    path.write_text("time_h,relative_concentration\n0,0\n1,-1\n")
    with pytest.raises(InputError, match="zero or more"):
        EXPERIMENT.read(dict(EXPERIMENT.example) | {"input": str(path)})


@pytest.mark.parametrize("name", ["velocity", "dispersion", "retardation"])
def test_taylor(name: str) -> None:
    given = {
        key: torch.tensor([value], dtype=torch.float64)
        for key, value in _settings(retardation=1.3).items()
        if key != "input"
    }

    def curve(value: torch.Tensor) -> torch.Tensor:
        return concentration({**given, name: value}, TIMES, Scheme(input=SAW), Resolution(24, 32))

    start = given[name]
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(curve(forward_ad.make_dual(start, start.clone())))
    left = [float((curve(start * (1 + h)) - primal - h * tangent).abs().max()) for h in (2.0**-10, 2.0**-11)]
    assert math.log2(left[0] / left[1]) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
def test_several_sensors_are_the_single_ones(outlet: str) -> None:
    places, batch = (0.3, 1.0, 0.55), torch.tensor([0.05, 0.1], dtype=torch.float64)
    settings = {"length": 1.0, "velocity": 1.0, "dispersion": batch, "outlet": outlet}
    run = simulate(settings | {"position": places}, TIMES).require()
    output = run.outputs["concentration"]
    assert output.values.shape == (2, len(TIMES), 3)
    assert output.error is not None
    assert output.error.shape == output.values.shape
    assert output.coordinates["position"].tolist() == list(places)
    for k, place in enumerate(places):
        alone = simulate(settings | {"position": place}, TIMES).require()
        torch.testing.assert_close(output.values[..., k], alone.outputs["concentration"].values, rtol=0, atol=2e-6)
        if place == 1.0:
            torch.testing.assert_close(
                run.outputs["outflow"].values, alone.outputs["outflow"].values, rtol=0, atol=1e-5
            )
    assert run.balances[0].residual.shape == (2,)
    assert run.balances[0].ok.all()


def test_sensors_are_read_and_checked() -> None:
    settings = EXPERIMENT.read(dict(EXPERIMENT.example) | {"position": "5 cm, 10 cm"})
    assert settings["position"] == pytest.approx((0.05, 0.1))
    with pytest.raises(InputError, match="beyond length"):
        EXPERIMENT.read(dict(EXPERIMENT.example) | {"position": "5 cm, 31 cm"})
    assert EXPERIMENT.model is not None
    with pytest.raises(InputError, match="several sensors"):
        EXPERIMENT.model(settings, TIMES)


@pytest.mark.parametrize("place", [-0.5, 0.0, float("nan"), float("inf")])
def test_a_sensor_outside_the_column_is_named(place: float) -> None:
    with pytest.raises(InputError, match="position"):
        simulate({"length": 1.0, "velocity": 1.0, "dispersion": 0.05, "position": (0.4, place)})
