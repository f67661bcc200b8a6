"""Fields as a record keeps them."""

import json

import pytest
import torch

from physics.solution import Output
from tools.fields import LARGEST, LEVELS, field_row, picture


def shades(drawn: dict[str, list[str]]) -> torch.Tensor:
    return torch.tensor([list(bytes.fromhex(row)) for row in drawn["rows"]], dtype=torch.float64)


def test_a_picture_shows_the_frame_within_half_a_shade() -> None:
    x, z = torch.linspace(0, 2, 40, dtype=torch.float64), torch.linspace(0, 1, 20, dtype=torch.float64)
    frame = torch.sin(x)[:, None] + 3 * z  # rises with z: the lowest z stands first
    drawn = picture(frame, [x, z])
    seen = drawn["lowest"] + (drawn["highest"] - drawn["lowest"]) * shades(drawn) / LEVELS
    assert seen.shape == (20, 40)
    assert float((seen - frame.T).abs().max()) <= 0.51 * (drawn["highest"] - drawn["lowest"]) / LEVELS


def test_a_large_frame_becomes_small_and_evenly_spaced() -> None:
    x = torch.linspace(0, 1, 300, dtype=torch.float64) ** 2  # dense at zero
    z = torch.linspace(0, 1, 100, dtype=torch.float64)
    drawn = picture(x[:, None].expand(300, 100), [x, z])
    seen = shades(drawn) / LEVELS
    assert seen.shape == (LARGEST, LARGEST)
    assert float((seen[0] - torch.linspace(0, 1, LARGEST, dtype=torch.float64)).abs().max()) < 0.01
    assert len(json.dumps(drawn)) < 10_000


def test_a_field_is_told_by_means_extent_and_units() -> None:
    axes = {"x": torch.tensor([0.0, 0.01]), "z": torch.tensor([0.0, 0.005, 0.01])}
    wind = torch.zeros(1, 4, 2, 3, 2, dtype=torch.float64)
    wind[..., 0], wind[..., 1] = 3.0, -4.0
    output = Output("velocity", "m/s", wind, torch.arange(4.0), coordinates=axes, components=("x", "z"))
    row = field_row(output, wind[0], "mm")
    assert row["values"] == [5.0] * 4
    assert (row["min"], row["max"], row["shape"]) == (-4.0, 3.0, [4, 2, 3, 2])
    assert row["axes"]["z"] == {"points": 3, "from": 0.0, "to": pytest.approx(10), "unit": "mm"}
    assert row["picture"]["rows"] == ["0000"] * 3  # of one value everywhere


def test_a_field_of_three_axes_or_of_no_number_has_no_picture() -> None:
    line = torch.arange(2.0)
    for axes, values in (("xyz", torch.zeros(3, 2, 2, 2)), ("xy", torch.full((3, 2, 2), torch.nan))):
        output = Output("a", "", values[None], torch.arange(3.0), coordinates=dict.fromkeys(axes, line))
        assert "picture" not in field_row(output, values, "m")
