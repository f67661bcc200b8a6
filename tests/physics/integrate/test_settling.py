"""A run settles when its watched value rests, and an oscillation never does."""

import math

import pytest
import torch

from physics.errors import ParameterError
from physics.integrate.loop import march
from physics.integrate.settling import Settling
from physics.solution import Status

F64 = torch.float64


def decay(rate):
    """Implicit midpoint rule for du/dt = -rate u."""
    return lambda state, time, dt: (state[0] * (1 - rate * dt / 2) / (1 + rate * dt / 2),)


def one(batch=1):
    return (torch.ones(batch, dtype=F64),)


def test_settling_stops_the_run() -> None:
    """1 + exp(-t) is within 1e-3 of 1 from t = 6.9 on; it rests over 5 once exp(-t) (e^5 - 1) < 1e-3."""
    settling = Settling(lambda s: 1 + s[0], 1e-3, window=5.0, every=0.1)
    run = march(decay(torch.tensor([1.0, 3.0], dtype=F64)), one(2), [100.0], dt=0.05, settling=settling)
    assert run.status is Status.CONVERGED
    assert run.time == pytest.approx(math.log((math.e**5 - 1) / 1e-3), abs=0.2)
    assert run.settled_at is not None
    assert run.settled_at.tolist() == pytest.approx([math.log(1e3), math.log(1e3) / 3], abs=0.15)


def test_an_oscillation_never_settles() -> None:
    def turn(state, time, dt):
        c, s = math.cos(dt), math.sin(dt)
        return (state[0] * c - state[1] * s, state[0] * s + state[1] * c)

    start = (torch.ones(1, dtype=F64), torch.zeros(1, dtype=F64))
    run = march(turn, start, [40.0], dt=0.1, settling=Settling(lambda s: 3 + s[0], 1e-3, window=4.0))
    assert run.status is Status.NOT_SETTLED
    assert "run longer" in run.message
    assert run.settled_at is not None
    assert math.isnan(run.settled_at[0])
    short = march(turn, start, [1.0], dt=0.1, settling=Settling(lambda s: s[0], 1e-3, window=4.0))
    assert "shorter than" in short.message


def test_a_run_may_go_on_and_only_say_when_it_settled() -> None:
    settling = Settling(lambda s: 1 + s[0], 1e-3, window=5.0, every=0.1, stop=False)
    run = march(decay(1.0), one(), [20.0], dt=0.05, settling=settling)
    assert run.time == 20
    assert run.settled_at is not None
    assert float(run.settled_at[0]) == pytest.approx(math.log(1e3), abs=0.15)


def test_a_member_that_diverged_does_not_hold_up_the_others() -> None:
    settling = Settling(lambda s: 1 + s[0], 1e-3, window=2.0)
    factor = torch.tensor([0.9, 1e40], dtype=F64)
    run = march(lambda s, t, dt: (s[0] * factor,), one(2), [1000.0], dt=0.1, settling=settling)
    assert run.status is Status.DIVERGED
    assert run.time < 20
    assert run.settled_at is not None
    assert not math.isnan(run.settled_at[0])
    assert math.isnan(run.settled_at[1])


@pytest.mark.parametrize(("change", "window"), [(0.0, 1.0), (1e-3, 0.0), (1e-3, math.inf)])
def test_bad_settings(change, window) -> None:
    with pytest.raises(ParameterError):
        Settling(lambda s: s[0], change, window)
