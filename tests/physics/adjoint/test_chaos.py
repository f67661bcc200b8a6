"""Lorenz 63: chaotic at r = 28, at rest at r = 10; both in one batch."""

import math

import pytest
import torch

from physics.adjoint.chaos import AdjointClip, growth
from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import binomial, store_all
from physics.errors import ParameterError
from physics.solution import Status

F64 = torch.float64
DT = 0.01
R = torch.tensor([28.0, 10.0], dtype=F64)


def rates(u, r):
    x, y, z = u.unbind(1)
    return torch.stack([10 * (y - x), x * (r - z) - y, x * y - 8 / 3 * z], dim=1)


def lorenz(state, parameters, index):
    """One classical Runge-Kutta step."""
    (u,), (r,) = state, parameters
    a = rates(u, r)
    b = rates(u + DT / 2 * a, r)
    c = rates(u + DT / 2 * b, r)
    d = rates(u + DT * c, r)
    return (u + DT / 6 * (a + 2 * b + 2 * c + d),)


def start():
    return (torch.tensor([[-8.0, -9.0, 25.0]], dtype=F64).repeat(2, 1),)


def test_exponent_of_a_linear_map_is_exact() -> None:
    factors = torch.tensor([[2.0, 0.5], [0.9, 0.3]], dtype=F64)
    found = growth(lambda s, p, k: (s[0] * factors,), (torch.ones(2, 2, dtype=F64),), (), 100, dts=0.5)
    assert found.exponent.tolist() == pytest.approx([math.log(2) / 0.5, math.log(0.9) / 0.5], rel=1e-5)
    assert found.status is Status.CHAOTIC  # it grows and never ends
    assert float(found.horizon[0]) == pytest.approx(math.log(1e3) / math.log(2) * 0.5, abs=6)


def test_a_spectral_state_with_a_counter() -> None:
    factors = torch.tensor([[1.5j, 0.2]], dtype=torch.complex128)
    found = growth(
        lambda s, p, k: (s[0] * factors, s[1] + 1), (torch.ones(1, 2, dtype=torch.complex128), torch.tensor(0)), (), 60
    )
    assert float(found.exponent[0]) == pytest.approx(math.log(1.5), rel=1e-5)


@pytest.fixture(scope="module")
def found():
    return growth(lorenz, start(), (R,), 8000, dts=DT)


def test_lorenz_is_chaotic_at_28_and_not_at_10(found) -> None:
    assert found.status is Status.CHAOTIC
    assert float(found.exponent[0]) == pytest.approx(0.906, abs=0.1)
    assert float(found.exponent[1]) == pytest.approx(-0.595, abs=0.01)  # the slowest eigenvalue at rest
    assert math.isnan(found.horizon[1])
    horizon = float(found.horizon[0])
    assert 3 < horizon < 20
    assert f"after t = {horizon:.4g} s is not to be trusted" in found.message
    assert found.message.startswith("member 0")


def test_the_horizon_is_where_two_runs_part(found) -> None:
    """A change of 0.1 % of the size of the attractor has become its size by then, and not long before."""
    horizon = float(found.horizon[0])
    near, far = start(), (start()[0] * 1.001,)
    apart = []
    for k in range(round(1.5 * horizon / DT)):
        near, far = lorenz(near, (R,), k), lorenz(far, (R,), k)
        apart.append(float((near[0] - far[0])[0].norm()))
    first = next(k for k, distance in enumerate(apart) if distance > 10) * DT
    assert 0.4 * horizon < first < 1.5 * horizon


def test_growth_that_saturates_is_not_chaos() -> None:
    """du/dt = u - u^3 from 1e-6: an instability that grows a millionfold and comes to rest."""
    found = growth(
        lambda s, p, k: (s[0] + 0.1 * (s[0] - s[0] ** 3),), (torch.full((1, 1), 1e-6, dtype=F64),), (), 400, dts=0.1
    )
    assert float(found.log_growth.max()) > math.log(1e4)
    assert found.status is Status.CONVERGED
    assert found.message == ""


def test_two_runs_that_meet_exactly() -> None:
    found = growth(lambda s, p, k: (s[0] * 1e-12 + 1,), (torch.ones(1, 3, dtype=F64),), (), 40, every=5)
    assert found.status is Status.CONVERGED
    assert float(found.exponent[0]) < -1


def test_a_run_that_diverges_is_not_called_quiet() -> None:
    found = growth(lambda s, p, k: (s[0] ** 2,), (torch.tensor([[1.0], [3.0]], dtype=F64),), (), 40, every=5)
    assert found.status is Status.DIVERGED
    assert found.message.startswith("member 1")


def gradient(steps, watch, make):
    r = R.clone().requires_grad_()
    _, curve = checkpointed(
        lorenz, start(), (r,), steps, schedule=make(steps), observe=lambda s, k: s[0][:, 2], at=[steps], watch=watch
    )
    assert curve is not None
    return torch.autograd.grad(curve.sum(), r)[0]


@pytest.mark.parametrize("make", [store_all, lambda n: binomial(n, 60)], ids=["taped", "checkpointed"])
def test_the_adjoint_is_clipped_where_it_is_chaotic(make) -> None:
    steps = 1500
    free, clip = gradient(steps, None, make), AdjointClip(limit=10)
    held = gradient(steps, clip, make)
    assert abs(float(free[0])) > 1e3  # the attractor is 40 wide, and its mean moves by about one a unit of r
    assert abs(float(held[0])) < 0.1 * abs(float(free[0]))
    assert float(held[1]) == float(free[1])  # the quiet member is left alone
    assert float(held[1]) == pytest.approx(1, abs=0.01)  # z = r - 1 at rest, which it nears as exp(-0.6 t)
    assert clip.status is Status.CHAOTIC
    assert clip.index is not None
    assert int(clip.index[1]) == -1
    message = clip.message(DT)
    span = (steps - int(clip.index[0])) * DT
    assert message.startswith("member 0: the adjoint grew more than 1e+01 times")
    assert f"after t = {span:.4g} s is not to be trusted" in message


def test_a_short_run_is_not_clipped_and_a_clip_is_used_again() -> None:
    clip = AdjointClip(limit=10)
    gradient(1500, clip, store_all)
    assert clip.status is Status.CHAOTIC
    short = gradient(50, clip, store_all)
    assert clip.status is Status.CONVERGED
    assert clip.message() == ""
    assert torch.equal(short, gradient(50, None, store_all))


def test_an_adjoint_that_overflows_is_held() -> None:
    clip = AdjointClip()
    factor = torch.tensor([1e200, 0.5], dtype=F64, requires_grad=True)
    (end,), _ = checkpointed(
        lambda s, p, k: (torch.tanh(s[0] * p[0]),), (torch.zeros(2, dtype=F64),), (factor,), 4,
        schedule=store_all(4), watch=clip,
    )  # fmt: skip
    (slope,) = torch.autograd.grad(end.sum(), factor)
    assert bool(torch.isfinite(slope).all())
    assert clip.status is Status.CHAOTIC


def test_bad_arguments() -> None:
    with pytest.raises(ParameterError):
        AdjointClip(limit=0.5)
    with pytest.raises(ParameterError):
        growth(lorenz, start(), (R,), 10, change=2.0)
    with pytest.raises(ParameterError, match="do not fit"):
        growth(lorenz, start(), (R,), 10, dts=[0.1])
