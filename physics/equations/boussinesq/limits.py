"""Where the equations of `layer` stand for a cell in the laboratory.

Source: D. D. Gray and A. Giorgini, The validity of the Boussinesq approximation for liquids and gases, Int. J. Heat
Mass Transfer 19 (1976) 545-551, doi:10.1016/0017-9310(76)90168-X (properties within a tenth or so of their means).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from physics.equations.boussinesq.fluids import FLUIDS
from physics.equations.boussinesq.numbers import dimensional, fluid_properties, numbers
from physics.experiment import Limit


def _first(settings: Mapping[str, Any], name: str) -> float:
    return float(torch.as_tensor(settings[name], dtype=torch.float64).detach().reshape(-1).max())


def _with_fluid(value: Callable[[Mapping[str, Any]], float], otherwise: float) -> Callable[[Mapping[str, Any]], float]:
    def limited(settings: Mapping[str, Any]) -> float:
        return otherwise if settings.get("fluid", "none") == "none" else value(settings)

    return limited


def _margin(settings: Mapping[str, Any], warm: bool) -> float:
    """How far the cold plate is from freezing, or the warm one from boiling, in kelvin."""
    fluid, half = FLUIDS[str(settings["fluid"])], 0.5 * _first(settings, "temperature_difference")
    mean = _first(settings, "mean_temperature")
    return fluid.boils - mean - half if warm else mean - half - fluid.freezes


def _expansion(settings: Mapping[str, Any]) -> float:
    if not dimensional(settings):
        return 0.0
    given = settings.get("expansion")
    alpha = fluid_properties(settings).expansion if given is None else _first(settings, "expansion")
    return alpha * _first(settings, "temperature_difference")


LIMITS = (
    Limit("rayleigh", "above, the flow is unsteady and then turbulent, and not two-dimensional", "", None, 1e6,
          lambda s: float(numbers(s).rayleigh.detach().max())),
    Limit("boussinesq", "expansion times temperature difference; above, density changes more than the model allows", "",
          None, 0.1, _expansion),
    Limit("viscosity_change", "from plate to plate, relative; above, rolls are no longer alike up and down", "",
          None, 0.2, _with_fluid(
              lambda s: abs(fluid_properties(s).viscosity_slope) * _first(s, "temperature_difference"), 0.0)),
    Limit("above_freezing", "cold plate less freezing point", "K", 0.0, None,
          _with_fluid(lambda s: _margin(s, False), math.inf)),
    Limit("below_boiling", "boiling or flash point less warm plate", "K", 0.0, None,
          _with_fluid(lambda s: _margin(s, True), math.inf)),
    Limit("aspect", "outside, the rolls are not those of a wide layer, or too many for one run", "", 0.5, 8.0,
          lambda s: _first(s, "aspect")),
)  # fmt: skip
