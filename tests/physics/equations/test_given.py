"""What is given is checked before anything is computed from it."""

import numpy as np
import pytest
import torch

from physics.equations.given import check_given
from physics.errors import ParameterError
from physics.experiment import Choice, Parameter, Role
from physics.experiments import flash, gray_scott
from physics.series import Series

LENGTH = Parameter("length", "m", Role.CONTROL, 0.0, 1.0, "length", exclusive_lower=True)
SHAPE = Choice("shape", ("square", "round"), "round", "shape")


def _check(**given: object) -> dict[str, object]:
    return check_given("toy", given, (LENGTH,), (SHAPE,))


def test_numbers_stay_and_lists_become_batches() -> None:
    live = torch.tensor([0.2, 0.3], dtype=torch.float64, requires_grad=True)
    assert _check(length=0.5, shape=None, note="kept") == {"length": 0.5, "note": "kept"}
    assert _check(length=live)["length"] is live
    for many in ([0.1, 1], (0.1, 1.0), np.array([0.1, 1.0])):
        assert torch.equal(_check(length=many)["length"], torch.tensor([0.1, 1.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": 0.0}, "length = 0 m is outside its range, above 0 to 1 m"),
        ({"length": float("nan")}, "outside its range"),
        ({"length": torch.tensor([0.5, float("nan")])}, "outside its range"),
        ({"length": [0.5, -0.1]}, "length = -0.1 m is outside its range"),
        ({"length": "2 mm"}, "toy: length = '2 mm' is not a number of m"),
        ({"length": ["a"]}, "is not a number of m"),
        ({"length": True}, "is not a number"),
        ({"length": torch.ones(2, 2)}, "has the shape"),
        ({"length": []}, "has the shape"),
        ({"shape": "oval"}, "toy: shape = 'oval' is not one of square, round$"),
        ({"shape": Series((0.0, 1.0), (1.0, 1.0))}, "is not one of square, round$"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        _check(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"diffusivity": 0.0, "pulse": "square", "pulse_width": 1e-3},
        {"diffusivity": 0.0, "temperature": 300.0, "emissivity": 0.5, "density": 1.0, "heat_capacity": 1.0},
        {"thickness": 1e-200},
        {"pulse": "blob", "pulse_width": 1e-3},
        {"pulse": "square", "pulse_width": 1e-320},
        {"pulse_energy": 1.0, "density": 1e3, "heat_capacity": 1e3, "spot_diameter": 1e-200},
    ],
)
def test_a_flash_that_cannot_be_is_refused(given: dict) -> None:
    with pytest.raises(ParameterError):
        flash.simulate({"thickness": 2e-3, "diffusivity": 4e-6} | given)


@pytest.mark.parametrize(
    "given",
    [
        {"feed": 1e-300, "kill": 0.0},
        {"size": float("nan")},
        {"size": float("inf")},
        {"diffusion_b": -1.0},
        {"diffusion_b": 0.0},
        {"seed": float("inf")},
        {"inoculum": "blob"},
        {"feed": "0.03"},
    ],
)
def test_squares_that_cannot_be_are_refused(given: dict) -> None:
    with pytest.raises(ParameterError):
        gray_scott.simulate({"feed": 0.03, "kill": 0.062} | given)
