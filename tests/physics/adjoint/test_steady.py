"""Steady states and their derivatives against exact ones, marches and finite differences."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from physics.adjoint.steady import Krylov, of_step, steady
from physics.errors import ParameterError, SolverError
from physics.solution import Status

F64 = torch.float64
N = 40


def root(state, parameters):
    return (state[0] ** 2 - parameters[0][:, None],)


def bratu(state, parameters):
    """u'' + p exp(u) = 0 on (0, 1), u = 0 at both ends, scaled by h^2."""
    (u,), (p,) = state, parameters
    padded = torch.nn.functional.pad(u, (1, 1))
    return (padded[:, 2:] - 2 * u + padded[:, :-2] + p[:, None] * torch.exp(u) / (N + 1) ** 2,)


def reacting(state, parameters, index):
    """One explicit step of two coupled fields (a fed, decaying reaction with diffusion)."""
    (a, b), (feed, decay) = state, parameters
    rate = a * b**2
    spread = [torch.roll(f, 1, 1) + torch.roll(f, -1, 1) - 2 * f for f in (a, b)]
    where = 1 + 0.3 * torch.sin(torch.arange(a.shape[1], dtype=F64) * 2 * math.pi / a.shape[1])
    return (
        a + 0.2 * (spread[0] + feed[:, None] * (where - a) - rate),
        b + 0.2 * (0.5 * spread[1] + rate + 0.3 * where - decay * b),
    )


def fields(batch=2, n=12):
    return (torch.ones(batch, n, dtype=F64), torch.ones(batch, n, dtype=F64))


def test_square_root() -> None:
    p = torch.tensor([2.0, 3.0, 10.0], dtype=F64, requires_grad=True)
    found = steady(root, (torch.ones(3, 1, dtype=F64),), (p,), tolerance=1e-13)
    assert found.status is Status.CONVERGED
    assert torch.allclose(found.state[0][:, 0], p.sqrt(), rtol=1e-13)
    (slope,) = torch.autograd.grad(found.state[0].sum(), p)
    assert torch.allclose(slope, 0.5 / p.detach().sqrt(), rtol=1e-11)


def test_bratu_is_of_second_order() -> None:
    """u(1/2) = 2 ln cosh(t / 4) with t = sqrt(2 p) cosh(t / 4); here p = 1."""
    theta = 1.5171645990508
    assert theta == pytest.approx(math.sqrt(2) * math.cosh(theta / 4), rel=1e-12)
    p = torch.ones(1, dtype=F64)
    found = steady(bratu, (torch.zeros(1, N, dtype=F64),), (p,), tolerance=1e-13)
    u = found.state[0][0]
    x = torch.arange(1, N + 1, dtype=F64) / (N + 1)
    exact = -2 * torch.log(torch.cosh((x - 0.5) * theta / 2) / math.cosh(theta / 4))
    assert found.iterations <= 8
    assert float((u - exact).abs().max()) < 0.03 / (N + 1) ** 2


@pytest.mark.parametrize("method", [{"mixing": 0}, {"newton": 0, "mixing": 300}], ids=["newton", "anderson"])
def test_a_step_map_rests_where_its_march_ends(method) -> None:
    parameters = (torch.tensor([0.5, 0.7], dtype=F64), torch.tensor(1.5, dtype=F64))
    found = steady(of_step(reacting), fields(), parameters, tolerance=1e-12, **method)
    assert found.status is Status.CONVERGED, found.message
    state = fields()
    for k in range(2000):
        state = reacting(state, parameters, k)
    for mine, theirs in zip(found.state, state, strict=True):
        assert float((mine - theirs).abs().max()) < 1e-10


@pytest.mark.parametrize("which", [0, 1])
def test_taylor_and_both_modes(which) -> None:
    parameters = [torch.tensor([0.5, 0.7], dtype=F64), torch.tensor(1.5, dtype=F64)]
    weights = torch.cos(torch.arange(12, dtype=F64))

    def value(p):
        given = tuple(p if k == which else other for k, other in enumerate(parameters))
        a, b = steady(of_step(reacting), fields(), given, tolerance=1e-13).state
        return (weights * a).sum() + (a * b**2).sum()

    leaf = parameters[which].clone().requires_grad_()
    base = value(leaf)
    slope = float(torch.autograd.grad(base, leaf)[0].sum())
    remainders = [abs(float((value(leaf.detach() + h) - base).detach()) - h * slope) for h in (2.0**-9, 2.0**-10)]
    assert math.log2(remainders[0] / remainders[1]) == pytest.approx(2, abs=0.05)
    central = float(value(leaf.detach() + 1e-5) - value(leaf.detach() - 1e-5)) / 2e-5
    assert slope == pytest.approx(central, rel=1e-7)
    with forward_ad.dual_level(), torch.no_grad():
        dual = value(forward_ad.make_dual(parameters[which], torch.ones_like(parameters[which])))
        assert float(forward_ad.unpack_dual(dual).tangent) == pytest.approx(slope, rel=1e-9)


def test_anderson_takes_over_where_newton_is_stuck() -> None:
    """A map computed outside torch shows no derivative, so that a Newton step goes nowhere; the map contracts."""

    def outside(state, parameters):
        u = state[0].numpy()
        return (torch.from_numpy(0.3 * np.cos(u + np.arange(5)) - u),)

    start = (torch.zeros(2, 5, dtype=F64),)
    found = steady(outside, start, (), tolerance=1e-12)
    assert found.status is Status.CONVERGED
    assert float(outside(found.state, ())[0].abs().max()) < 1e-11
    assert steady(outside, start, (), tolerance=1e-12, mixing=0).status is Status.NOT_SETTLED


def test_no_root_is_said_and_has_no_derivative() -> None:
    p = torch.tensor([2.0, -1.0], dtype=F64, requires_grad=True)
    found = steady(root, (torch.ones(2, 1, dtype=F64),), (p,), tolerance=1e-12)
    assert found.status is Status.NOT_SETTLED
    assert found.message.startswith("member 1: the residual stays at")
    (slope,) = torch.autograd.grad(found.state[0].sum(), p)
    assert float(slope[0]) == pytest.approx(0.5 / math.sqrt(2), rel=1e-10)
    assert math.isnan(slope[1])


def test_numbers_that_are_not_finite_are_said() -> None:
    found = steady(lambda s, p: (torch.log(s[0]) * p[0],), (-torch.ones(1, 1, dtype=F64),), (torch.ones(1),))
    assert found.status is Status.DIVERGED


def test_a_conserved_quantity_has_no_derivative() -> None:
    """The mean of a closed diffusion is where the start put it: the transposed system has no solution."""
    source = torch.sin(torch.arange(16, dtype=F64) * 2 * math.pi / 16)

    def closed(state, parameters):
        u = state[0]
        return (torch.roll(u, 1, 1) + torch.roll(u, -1, 1) - 2 * u + parameters[0] * source,)

    p = torch.ones(1, dtype=F64, requires_grad=True)
    found = steady(closed, (torch.zeros(1, 16, dtype=F64),), (p,), tolerance=1e-12)
    assert found.status is Status.CONVERGED
    with pytest.raises(SolverError, match="conserved quantity"):
        found.state[0][0, 3].backward()


def test_products_where_an_operation_has_no_forward_mode() -> None:
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, bar):
            return 3 * ctx.saved_tensors[0] ** 2 * bar

    p = torch.tensor([8.0], dtype=F64, requires_grad=True)
    found = steady(
        lambda s, q: (Cube.apply(s[0]) - q[0][:, None],), (torch.ones(1, 1, dtype=F64),), (p,), tolerance=1e-11
    )
    assert float(found.state[0].detach()) == pytest.approx(2, rel=1e-10)
    assert found.iterations < 12
    assert float(torch.autograd.grad(found.state[0].sum(), p)[0]) == pytest.approx(1 / 12, rel=1e-9)


def test_bad_arguments() -> None:
    with pytest.raises(ParameterError, match="batch"):
        steady(root, (torch.tensor(1.0),), ())
    with pytest.raises(ParameterError, match="tolerance"):
        steady(root, (torch.ones(1, 1),), (torch.ones(1),), tolerance=0.0, krylov=Krylov())
