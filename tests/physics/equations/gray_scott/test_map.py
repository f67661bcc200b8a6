"""The map names the six regimes, and finds where a line between two of them crosses."""

import pytest

from physics.equations.gray_scott.map import along, pattern_map
from physics.errors import ParameterError

REGIMES = {
    "gliders": (0.014, 0.054),
    "bubbles": (0.098, 0.057),
    "maze": (0.029, 0.057),
    "worms": (0.058, 0.065),
    "spirals": (0.018, 0.051),
    "spots": (0.030, 0.062),
}


@pytest.fixture(scope="module")
def points():
    """The Well's six, one that dies and one that fills."""
    feed, kill = zip(*REGIMES.values(), (0.045, 0.09), (0.06, 0.0595), strict=True)
    return pattern_map(feed, kill, duration=3000.0)


def test_the_six_regimes_and_the_edges(points) -> None:
    assert [point.pattern for point in points] == [*REGIMES, "dead", "uniform"]


def test_what_moves_has_not_settled(points) -> None:
    found = dict(zip(REGIMES, points, strict=False))
    assert found["gliders"].settling_time is None
    assert found["spirals"].settling_time is None
    assert found["worms"].settling_time is None  # they still grow
    assert found["maze"].settling_time is not None
    assert found["maze"].settling_time < 3000
    assert found["maze"].clear_time <= found["maze"].settling_time


def test_wavelengths(points) -> None:
    """Spots and stripes of this chemistry stand some 0.13 apart, 42 times the square root of D_b."""
    found = dict(zip(REGIMES, points, strict=False))
    assert found["maze"].wavelength == pytest.approx(0.132, rel=0.04)
    assert found["spots"].wavelength == pytest.approx(0.132, rel=0.06)
    assert points[-2].wavelength == 0.0
    assert points[-1].mean_b == pytest.approx(0.06 / (2 * 0.1195) * (1 + (1 - 4 * 0.1195**2 / 0.06) ** 0.5), rel=1e-6)


def test_another_seed_and_scaled_lengths_give_the_same_classes() -> None:
    feed, kill = zip(REGIMES["maze"], REGIMES["spots"], strict=True)
    found = pattern_map(feed, kill, seed=5, diffusion_a=0.2, diffusion_b=0.1, duration=2500.0)
    assert [point.pattern for point in found] == ["maze", "spots"]


def test_a_line_between_spots_and_worms_is_crossed_once() -> None:
    points, changes = along(REGIMES["spots"], (0.037, 0.06275), 3, duration=2500.0)
    assert [point.pattern for point in points] == ["spots", "worms", "worms"]
    assert len(changes) == 1
    assert changes[0].before.feed < changes[0].after.feed


@pytest.mark.parametrize(
    ("feed", "kill"), [([], []), ([0.03], [0.06, 0.05]), ([-0.03], [0.06]), ([0.03], [float("nan")])]
)
def test_bad_points_are_named(feed: list, kill: list) -> None:
    with pytest.raises(ParameterError, match=r"feed|kill"):
        pattern_map(feed, kill)
