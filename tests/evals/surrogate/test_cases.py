"""Worst cases: which runs, which channel, and pictures that a reader of PNG files sees as they are."""

import base64
import io

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from evals.surrogate.cases import DIFFERENCE, FIELD, cases, palette, picture, png
from physics.surrogate.regimes import get


def shown(data: str) -> np.ndarray:
    return imread(io.BytesIO(base64.b64decode(data.removeprefix("data:image/png;base64,"))))


def test_a_png_is_read_as_it_was_written():
    shades = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    found = imread(io.BytesIO(png(shades, palette(FIELD))))
    assert np.array_equal((255 * found[..., :3]).round().astype(np.uint8), palette(FIELD)[shades])


def test_a_picture_has_the_first_axis_across_and_the_second_up():
    field = torch.zeros(4, 3)
    field[3, 0] = 1.0
    image = shown(picture("truth", field, 0.0, 1.0, FIELD).png)
    assert image.shape[:2] == (3, 4)
    light = image[..., :3].sum(-1)
    assert np.unravel_index(light.argmax(), light.shape) == (2, 3)


def test_what_is_not_finite_is_grey_and_what_is_beyond_the_ends_is_cut_off():
    field = torch.tensor([[float("nan"), 5.0], [-5.0, 0.0]])
    image = (255 * shown(picture("difference", field, -1.0, 1.0, DIFFERENCE).png)).round()[..., :3]
    ends = palette(DIFFERENCE)
    assert image[1, 0].tolist() == [150, 150, 150]
    assert image[0, 0].tolist() == ends[-2].tolist()
    assert image[1, 1].tolist() == ends[0].tolist()


@pytest.mark.parametrize("name", ["klein_gordon", "convection"])
def test_the_worst_runs_and_the_median_are_chosen_each_at_its_worst_frame(name):
    regime, runs, frames = get(name), 5, 3
    torch.manual_seed(0)
    true = torch.randn(runs, frames, len(regime.channels), *regime.points)
    made = true.clone()
    made[:, :, 1] += 1.0
    error = torch.rand(runs, frames) + 2.0 * torch.tensor([0.0, 3.0, 1.0, 4.0, 2.0])[:, None]
    settings = {each.name: torch.full((runs,), each.low, dtype=torch.float64) for each in regime.ranges}
    found = cases(regime, true, made, error, (0.5, 1.0, 1.5), settings, "within", doubts=[[], [], [], ["a doubt"], []])
    assert [(case.rank, case.run) for case in found] == [("worst", 3), ("second worst", 1), ("median", 4)]
    worst = found[0]
    assert worst.time == (0.5, 1.0, 1.5)[int(error[3].argmax())]
    assert worst.doubts == ("a doubt",)
    assert found[1].doubts == ()
    assert worst.channel == regime.channels[1].name
    assert set(worst.settings) == {each.name for each in regime.ranges}
    if len(regime.axes) == 1:
        assert len(worst.places) == len(worst.truth) == len(worst.predicted) == regime.points[0]
    else:
        assert [each.name for each in worst.pictures] == ["truth", "prediction", "difference"]
        assert worst.pictures[2].high == pytest.approx(1.0, rel=1e-5)
        assert shown(worst.pictures[0].png).shape[:2] == regime.points[::-1]
