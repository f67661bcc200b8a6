import pytest
import torch

from physics.calibrate.start import start_column
from physics.errors import DataError

TRUE = {"velocity": 2.5, "dispersion": 0.15, "position": 11.0}


def curve(model, t):
    return model({k: torch.tensor([v], dtype=torch.float64) for k, v in TRUE.items()}, t)[0]


@pytest.mark.parametrize("end", [7.0, 4.4])
@pytest.mark.parametrize("kind", ["step", "leach"])
def test_front(model, kind, end):
    t = torch.linspace(2.5, end, 60, dtype=torch.float64)
    c = curve(model, t) + 0.01 * torch.randn(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = start_column(t, 1 - c if kind == "leach" else c, 11.0, input=kind)
    assert start["velocity"] == pytest.approx(2.5, rel=0.03)
    assert start["dispersion"] == pytest.approx(0.15, rel=0.4)


def test_pulse(model):
    t = torch.linspace(0.01, 9.0, 900, dtype=torch.float64)
    later = torch.where(t > 1.01, curve(model, (t - 1).clamp_min(0.01)), torch.zeros_like(t))
    start = start_column(t, curve(model, t) - later, 11.0, input="pulse", pulse_duration=1.0)
    assert start["velocity"] == pytest.approx(2.5, rel=0.03)
    assert start["dispersion"] == pytest.approx(0.15, rel=0.15)


def test_retardation_scales_the_velocity(model):
    t = torch.linspace(2.5, 7, 60, dtype=torch.float64)
    one, two = (start_column(t, curve(model, t), 11.0, retardation=R) for R in (1.0, 2.0))
    assert two["velocity"] == pytest.approx(2 * one["velocity"])


def test_a_flat_curve_is_refused():
    with pytest.raises(DataError, match="does not change"):
        start_column([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 11.0)
    with pytest.raises(DataError, match="no tracer"):
        start_column([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 11.0, input="pulse", pulse_duration=1.0)


def test_a_front_between_two_points():
    start = start_column([1.0, 4.0, 5.0, 9.0], [0.0, 0.0, 1.0, 1.0], 9.0)
    assert start["velocity"] == pytest.approx(2.0)


def test_a_curve_that_goes_another_way_is_refused():
    rise = [0.0, 0.01, 0.1, 0.4, 0.8, 0.97, 1.0, 1.0]
    t = list(range(1, 9))
    with pytest.raises(DataError, match=r"from 1 to 0\.0.*set input=leach"):
        start_column(t, rise[::-1], 11.0)
    with pytest.raises(DataError, match="set input=step"):
        start_column(t, rise, 11.0, input="leach")
    with pytest.raises(DataError, match=r"as after a pulse.*input=pulse and pulse_duration"):
        start_column(t, [0.0, 0.1, 0.6, 0.9, 0.7, 0.3, 0.05, 0.0], 11.0)
    spike = [0.0, 0.9, *rise[1:]]  # one reading far off is no pulse
    assert start_column(list(range(1, 10)), spike, 11.0)["velocity"] > 0


def test_a_level_between_is_on_no_side_of_the_front():
    with pytest.raises(DataError, match=r"stays near 0\.5, which is neither before the front nor after"):
        start_column([1.0, 2.0, 3.0], [0.5, 0.5, 0.5], 11.0)
