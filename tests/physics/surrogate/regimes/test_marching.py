"""Steps of their own for each run, and fields read on other grids."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from physics.errors import SolverError
from physics.surrogate.regimes.marching import fourier, march, require_finite, rungs, spline, waves


class Decay:
    """y' = -k y by Euler's method."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int]] = []

    def advance(self, state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], dt: float, steps: int):
        self.taken.append((len(state[0]), steps))
        return (state[0] * (1.0 - dt * parameters[0][:, None]) ** steps,)


def test_runs_of_nearly_equal_steps_march_together() -> None:
    assert rungs(torch.tensor([0.2, 1.0, 2.5, 4.0, 5.0, 6.5, 100.0])).tolist() == [1, 1, 3, 4, 6, 8, 128]
    equation, rate = Decay(), torch.tensor([1.0, 3.0, 1.1], dtype=torch.float64)
    start = torch.ones(3, 1, dtype=torch.float64)
    seen = march(equation, (start,), (rate,), 0.4, 3, lambda state: state[0], lambda state, k: 0.1 / k[0])
    assert sorted(equation.taken) == sorted([(1, 4), (1, 12), (1, 6)] * 2)
    wanted = [(1.0 - 0.4 / n * k) ** n for k, n in ((1.0, 4), (3.0, 12), (1.1, 6))]
    assert seen[:, 0, 0].tolist() == pytest.approx(wanted)
    assert seen[:, 1, 0].tolist() == pytest.approx([value**2 for value in wanted])


def test_steps_that_are_not_finite_end() -> None:
    start = torch.full((1, 1), math.nan, dtype=torch.float64)
    seen = march(Decay(), (start,), (start[0],), 1.0, 2, lambda state: state[0], lambda state, k: state[0][:, 0])
    with pytest.raises(SolverError, match=r"toy: run 0 of 1 \(k = 2\) is not finite at frame 0"):
        require_finite("toy", seen[..., None], {"k": torch.tensor([2.0])})


@pytest.mark.parametrize("points", [8, 9, 24, 33])
@pytest.mark.parametrize("shift", [0.0, 0.03])
def test_a_periodic_field_is_read_anywhere(points: int, shift: float) -> None:
    def field(count: int, first: float) -> Tensor:
        x = 2.0 * math.pi * (torch.arange(count, dtype=torch.float64) / count + first)
        return 1.0 + torch.sin(x) + 0.3 * torch.cos(3.0 * x)

    assert torch.allclose(fourier(field(16, 0.0), [points], shift), field(points, shift), atol=1e-13)


def test_two_axes_are_read_at_once_and_means_are_kept() -> None:
    noise = torch.randn(3, 16, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    read = fourier(noise, [6, 8])
    assert read.shape == (3, 6, 8)
    assert torch.allclose(read.mean((-2, -1)), noise.mean((-2, -1)), atol=1e-14)
    assert torch.allclose(fourier(fourier(read, [16, 12]), [6, 8]), fourier(fourier(read, [7, 9]), [6, 8]), atol=1e-13)


def test_a_row_that_is_not_finite_stays_so() -> None:
    known, wanted = np.linspace(0.0, 1.0, 9), np.linspace(0.0, 1.0, 5)
    rows = torch.from_numpy(np.stack([known**3, known]))
    rows[1, 4] = math.inf
    read = spline(known, rows, wanted)
    assert torch.allclose(read[0], torch.from_numpy(wanted**3), atol=1e-14)
    assert bool(torch.isnan(read[1]).all())


def test_waves_are_smooth_and_of_unit_variance() -> None:
    x = torch.arange(32, dtype=torch.float64) / 32
    field = waves([x, x], 3, 1.0, torch.Generator().manual_seed(1))
    spectrum = torch.fft.rfft2(field).abs()
    assert float(field.mean().abs()) < 1e-12
    assert float(field.var(correction=0)) == pytest.approx(1.0)
    assert float(spectrum[:, 4:].max()) < 1e-10
    assert float(spectrum[4:29].max()) < 1e-10
