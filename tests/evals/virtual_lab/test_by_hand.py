"""The hand methods err by what their formulas err on the exact curve."""

import pytest
import torch

from evals.virtual_lab.by_hand import METHODS, diffusivities
from physics.equations.flash.corrections import constant_error
from physics.experiments import get

HALF = 0.1388


@pytest.mark.parametrize("biot", [0.0, 0.05, 0.3])
def test_on_an_exact_curve(biot):
    settings = {"thickness": 2e-3, "diffusivity": 4e-6, "biot": 0.05, "pulse": "square", "pulse_width": 1e-3}
    times = torch.arange(-100, 1251, dtype=torch.float64) * (HALF / 100)
    flash = get("flash")
    disc = flash.model(flash.complete(settings), times.clamp_min(0), 1e-8)
    curve = disc({"biot": torch.tensor([biot], dtype=torch.float64)}, times.clamp_min(0)) * (times > 0)
    found = diffusivities(times, curve, 2e-3, 1e-3, HALF)
    for name in METHODS:
        expected = float(constant_error(name, torch.tensor([biot], dtype=torch.float64))[0])
        assert float(found[name][0]) / 4e-6 - 1 == pytest.approx(expected, abs=2e-3), name
