"""Views: a window of the run with fewer channels and some noise; a curve keeps its start."""

import torch

from physics.surrogate.embedding.trace import Trace, series
from physics.surrogate.embedding.views import noisy, view


def test_a_view_of_a_field_is_a_part_of_it() -> None:
    generator = torch.Generator().manual_seed(0)
    trace = Trace(torch.rand(28, 3, 64, 32))
    for _ in range(20):
        frames, channels, nx, ny = view(trace, generator).values.shape
        assert 17 <= frames <= 28
        assert 1 <= channels <= 2
        assert 38 <= nx <= 64
        assert 19 <= ny <= 32


def test_a_view_of_a_curve_keeps_its_start() -> None:
    generator = torch.Generator().manual_seed(0)
    times = torch.linspace(0.0, 1.0, 50, dtype=torch.float64)
    for _ in range(20):
        seen = view(series(times, times), generator)
        assert seen.times is not None
        assert float(seen.times[0]) == 0.0
        assert 45 <= len(seen.values) <= 50


def test_noise_is_relative_to_the_deviation() -> None:
    values = torch.rand(2000, 1, dtype=torch.float64) * 1e6
    added = noisy(values, 0.1, torch.Generator().manual_seed(0)) - values
    assert abs(float(added.std() / values.std()) - 0.1) < 0.01
