"""The march with stores: against dense matrices, and compiled against array operations."""

import pytest
import torch
from torch.autograd import forward_ad

from physics.integrate import exchange, exchange_sweeps
from physics.linalg.tridiagonal import Tridiagonal

CELLS, BATCH = 7, 19
WEIGHTS = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0], dtype=torch.float64)


def _given() -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(1)
    uniform = lambda *shape: torch.rand(*shape, generator=make, dtype=torch.float64)  # noqa: E731
    lower, upper = -0.4 * uniform(CELLS, BATCH), -0.4 * uniform(CELLS, BATCH)
    couplings = [0.3 * uniform(BATCH), 0.6 * uniform(BATCH), 0.3 * uniform(BATCH)]
    return [
        lower,
        1.5 + uniform(CELLS, BATCH),
        upper,
        uniform(BATCH),
        *couplings,
        *(uniform(CELLS, BATCH) for _ in "cs"),
    ]


def _rest() -> tuple[torch.Tensor, ...]:
    window = torch.arange(BATCH) % (CELLS - 2)
    return WEIGHTS, window, torch.ones(CELLS, BATCH, dtype=torch.float64)


def test_against_dense_matrices() -> None:
    lower, diag, upper, source, into, keep, take, c, s = _given()
    run = exchange.march(*_given(), *_rest(), 3, 4)
    matrix = Tridiagonal(lower, diag, upper).dense()
    for weight in WEIGHTS.tolist():
        fed = c + into * s
        fed[0] += source
        x = torch.linalg.solve(matrix, fed.T[..., None])[..., 0].T
        c, s = weight * x + (1 - weight) * c, weight * (keep * s + take * x) + (1 - weight) * s
    torch.testing.assert_close(run.final, c, rtol=0, atol=1e-13)
    torch.testing.assert_close(run.store, s, rtol=0, atol=1e-13)
    torch.testing.assert_close(run.sums[-1, 4], s[:4].sum(0), rtol=0, atol=1e-13)
    torch.testing.assert_close(run.seen[-1, 1], c.gather(0, _rest()[1][None] + 1)[0], rtol=0, atol=1e-13)


def test_array_operations_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, tangents and cotangents of the march for other devices, here on the processor."""
    tangents = [torch.sin(7.0 * value) for value in _given()]

    def total(*leaves: torch.Tensor) -> torch.Tensor:
        run = exchange.march(*leaves, *_rest(), 3, 4)
        return torch.cat([run.seen.flatten(), run.final.flatten(), run.store.flatten()])

    def all_three() -> list[torch.Tensor]:
        leaves = [value.requires_grad_() for value in _given()]
        with forward_ad.dual_level():
            pushed = forward_ad.unpack_dual(total(*map(forward_ad.make_dual, _given(), tangents))).tangent
        return [total(*_given()), pushed, *torch.autograd.grad(total(*leaves).square().sum(), leaves)]

    compiled = all_three()
    for name in ("forward", "tangent", "adjoint"):
        monkeypatch.setattr(f"physics.integrate.exchange._{name}", getattr(exchange_sweeps, name))
    for one, other in zip(compiled, all_three(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_both_modes_agree_with_differences() -> None:
    leaves = tuple(value[..., :2].clone().requires_grad_() for value in _given())
    weights, window, mass = _rest()

    def seen(*given: torch.Tensor) -> torch.Tensor:
        return exchange.march(*given, weights, window[:2], mass[:0, :2], 3, 4).seen

    assert torch.autograd.gradcheck(seen, leaves, check_forward_ad=True, atol=1e-7)
