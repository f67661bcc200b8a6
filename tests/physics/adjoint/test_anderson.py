"""Anderson mixing: far fewer steps than plain iteration, member by member."""

import torch

from physics.adjoint.anderson import mix

F64 = torch.float64


def norm(r):
    return torch.linalg.vector_norm(r, dim=1) / r.shape[1] ** 0.5


def test_a_slow_contraction_is_solved_in_few_steps() -> None:
    """u -> g u + 1 with factors to 0.99: plain iteration needs 2,000 steps for 1e-9."""
    factors = torch.linspace(-0.5, 0.99, 6, dtype=F64)[None].repeat(3, 1)
    calls = 0

    def residual(u):
        nonlocal calls
        calls += 1
        return factors * u + 1 - u

    start = torch.zeros(3, 6, dtype=F64)
    which = torch.tensor([True, False, True])
    u, r = mix(residual, start, residual(start), which, norm, 1e-9, 40)
    assert calls < 20
    assert torch.allclose(u[which], 1 / (1 - factors[which]), rtol=1e-7)
    assert torch.equal(u[1], start[1])  # left alone
    assert float(norm(r)[which].max()) <= 1e-9


def test_what_leaves_the_finite_numbers_keeps_its_best() -> None:
    start = torch.full((1, 2), 0.9, dtype=F64)

    def residual(u):
        return torch.log(u - 0.5) * 1e3

    u, r = mix(residual, start, residual(start), torch.ones(1, dtype=torch.bool), norm, 1e-9, 5)
    assert bool(torch.isfinite(u).all())
    assert float(norm(r)) <= float(norm(residual(start)))
