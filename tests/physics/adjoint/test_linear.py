"""Derivatives of maps and solves against torch's own and against finite differences, in both modes."""

import math

import pytest
import scipy.fft
import torch

from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.linear import linear_map, solve_tridiagonal
from physics.adjoint.schedule import logarithmic, store_all
from physics.errors import ParameterError
from physics.linalg.tridiagonal import Tridiagonal

F64 = torch.float64


def system(cells, batch=3):
    generator = torch.Generator().manual_seed(cells)
    parts = [torch.randn(cells, batch, generator=generator, dtype=F64) for _ in range(4)]
    return parts[0], parts[1] + 5, parts[2], parts[3]


@pytest.mark.parametrize("cells", [1, 2, 7])
def test_tridiagonal_solve(cells) -> None:
    parts = [part.requires_grad_() for part in system(cells)]

    def solve(lower, diag, upper, rhs):
        return solve_tridiagonal(Tridiagonal(lower, diag, upper), rhs)

    def dense(lower, diag, upper, rhs):
        return torch.linalg.solve(Tridiagonal(lower, diag, upper).dense(), rhs.T).T

    bar = torch.cos(torch.arange(3 * cells, dtype=F64)).reshape(cells, 3)
    mine = torch.autograd.grad(solve(*parts), parts, bar)
    for a, b in zip(mine, torch.autograd.grad(dense(*parts), parts, bar, allow_unused=True), strict=True):
        assert torch.allclose(a, torch.zeros_like(a) if b is None else b, rtol=1e-11, atol=1e-13)
    assert torch.autograd.gradcheck(solve, parts, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(solve, parts)


def test_a_transform_of_another_library() -> None:
    """scipy's cosine transform, whose transpose is its inverse up to scale (orthonormal)."""

    def forward(x):
        return torch.from_numpy(scipy.fft.dct(x.detach().numpy(), norm="ortho"))

    def transposed(y):
        return torch.from_numpy(scipy.fft.idct(y.detach().numpy(), norm="ortho"))

    x = torch.linspace(0, 1, 12, dtype=F64).reshape(2, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: linear_map(u**2, forward, transposed), (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda u: linear_map(u**2, forward, transposed), (x,))


def test_implicit_heat_is_checkpointed() -> None:
    """Backward Euler with an uncertain conductivity: the solve within a checkpointed run."""

    def step(state, parameters, index):
        u, (k,) = state[0], parameters
        wall = k.expand(u.shape[0], -1)
        return (solve_tridiagonal(Tridiagonal(-wall, 1 + 2 * wall, -wall), u),)

    start = torch.sin(math.pi * torch.arange(1, 20, dtype=F64) / 20)[:, None].repeat(1, 2)
    slopes = []
    for make in (store_all, logarithmic):
        k = torch.tensor([0.5, 2.0], dtype=F64, requires_grad=True)
        (end,), _ = checkpointed(step, (start,), (k,), 30, schedule=make(30))
        slopes.append(torch.autograd.grad(end[9].sum(), k)[0])
    rate = 2 - 2 * math.cos(math.pi / 20)  # the eigenvalue of this mode
    k = k.detach()
    assert torch.allclose(slopes[0], -30 * rate * (1 + rate * k) ** -31, rtol=1e-11)
    assert torch.allclose(*slopes, rtol=1e-12)


def test_shapes_must_agree() -> None:
    lower, diag, upper, rhs = system(4)
    with pytest.raises(ParameterError, match=r"one shape \(cells, batch\)"):
        solve_tridiagonal(Tridiagonal(lower, diag, upper), rhs[:, 0])
