"""Traces: any size becomes the few points that are seen, units do not matter, and bad ones are refused in one line."""

import math

import pytest
import torch

from physics.errors import DataError
from physics.surrogate.embedding.trace import FRAMES, POINTS, Trace, checked, grouped, resampled, series, standard


@pytest.mark.parametrize("readings", [4, 7, 130, 5000])
def test_a_series_becomes_frames_of_eight_points_and_a_front(readings: int) -> None:
    times = torch.linspace(0.0, 5.0, readings, dtype=torch.float64)
    seen = resampled(series(times, torch.tanh(times - 2.0)))
    assert seen.shape == (2, FRAMES[0], *POINTS[0])
    whole = seen[0].flatten()
    assert torch.allclose(whole[[0, -1]], torch.tanh(times[[0, -1]] - 2.0).float(), atol=0.1)


def test_uneven_times_do_not_bend_a_curve() -> None:
    even = torch.linspace(0.0, 1.0, 400, dtype=torch.float64)
    one, other = (resampled(series(at, torch.sin(3.0 * at))) for at in (even, even**2))
    assert torch.allclose(one[0], other[0], atol=1e-3)


def test_the_front_is_the_same_however_long_somebody_watched() -> None:
    def watched(until: float) -> torch.Tensor:
        at = torch.linspace(0.0, until, 2000, dtype=torch.float64)
        return resampled(series(at, 0.5 * (1.0 + torch.erf((at - 1.0) / 0.2))))[1]

    assert torch.allclose(watched(2.5), watched(8.0), atol=0.03)


@pytest.mark.parametrize("points", [(128,), (300,), (64, 32), (20, 90)])
def test_a_field_is_seen_on_a_fixed_grid(points: tuple[int, ...]) -> None:
    trace = Trace(torch.rand(20, 3, *points))
    assert resampled(trace).shape == (3, FRAMES[trace.axes], *POINTS[trace.axes])


def test_frames_are_picked_by_their_times() -> None:
    times = torch.linspace(0.0, 1.0, 101, dtype=torch.float64) ** 3
    trace = Trace(times.float()[:, None, None, None].expand(-1, 1, 8, 8), times)
    picked = resampled(trace)[0, :, 0, 0]
    assert torch.allclose(picked, torch.linspace(0.0, 1.0, FRAMES[2]), atol=0.03)


def test_standard_values_forget_units_and_a_constant_is_zero() -> None:
    values = torch.rand(2, 4, 8, 1)
    assert torch.allclose(standard(values), standard(1e-4 * values), atol=1e-4)
    assert not standard(torch.full((1, 4, 8, 1), 0.3)).any()


def test_those_of_one_kind_stand_together() -> None:
    traces = [
        Trace(torch.rand(9, 1)),
        Trace(torch.rand(9, 2, 16)),
        Trace(torch.rand(30, 1)),
        Trace(torch.rand(40, 1, 16)),
    ]
    assert sorted(grouped(traces).values()) == [[0, 2], [1], [3]]


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (Trace(torch.rand(1, 1)), "has 1 reading; give 4 or more"),
        (Trace(torch.rand(0, 1)), "is empty"),
        (Trace(torch.tensor([[1.0], [2.0], [math.nan], [3.0]])), r"not finite \(reading 3, channel 1\)"),
        (Trace(torch.full((3, 2, 8), math.inf)), r"not finite \(frame 1, channel 1\)"),
        (Trace(torch.rand(3, 1, 4, 4, 4)), "has 3 axes"),
        (Trace(torch.rand(3, 1, 4, 1)), "one point along an axis"),
        (Trace(torch.rand(4, 1), torch.tensor([0.0, 1.0, 1.0, 2.0])), "do not rise"),
    ],
    ids=["one reading", "empty", "nan", "infinite", "three axes", "one point", "times"],
)
def test_what_cannot_be_encoded_is_told(trace: Trace, told: str) -> None:
    with pytest.raises(DataError, match=told):
        checked(trace, "x.csv")
