"""Starting values from clean, noisy and unusable curves."""

import numpy as np
import pytest
import torch

from physics.equations.flash.start import start_flash
from physics.errors import DataError
from physics.experiments.flash import model


@pytest.mark.parametrize("biot", [0.0, 0.05, 0.6])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_near_the_truth(biot: float, noise: float) -> None:
    settings = {"thickness": 2e-3, "pulse": "square", "pulse_width": 3e-3}
    truth = {"diffusivity": 2e-5, "biot": biot, "amplitude": 3.0}
    times = torch.linspace(0, 0.3, 400, dtype=torch.float64)
    clean = model({**settings, **truth}, times)({}, times)[0].numpy()
    values = clean + noise * np.random.default_rng(2).standard_normal(400)
    found = start_flash(times, values, settings)
    assert found["diffusivity"] == pytest.approx(2e-5, rel=0.02 if noise == 0 else 0.1)
    assert found["amplitude"] == pytest.approx(3.0, rel=0.03 if noise == 0 else 0.1)
    assert found["biot"] == pytest.approx(max(biot, 1e-3), rel=0.1, abs=0.0 if noise == 0 else 0.03)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 1.0], "five points"),
        ([1.0, 0.5, 0.3, 0.2, 0.1, 0.0], "does not rise"),
        ([-1.0, -2.0, -1.0, -2.0, -3.0, -4.0], "does not rise"),
    ],
)
def test_unusable_curves_are_named(values: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        start_flash(list(range(len(values))), values, {"thickness": 1e-3})
