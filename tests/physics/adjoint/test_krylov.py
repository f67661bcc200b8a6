"""Batched GMRES against dense solves."""

import pytest
import torch

from physics.adjoint.krylov import gmres

F64 = torch.float64


def matrices(batch, n):
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(batch, n, n, generator=generator, dtype=F64)
    return torch.eye(n, dtype=F64) * 4 + 0.3 * noise, torch.randn(batch, n, generator=generator, dtype=F64)


@pytest.mark.parametrize(("n", "krylov"), [(1, 5), (12, 40), (40, 10)])
def test_equals_dense(n, krylov) -> None:
    matrix, rhs = matrices(5, n)
    solved = gmres(lambda x: (matrix @ x[:, :, None])[:, :, 0], rhs, 1e-13, krylov=krylov, restarts=30)
    expected = torch.linalg.solve(matrix, rhs)
    assert float((solved.x - expected).abs().max()) < 1e-11
    assert float(solved.residual.max()) < 1e-12


def test_members_that_end_early_and_members_without_a_right_hand_side() -> None:
    """Identity, one with two eigenvalues, a full one, and a zero right-hand side in one batch."""
    matrix, rhs = matrices(4, 20)
    matrix[0] = torch.eye(20, dtype=F64)
    matrix[1] = torch.diag(torch.tensor([1.0] * 10 + [3.0] * 10, dtype=F64))
    rhs[3] = 0
    solved = gmres(lambda x: (matrix @ x[:, :, None])[:, :, 0], rhs, 1e-12, krylov=20, restarts=3)
    assert torch.allclose(solved.x, torch.linalg.solve(matrix, rhs), rtol=1e-10, atol=1e-11)
    assert float(solved.residual[3]) == 0


def test_a_singular_inconsistent_system_is_reported() -> None:
    matrix = torch.diag(torch.tensor([1.0, 2.0, 0.0], dtype=F64))[None]
    solved = gmres(lambda x: (matrix @ x[:, :, None])[:, :, 0], torch.ones(1, 3, dtype=F64), 1e-10)
    assert float(solved.residual) == pytest.approx(3**-0.5, rel=1e-9)
    assert bool(torch.isfinite(solved.x).all())
