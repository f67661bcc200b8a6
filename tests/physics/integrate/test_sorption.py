"""The nonlinear march: compiled against array operations, derivatives against differences."""

import pytest
import torch
from torch.autograd import forward_ad

from physics.integrate import sorption, sorption_sweeps

CELLS, STEPS = 8, 5


def _given(bent: str, batch: int = 3) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(4)
    uniform = lambda *shape: torch.rand(*shape, generator=make, dtype=torch.float64)  # noqa: E731
    lower, upper = -3 - uniform(CELLS, batch), -1 - uniform(CELLS, batch)
    power, one = 1.2 + uniform(batch), torch.ones(batch, dtype=torch.float64)
    steps, feed = 0.05 + 0.02 * uniform(STEPS, batch), 0.5 + uniform(STEPS, batch)
    a, b = (power, one) if bent == "dissolved" else (one, power)
    return [lower, 5 + uniform(CELLS, batch), upper, 3 + uniform(batch), steps, feed, 1 + uniform(batch), a, b]


def _rest(batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([4, 0, 2])[:batch], torch.ones(CELLS, batch, dtype=torch.float64)


@pytest.mark.parametrize("bent", ["dissolved", "sorbed"])
@pytest.mark.parametrize("full", [0.0, 1.0])
def test_array_operations_give_the_same(bent: str, full: float) -> None:
    directions = [torch.cos(5.0 * value) for value in _given(bent)]
    found = []
    for run in (sorption.march, sorption_sweeps.march):
        with forward_ad.dual_level(), torch.no_grad():
            duals = [forward_ad.make_dual(*pair) for pair in zip(_given(bent), directions, strict=True)]
            seen, pushed = forward_ad.unpack_dual(run(*duals, full, *_rest(), 3, 6)[0])
        leaves = [value.requires_grad_() for value in _given(bent)]
        marched = run(*leaves, full, *_rest(), 3, 6)
        bars = torch.autograd.grad(marched[0].square().sum(), leaves)
        found.append([seen, pushed, marched[1], *bars])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12 * max(1.0, float(one.abs().max())))


@pytest.mark.parametrize("bent", ["dissolved", "sorbed"])
def test_both_modes_agree_with_differences(bent: str) -> None:
    leaves = tuple(value[..., :1].clone().requires_grad_() for value in _given(bent))
    window, mass = _rest(1)

    def seen(*given: torch.Tensor) -> torch.Tensor:
        return sorption.march(*given, 1.0, window, mass, 3, 6).seen

    assert torch.autograd.gradcheck(seen, leaves, check_forward_ad=True, atol=1e-6)


def test_what_does_not_converge_is_not_a_number() -> None:
    given = _given("sorbed")
    given[5][2, 0] = 1e300
    seen = sorption.march(*given, 0.0, *_rest(), 3, 6).seen
    assert bool(torch.isnan(seen[2:, :, 0]).all())
    assert bool(torch.isfinite(seen[:2]).all())
    assert bool(torch.isfinite(seen[..., 1:]).all())
