"""The march: both back ends agree, and both modes differentiate the discrete values."""

import pytest
import torch

from physics.integrate import sweeps
from physics.integrate.crank_nicolson import CRANK_NICOLSON, HALF_STEP, _adjoint, _forward, _tangent, march

SIZE, FACE = 4, 6


def _case(cells: int = 13, batch: int = 5, steps: int = 7, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Diagonally dominant systems, as I + dt A / 2 is."""
    make = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=make, dtype=torch.float64)

    lower, upper = -uniform(cells, batch), -uniform(cells, batch)
    diag = 1.0 + uniform(cells, batch) - lower - upper
    weights = torch.tensor([HALF_STEP] * 4 + [CRANK_NICOLSON] * (steps - 4), dtype=torch.float64)
    window = torch.randint(0, cells - SIZE, (batch,), generator=make)
    return lower, diag, upper, uniform(batch), uniform(cells, batch), weights, window


def _assert_close(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 5, 40])
def test_compiled_and_array_marches_agree(batch: int) -> None:
    case = _case(batch=batch)
    mass = torch.rand(13, batch, dtype=torch.float64)
    _assert_close(_forward(*case, SIZE, mass, FACE), sweeps.forward(*case, SIZE, mass, FACE))
    tangents = [torch.rand_like(value) for value in case[:5]]
    _assert_close(_tangent(*case, *tangents, SIZE), sweeps.tangent(*case, *tangents, SIZE))
    bars = torch.rand(7, SIZE, batch, dtype=torch.float64), torch.rand(13, batch, dtype=torch.float64)
    compiled, arrays = _adjoint(*case, *bars), sweeps.adjoint(*case, *bars)
    _assert_close(compiled, arrays)


def test_a_step_is_the_dense_solution() -> None:
    lower, diag, upper, source, state, _, window = _case(batch=3)
    matrix = torch.diag_embed(diag.T) + torch.diag_embed(lower[1:].T, -1) + torch.diag_embed(upper[:-1].T, 1)
    fed = state.clone()
    fed[0] += source
    x = torch.linalg.solve(matrix, fed.T[..., None])[..., 0].T
    one = torch.tensor([CRANK_NICOLSON], dtype=torch.float64)
    run = march(lower, diag, upper, source, state, one, window, SIZE, state[:0], FACE)
    torch.testing.assert_close(run.final, 2 * x - state, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("backend", ["compiled", "arrays"])
def test_gradcheck_in_both_modes(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if backend == "arrays":
        module = "physics.integrate.crank_nicolson"
        monkeypatch.setattr(f"{module}._forward", sweeps.forward)
        monkeypatch.setattr(f"{module}._tangent", sweeps.tangent)
        monkeypatch.setattr(f"{module}._adjoint", sweeps.adjoint)
    *given, weights, window = _case(cells=9, batch=2, steps=6)
    inputs = [value.requires_grad_() for value in given]

    def run(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return march(*values, weights, window, SIZE, values[1].detach()[:0], FACE)[:2]

    assert torch.autograd.gradcheck(run, inputs, check_forward_ad=True)


def test_sums_carry_no_derivative() -> None:
    *given, weights, window = _case()
    inputs = [value.requires_grad_() for value in given]
    run = march(*inputs, weights, window, SIZE, torch.ones(13, 5, dtype=torch.float64), FACE)
    assert run.seen.requires_grad
    assert not run.sums.requires_grad
