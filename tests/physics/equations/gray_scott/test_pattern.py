"""Patterns are named by their shape: drawn fields of each class, and wavelengths that are known."""

import math

import pytest
import torch

from physics.equations.gray_scott.pattern import CLASSES, FORMED, MOVING, classify, shape_of, wavelength

F64 = torch.float64
N = 64
GRID = torch.arange(N, dtype=F64) / N
X, Y = GRID[:, None].expand(N, N), GRID[None, :].expand(N, N)


def name(field: torch.Tensor, speed: float = 0.0, age: float = 1000.0) -> str:
    return CLASSES[int(classify(field[None], torch.tensor([speed]), torch.tensor([age])))]


def bumps(*places: tuple[float, float], width: float = 0.04) -> torch.Tensor:
    field = torch.zeros(N, N, dtype=F64)
    for x, y in places:
        away = (2 - torch.cos(2 * math.pi * (X - x)) - torch.cos(2 * math.pi * (Y - y))) / (2 * math.pi * width) ** 2
        field = torch.maximum(field, 0.4 * torch.exp(-away))
    return field


def strip(x0: float, y0: float, length: float) -> list[tuple[float, float]]:
    return [(x0, y0 + length * i / 40) for i in range(41)]


SPOTS = bumps(*[(i / 4, j / 4 + i / 8) for i in range(4) for j in range(4)])
WORMS = bumps(*strip(0.1, 0.2, 0.5), *strip(0.4, 0.9, 0.4), *strip(0.7, 0.1, 0.6))
STRIPES = 0.2 + 0.2 * torch.cos(2 * math.pi * 6 * X)
FOAM = 0.4 - bumps(*[(i / 3, j / 3) for i in range(3) for j in range(3)], width=0.1)
BRANCHED = bumps(*strip(0.2, 0.0, 1.0), *strip(0.6, 0.0, 1.0), *[(y, 0.3) for _, y in strip(0.0, 0.2, 0.4)])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (torch.full((N, N), 1e-5, dtype=F64), "dead"),
        (torch.full((N, N), 0.3, dtype=F64) + 1e-4 * torch.cos(2 * math.pi * X), "uniform"),
        (SPOTS, "spots"),
        (WORMS, "worms"),
        (STRIPES, "maze"),
        (BRANCHED, "maze"),
        (FOAM, "bubbles"),
    ],
    ids=["dead", "uniform", "spots", "worms", "stripes", "branched", "foam"],
)
def test_what_rests_is_named_by_its_shape(field: torch.Tensor, expected: str) -> None:
    assert name(field) == expected
    moved = torch.roll(field, (N // 2 + 3, 17), (0, 1))  # across the edges
    assert name(moved) == expected
    assert name(moved.T.contiguous()) == expected


def test_what_moves() -> None:
    few = bumps((0.1, 0.2), (0.5, 0.9), (0.7, 0.4))
    assert name(few, 2 * MOVING) == "gliders"
    assert name(WORMS, 2 * MOVING) == "spirals"
    assert name(few, 2 * MOVING, 0.5 * FORMED) == "forming"
    assert name(few, 0.5 * MOVING, 0.5 * FORMED) == "spots"


def test_a_ring_is_no_bubble() -> None:
    """It has an inside and an outside, but it is no net."""
    ring = bumps(
        *[(0.5 + 0.3 * math.cos(2 * math.pi * i / 60), 0.5 + 0.3 * math.sin(2 * math.pi * i / 60)) for i in range(60)]
    )
    assert name(ring) == "maze"


def test_ends_and_junctions() -> None:
    assert (shape_of(WORMS).ends, shape_of(WORMS).junctions) == (6, 0)
    assert (shape_of(BRANCHED).ends, shape_of(BRANCHED).junctions) == (0, 2)
    assert shape_of(SPOTS).rich_pieces == 16
    assert shape_of(FOAM).poor_pieces == 9


def test_extent_of_a_strip() -> None:
    """A strip from edge to edge, of length l and half width d, has the extent 2 l / (pi d)."""
    found = shape_of(0.2 + 0.2 * torch.cos(2 * math.pi * X))
    assert found.rich_extent == pytest.approx(2 * 1.0 / (math.pi * 0.25), rel=0.05)


@pytest.mark.parametrize(("waves", "size"), [(6, 1.0), (9, 2.5)])
def test_wavelength_of_stripes(waves: int, size: float) -> None:
    field = 0.2 + 0.1 * torch.cos(2 * math.pi * (waves * X + 2 * Y)) + 0.01 * torch.cos(2 * math.pi * 3 * waves * X)
    found = wavelength(field[None], torch.tensor([size], dtype=F64))
    assert float(found) == pytest.approx(size / math.hypot(waves, 2), rel=1e-12)


def test_wavelength_of_nothing_is_zero() -> None:
    fields = torch.stack([torch.zeros(N, N, dtype=F64), STRIPES])
    found = wavelength(fields, torch.ones(2, dtype=F64))
    assert float(found[0]) == 0.0
    assert float(found[1]) == pytest.approx(1 / 6)
