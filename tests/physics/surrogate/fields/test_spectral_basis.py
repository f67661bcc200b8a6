"""Waves of a grid: a resolved field comes back, and a multiplier is what it says."""

import math

import pytest
import torch

from physics.surrogate.fields.spectral_basis import basis

GRIDS = [
    ((16, 12), ("periodic", "periodic")),
    ((16, 12), ("periodic", "wall")),
    ((12, 16), ("open", "periodic")),
    ((12, 10), ("wall", "wall")),
    ((16, 1), ("periodic", "periodic")),
    ((16, 1), ("open", "periodic")),
]


def place(points: int, end: str) -> torch.Tensor:
    i = torch.arange(points, dtype=torch.float64)
    return 2 * math.pi * i / points if end == "periodic" else math.pi * (i + 0.5) / points


@pytest.mark.parametrize(("points", "ends"), GRIDS)
def test_a_sum_of_resolved_waves_comes_back(points, ends):
    torch.manual_seed(1)
    waves = basis(points, ends, (99, 99))
    x, y = place(points[0], ends[0]), place(points[1], ends[1])
    field = torch.zeros(points, dtype=torch.float64)
    for k in range(5):
        for j in range(3 if points[1] > 1 else 1):
            first = torch.cos(k * x + (0.3 * k if ends[0] == "periodic" else 0.0))
            second = torch.cos(j * y + (0.7 * j if ends[1] == "periodic" else 0.0))
            field += torch.randn((), dtype=torch.float64) * first[:, None] * second
    field = field.float()[None, ..., None]
    assert torch.allclose(waves.synthesise(waves.analyse(field)), field, atol=2e-6)


@pytest.mark.parametrize("ends", [("periodic", "periodic"), ("wall", "periodic"), ("periodic", "wall")])
def test_i_times_the_wavenumber_is_the_derivative(ends):
    waves = basis((24, 16), ends, (12, 8))
    x, y = place(24, ends[0])[:, None], place(16, ends[1])
    field = (torch.cos(3 * x) * torch.cos(2 * y)).float()[None, ..., None]
    found = waves.analyse(field)
    k = torch.arange(found.shape[1])[:, None, None]
    slope = (-3 * torch.sin(3 * x) * torch.cos(2 * y)).float()
    assert torch.allclose(waves.synthesise(found * 1j * k)[0, ..., 0], slope, atol=1e-5)


def test_waves_beyond_the_given_number_are_left_out():
    waves = basis((32, 1), ("periodic", "periodic"), (4, 1))
    x = place(32, "periodic").float()
    field = (torch.cos(3 * x) + torch.cos(4 * x))[None, :, None, None]
    assert torch.allclose(waves.synthesise(waves.analyse(field))[0, :, 0, 0], torch.cos(3 * x), atol=1e-6)
