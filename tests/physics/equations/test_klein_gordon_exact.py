"""The exact waves solve their equations."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from physics.equations.klein_gordon_exact import breather, phi4_kink, sine_gordon_kink
from physics.errors import ParameterError

Wave = Callable[[Tensor, float], tuple[Tensor, Tensor]]
WAVES = {
    "kink": (lambda x, t: sine_gordon_kink(x, t, 0.4, 0.2), torch.sin),
    "breather": (lambda x, t: breather(x, t, 0.6), torch.sin),
    "phi4": (lambda x, t: phi4_kink(x, t, -0.5), lambda phi: (phi * phi - 1.0) * phi),
}


@pytest.mark.parametrize("name", WAVES)
def test_they_solve_the_equation(name: str) -> None:
    wave, slope = WAVES[name]
    x, t, h = torch.linspace(-2.0, 2.0, 7, dtype=torch.float64), 0.7, 1e-3
    phi, rate = wave(x, t)
    later, earlier, right, left = wave(x, t + h), wave(x, t - h), wave(x + h, t)[0], wave(x - h, t)[0]
    torch.testing.assert_close((later[0] - earlier[0]) / (2 * h), rate, rtol=0, atol=1e-6)
    turning = (later[1] - earlier[1]) / (2 * h)
    rest = turning - (right - 2 * phi + left) / h**2 + slope(phi)
    assert float(rest.abs().max()) < 5e-6


def test_waves_that_are_none_are_refused() -> None:
    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(ParameterError, match="light"):
        sine_gordon_kink(x, 0.0, 1.0)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        breather(x, 0.0, 1.2)
