"""Orders, the symplectic form and time reversal of the splittings."""

import math

import pytest
import torch
from torch import Tensor

from physics.integrate.symplectic import BLANES_MOAN, STORMER_VERLET, YOSHIDA, Splitting, step

ALL = [STORMER_VERLET, YOSHIDA, BLANES_MOAN]
every = pytest.mark.parametrize("by", ALL, ids=lambda by: by.name)


def _force(q: Tensor) -> Tensor:
    """A pendulum coupled to a stiffer one."""
    return -torch.sin(q) - 0.5 * (q - q.flip(-1))


def _march(by: Splitting, steps: int, time: float = 3.0) -> Tensor:
    q, p = torch.tensor([1.0, -0.4], dtype=torch.float64), torch.tensor([0.2, 0.9], dtype=torch.float64)
    for _ in range(steps):
        q, p, _ = step(q, p, _force, time / steps, by)
    return torch.cat([q, p])


@every
def test_shares_add_up_and_are_symmetric(by: Splitting) -> None:
    assert sum(by.drifts) == pytest.approx(1.0, abs=1e-14)
    assert sum(by.kicks) == pytest.approx(1.0, abs=1e-14)
    assert by.drifts == pytest.approx(by.drifts[::-1], abs=1e-15)
    assert by.kicks == pytest.approx(by.kicks[::-1], abs=1e-15)


@every
def test_observed_order(by: Splitting) -> None:
    truth = _march(BLANES_MOAN, 4000)
    errors = [float((_march(by, n) - truth).norm()) for n in (40, 80)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(by.order, abs=0.1)


@every
def test_the_symplectic_form_is_kept(by: Splitting) -> None:
    def flow(z: Tensor) -> Tensor:
        return torch.cat(step(z[:2], z[2:], _force, 0.7, by)[:2])

    jacobian = torch.autograd.functional.jacobian(flow, torch.tensor([0.3, 1.0, -0.2, 0.6], dtype=torch.float64))
    form = torch.zeros(4, 4, dtype=torch.float64)
    form[:2, 2:], form[2:, :2] = torch.eye(2), -torch.eye(2)
    torch.testing.assert_close(jacobian.T @ form @ jacobian, form, rtol=0, atol=1e-14)


@every
def test_reversing_time_goes_back(by: Splitting) -> None:
    q, p = torch.tensor([1.0, -0.4], dtype=torch.float64), torch.tensor([0.2, 0.9], dtype=torch.float64)
    ahead = step(q, p, _force, 0.5, by)
    back = step(ahead[0], -ahead[1], _force, 0.5, by)
    torch.testing.assert_close(torch.cat(back[:2]), torch.cat([q, -p]), rtol=0, atol=1e-14)


def test_blanes_moan_beats_yoshida_at_equal_work() -> None:
    truth = _march(BLANES_MOAN, 4000)
    ours, theirs = (float((_march(by, n) - truth).norm()) for by, n in ((BLANES_MOAN, 40), (YOSHIDA, 80)))
    assert ours < theirs / 100
