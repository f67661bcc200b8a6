"""Diffusivity, loss and amplitude come back from noisy curves."""

import math

import pytest
import torch

from physics.calibrate.fit import fit
from physics.experiments.flash import model, start
from physics.series import Series

TRUE = {"diffusivity": 8.3e-6, "biot": 0.08, "amplitude": 1.7}
NOISE = 0.004


def _record(pulse: str | Series, seed: int, **more: float) -> tuple[dict, torch.Tensor, torch.Tensor]:
    settings = {"thickness": 1.5e-3, "pulse": pulse, **more}
    times = torch.linspace(0.0, 0.45, 300, dtype=torch.float64)
    truth = model({**settings, **TRUE}, times)({}, times)[0]
    noise = torch.randn(len(times), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return settings, times, truth + NOISE * noise


@pytest.mark.parametrize(
    ("pulse", "more"),
    [
        ("instant", {}),
        ("square", {"pulse_width": 0.004}),
        (Series((0.0, 0.001, 0.005), (0.0, 1.0, 0.0)), {}),
    ],
    ids=["instant", "square", "measured"],
)
def test_what_was_put_in_comes_back(pulse: str | Series, more: dict[str, float]) -> None:
    settings, times, values = _record(pulse, 5, **more)
    guess = start(times, values, settings)
    assert guess["diffusivity"] == pytest.approx(TRUE["diffusivity"], rel=0.05)
    fixed = {"thickness": 1.5e-3, **more}
    result = fit(model({**settings, **guess}, times), times, values, guess, fixed=fixed)
    assert result.status.ok
    assert result.rmse == pytest.approx(NOISE, rel=0.15)
    for name, value in TRUE.items():
        estimate = result.parameters[name]
        assert abs(math.log(estimate.value / value)) < 4 * estimate.std / estimate.value
    assert result.parameters["diffusivity"].value == pytest.approx(TRUE["diffusivity"], rel=5e-3)


def test_a_wrong_pulse_biases_the_diffusivity() -> None:
    """The pulse matters: read as instant, a square one of a tenth of the half-rise costs more than the noise does."""
    settings, times, values = _record("square", 7, pulse_width=0.004)
    guess = start(times, values, settings)
    wrong = {"thickness": 1.5e-3, "pulse": "instant"}
    result = fit(model({**wrong, **guess}, times), times, values, guess, fixed={"thickness": 1.5e-3})
    estimate = result.parameters["diffusivity"]
    assert estimate.value < TRUE["diffusivity"] - 4 * estimate.std
