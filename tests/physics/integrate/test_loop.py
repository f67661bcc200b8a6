"""The loop meets its output times, finds what diverges, and keeps gradients clean of the time step."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from physics.errors import ParameterError
from physics.integrate.loop import ladder, march
from physics.solution import Status

F64 = torch.float64


def decay(rate):
    """Implicit midpoint rule for du/dt = -rate u."""
    return lambda state, time, dt: (state[0] * (1 - rate * dt / 2) / (1 + rate * dt / 2),)


def one(batch=1):
    return (torch.ones(batch, dtype=F64),)


RUNGS = sorted({1, 2} | {3 * 2**k for k in range(22)} | {2**k for k in range(23)})


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_ladder(span, longest) -> None:
    assert ladder(span, longest) == next(n for n in RUNGS if span / n <= longest * (1 + 1e-11))


@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6),
    st.floats(0.003, 0.5),
    st.lists(st.floats(0.005, 0.5), min_size=1, max_size=7),
)
def test_meets_every_output_time_within_the_limit(spans, fixed, limits) -> None:
    times = torch.tensor(spans, dtype=F64).cumsum(0)
    given_limits = []

    def limit(state):
        given_limits.append(limits[len(given_limits) % len(limits)])
        return given_limits[-1]

    for dt in (fixed, limit):
        seen = []

        def clock(state, time, dt, seen=seen):
            seen.append((time, dt))
            return (state[0] + dt,)

        run = march(clock, (torch.zeros(2, dtype=F64),), times, dt=dt)
        assert run.status is Status.CONVERGED
        assert run.frames[0][:, 1] == pytest.approx(times.tolist(), abs=1e-9)
        assert run.dts == [length for _, length in seen]
        starts = torch.tensor([time for time, _ in seen], dtype=F64)
        assert torch.allclose(starts, torch.tensor([0.0, *run.dts[:-1]], dtype=F64).cumsum(0), atol=1e-9)
        assert max(run.dts) <= (max(limits) if callable(dt) else fixed) * (1 + 1e-9)


def test_second_order() -> None:
    errors = [float(abs(march(decay(1.0), one(), [1.0], dt=1 / n).state[0] - math.exp(-1))) for n in (16, 32, 64)]
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


def test_the_first_frame_may_be_the_start() -> None:
    run = march(decay(1.0), one(), [0.0, 0.5], dt=0.1, observe=lambda s: (s[0], s[0] ** 2))
    assert run.frames[0][0, 0] == 1
    assert torch.equal(run.frames[1], run.frames[0] ** 2)


def test_a_gradient_does_not_see_the_choice_of_the_step() -> None:
    """The limit depends on the state, yet the derivative is that of the replay with the same steps."""
    rate = torch.tensor([2.0], dtype=F64, requires_grad=True)
    run = march(decay(rate), one(), [1.0], dt=lambda s: 0.05 / s[0])
    (slope,) = torch.autograd.grad(run.state[0].sum(), rate)
    again, state = rate.detach().clone().requires_grad_(), one()
    for dt in run.dts:
        state = decay(again)(state, 0.0, dt)
    (expected,) = torch.autograd.grad(state[0].sum(), again)
    assert len(set(run.dts)) > 1
    assert torch.equal(slope, expected)


@pytest.mark.parametrize("dt", [0.01, lambda s: 0.01 / s[0].abs().clamp(min=1.0)], ids=["fixed", "limited"])
def test_one_member_diverges(dt) -> None:
    """du/dt = u^2 from 1 blows up at t = 1, from -1 it does not."""
    start = (torch.tensor([-1.0, 1.0], dtype=F64),)
    run = march(lambda s, t, dt: (s[0] + dt * s[0] ** 2,), start, [0.5, 4.0], dt=dt, advice="start lower", unit="h")
    assert run.status is Status.DIVERGED
    assert "member 1" in run.message
    assert run.message.endswith("h; start lower")
    assert math.isnan(run.diverged_at[0])
    assert 0.99 < float(run.diverged_at[1]) < 1.5
    assert float(run.frames[0][1, 0]) == pytest.approx(-1 / 5, rel=0.02)  # the other went on


def test_all_diverge_and_the_loop_ends() -> None:
    run = march(lambda s, t, dt: (s[0] * 1e60,), one(3), [1.0, 2.0], dt=1e-3)
    assert run.status is Status.DIVERGED
    assert run.steps < 100
    assert len(run.times) == 0


def test_the_number_of_steps_is_bounded() -> None:
    run = march(decay(1.0), one(), [1.0, 2.0], dt=0.01, max_steps=150)
    assert run.status is Status.NOT_SETTLED
    assert run.steps == 150
    assert run.times.tolist() == [1.0]
    assert run.time == pytest.approx(1.5)


def test_progress_rises_to_one() -> None:
    told: list[tuple[float, str]] = []
    march(
        decay(1.0), one(), [0.5, 1.0], dt=0.01, progress=lambda share, word: told.append((share, word)), word="cooling"
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 4
    assert {word for _, word in told} == {"cooling"}


@pytest.mark.parametrize(
    ("times", "dt"), [([], 0.1), ([1.0, 0.5], 0.1), ([math.nan], 0.1), ([-1.0], 0.1), ([1.0], 0.0), ([1.0], math.nan)]
)
def test_bad_times_and_steps(times, dt) -> None:
    with pytest.raises(ParameterError):
        march(decay(1.0), one(), times, dt=dt)
