"""The exponential Runge-Kutta step: its functions, what it gives exactly, its order, its derivative."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from physics.integrate.etdrk4 import WEIGHTS, phi, step, weights

F64 = torch.float64


def by_integral(k: int, z: float) -> float:
    """phi_k(z) = int_0^1 e^((1 - s) z) s^(k - 1) / (k - 1)! ds, by Gauss-Legendre."""
    nodes, share = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(60))
    s = 0.5 * (nodes + 1)
    return float((0.5 * share * torch.exp((1 - s) * z) * s ** (k - 1) / math.factorial(k - 1)).sum())


@pytest.mark.parametrize("z", [0.0, -1e-9, -0.3, -0.999, -1.001, -3.0, -20.0, 0.5])
def test_phi_functions(z: float) -> None:
    found = phi(torch.tensor(z, dtype=F64))
    for k, value in enumerate(found, start=1):
        assert float(value) == pytest.approx(by_integral(k, z), rel=1e-13)


def test_phi_is_differentiable_across_the_seam() -> None:
    z = torch.tensor([-0.2, -0.99999, -1.00001, -4.0], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: torch.stack(phi(x)), z, eps=1e-7, atol=1e-7)


def test_where_nothing_is_stiff_it_is_the_classical_scheme() -> None:
    by = weights(torch.zeros(1, dtype=F64), 0.3)
    assert torch.stack([by.w1, by.w23, by.w23, by.w4]).flatten().tolist() == pytest.approx([0.3 * w for w in WEIGHTS])


def test_the_linear_part_is_exact() -> None:
    rate = torch.tensor([-50.0, -1.0, 0.0], dtype=F64)
    u, _ = step(torch.ones(3, dtype=F64), torch.zeros_like, weights(rate, 0.7))
    torch.testing.assert_close(u, torch.exp(0.7 * rate), rtol=1e-14, atol=0)


def test_order() -> None:
    """u' = -u + u^2 / 2 has the solution u = 2 / (1 + (2 / u0 - 1) e^t)."""
    rate, end = torch.tensor([-1.0], dtype=F64), 2.0
    errors = []
    for count in (16, 32, 64):
        by, u = weights(rate, end / count), torch.ones(1, dtype=F64)
        for _ in range(count):
            u, stages = step(u, lambda x: 0.5 * x**2, by)
            assert len(stages) == 4
        errors.append(abs(float(u) - 2.0 / (1.0 + math.exp(end))))
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(4.0, abs=0.1)
