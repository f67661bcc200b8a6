"""Schedules keep their limits to the last digit."""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from physics.design.candidate import Limits
from physics.design.raster import exact, raster_of


@given(
    step=st.floats(1e-4, 1e5),
    gap=st.integers(1, 9),
    count=st.integers(1, 40),
    first=st.floats(0.0, 1.0),
    tail=st.floats(0.0, 1.0),
)
def test_exact_times_keep_every_comparison(step, gap, count, first, tail):
    interval = gap * step
    end = (count * gap + tail) * step
    limits = Limits(end, count, interval, first * step)
    times = exact(step * gap * torch.arange(1, count + 1, dtype=torch.float64), limits, end).tolist()
    assert 1 <= len(times) <= count
    assert times[0] >= limits.first
    assert times[-1] <= end
    assert all(b - a >= interval for a, b in itertools.pairwise(times))


@given(window=st.floats(1e-6, 1e8), interval=st.floats(0.0, 1e4))
def test_a_raster_is_round_and_not_finer_than_asked(window, interval):
    step = raster_of(window, Limits(window, 5, interval))
    assert window / step <= 240 * (1 + 1e-9)
    if interval >= window / 240:
        parts = interval / step
        assert math.isclose(parts, round(parts))
