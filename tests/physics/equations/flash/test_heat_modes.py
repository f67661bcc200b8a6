"""The modes of a disc against Sturm-Liouville series, in both parities and for unequal losses."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from physics.equations.flash.heat_exact import rear, series
from physics.equations.flash.heat_modes import UNSEEN, modes


def _biots(*pairs: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    both = torch.tensor(pairs, dtype=torch.float64)
    return both[:, 0], both[:, 1]


LOSSES = ((0.0, 0.0), (0.05, 0.05), (1.0, 1.0), (0.3, 2.0), (0.0, 0.7), (1e-8, 1e-8), (30.0, 30.0))


def _rear(front: torch.Tensor, back: torch.Tensor, times: torch.Tensor, degree: int) -> torch.Tensor:
    found = modes(front, back, degree)
    decay = torch.exp(-found.rate[:, None, :] * times[None, :, None])
    return torch.einsum("bn,btn->bt", found.front * found.rear, decay)


def test_rates_and_faces_are_those_of_the_series() -> None:
    front, back = _biots(*LOSSES)
    found, exact = modes(front, back, 36), series(front, back, 6)
    torch.testing.assert_close(found.rate[:, :6], exact.rate, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close((found.front * found.rear)[:, :6], exact.rear, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close((found.front**2)[:, :6], exact.front, rtol=1e-9, atol=1e-10)


def test_the_rear_curve_is_that_of_the_series() -> None:
    front, back = _biots(*LOSSES)
    times = torch.tensor([UNSEEN, 0.02, 0.1, 0.5, 2.0], dtype=torch.float64)
    torch.testing.assert_close(_rear(front, back, times, 36), rear(front, back, times), rtol=0, atol=1e-11)


def test_the_error_falls_faster_than_any_power() -> None:
    """Each step of four degrees gains more than the one before it; a power law would gain less."""
    front, back = _biots((0.4, 0.4))
    times = torch.tensor([0.01], dtype=torch.float64)
    exact = rear(front, back, times)
    errors = [float((_rear(front, back, times, degree) - exact).abs()) for degree in (8, 12, 16, 20)]
    orders = [
        math.log(a / b) / math.log((n + 4) / n) for a, b, n in zip(errors[:-1], errors[1:], (8, 12, 16), strict=True)
    ]
    assert orders[0] > 4
    assert orders[1] > orders[0]
    assert orders[2] > orders[1]
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("degree", [5, 24, 80])
def test_the_balance_holds_at_every_degree(degree: int) -> None:
    """Storage of a mode decays by its fluxes; a unit of heat on the front is a unit in the disc."""
    front, back = _biots(*LOSSES)
    found = modes(front, back, degree)
    flux = front[:, None] * found.front + back[:, None] * found.rear
    torch.testing.assert_close(found.mean * found.rate, flux, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close((found.mean * found.front).sum(-1), torch.ones_like(front), rtol=0, atol=1e-12)


def test_faces_may_be_exchanged() -> None:
    """Reciprocity: the rear does not know which face loses how much."""
    one, other = _biots((0.2, 1.5), (1.5, 0.2))
    found = modes(one, other, 36)
    product = found.front * found.rear
    torch.testing.assert_close(product[0, :20], product[1, :20], rtol=0, atol=1e-10)
    torch.testing.assert_close(found.rate[0, :20], found.rate[1, :20], rtol=1e-10, atol=0)


def test_gradients() -> None:
    front, back = (part.requires_grad_() for part in _biots((0.2, 0.3), (0.9, 0.1)))
    times = torch.tensor([0.05, 0.3], dtype=torch.float64)
    assert gradcheck(lambda a, b: _rear(a, b, times, 12), (front, back), check_forward_ad=True)


def test_the_series_without_loss() -> None:
    """theta = 1 + 2 sum (-1)^n exp(-n^2 pi^2 t) (Parker et al. 1961)."""
    zero = torch.zeros(1, dtype=torch.float64)
    found = 1 + 2 * sum((-1) ** n * math.exp(-((n * math.pi) ** 2) * 0.138785297) for n in range(1, 20))
    assert float(rear(zero, zero, torch.tensor([0.138785297], dtype=torch.float64))) == pytest.approx(found, abs=1e-12)
    assert found == pytest.approx(0.5, abs=1e-8)
