"""Tables of fluids: values at their rows, between them, and outside."""

import math

import pytest

from physics.equations.boussinesq.fluids import FLUIDS
from physics.errors import ParameterError


@pytest.mark.parametrize(
    ("name", "temperature", "prandtl", "accuracy"),
    [("water", 300.0, 5.83, 5e-3), ("air", 300.0, 0.707, 5e-3), ("glycerol", 300.0, 6780.0, 1e-2),
     ("mercury", 300.0, 0.0248, 5e-3),
     ("silicone-oil-5", 298.15, 69.0, 1e-2), ("silicone-oil-20", 298.15, 203.0, 1e-2)],
)  # fmt: skip
def test_tabulated_prandtl_numbers(name: str, temperature: float, prandtl: float, accuracy: float) -> None:
    at = FLUIDS[name].at(temperature)
    assert at.viscosity / at.diffusivity == pytest.approx(prandtl, rel=accuracy)


def test_between_rows_the_viscosity_follows_its_slope() -> None:
    water = FLUIDS["water"]
    low, high = water.at(300.0), water.at(304.0)
    assert high.viscosity == pytest.approx(low.viscosity * math.exp(4.0 * high.viscosity_slope), rel=1e-12)
    assert high.viscosity_slope == pytest.approx(-0.021, abs=2e-3)


def test_oil_follows_its_law_and_ends_where_it_is_known() -> None:
    oil = FLUIDS["silicone-oil-10"]
    assert oil.at(298.15).viscosity == pytest.approx(1e-5)
    slope = math.log(oil.at(298.16).viscosity / oil.at(298.14).viscosity) / 0.02
    assert oil.at(298.15).viscosity_slope == pytest.approx(slope, rel=1e-6)
    with pytest.raises(ParameterError, match="known from"):
        oil.at(320.0)
