"""The corrections by hand, with the errors that their docstring states."""

import pytest
import torch

from physics.equations.flash.corrections import PARKER, constant, constant_error, pulse_delay, ratio
from physics.equations.flash.disc import disc_of, peak_and_half
from physics.equations.flash.heat_modes import modes
from physics.errors import ParameterError

BIOTS = torch.linspace(0, 1, 41, dtype=torch.float64)


def _off(correction: str, most: float) -> float:
    return float(constant_error(correction, BIOTS[most >= BIOTS]).abs().max())


def test_parker_without_loss() -> None:
    assert float(constant_error("parker", BIOTS[:1])) == pytest.approx(0, abs=1e-8)
    assert _off("parker", 1.0) > 0.39


def test_five_half_times() -> None:
    error = constant_error("five", torch.tensor([0.05], dtype=torch.float64))
    assert float(error) == pytest.approx(0.026, abs=0.0005)


def test_the_five_ratio_is_not_monotone() -> None:
    biot = torch.tensor([0.0, 0.01, 0.03], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    found = ratio("five", disc_of({"thickness": one, "diffusivity": one, "biot": biot}, "instant"))
    assert found[1] > found[0]
    assert found[1] > found[2]


def test_ten_half_times_and_clark_taylor() -> None:
    assert _off("ten", 0.5) < 0.0045
    assert _off("clark-taylor", 1.0) < 0.01


@pytest.mark.parametrize(("width", "left"), [(0.01, 0.00024), (0.1, 0.0226)])
def test_pulse_delay(width: float, left: float) -> None:
    one = torch.ones(1, dtype=torch.float64)
    disc = disc_of({"thickness": one, "diffusivity": one, "pulse_width": width * one}, "square")
    half = float(peak_and_half(disc, modes(disc.front_biot, disc.rear_biot, 36))[1])
    assert (half - pulse_delay(width)) / PARKER - 1 == pytest.approx(left, rel=0.05)


def test_an_unknown_correction_is_named() -> None:
    with pytest.raises(ParameterError, match="five, ten, clark-taylor"):
        constant("seven", torch.ones(1))
    with pytest.raises(ParameterError, match="five, ten, clark-taylor"):
        constant_error("seven", BIOTS)
