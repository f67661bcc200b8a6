import pytest
import torch

from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal


@pytest.mark.parametrize("cells", [1, 2, 3, 8, 37])
def test_solves_as_the_dense_matrix(cells: int) -> None:
    make = torch.Generator().manual_seed(cells)
    lower, upper, rhs = (torch.randn(cells, 4, generator=make, dtype=torch.float64) for _ in range(3))
    matrix = Tridiagonal(lower, 1.5 + lower.abs() + upper.abs(), upper)
    x = CyclicReduction(matrix).solve(rhs)
    torch.testing.assert_close(x, torch.linalg.solve(matrix.dense(), rhs.T[..., None])[..., 0].T)
    torch.testing.assert_close(matrix.times(x), rhs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(matrix.transposed().dense(), matrix.dense().mT)
