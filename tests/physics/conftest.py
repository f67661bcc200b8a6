"""An exact column for what fits and designs on any model: its curves need no grid."""

import math

import pytest
import torch


def third_type(parameters, times):
    """Resident concentration, third-type inlet, semi-infinite (van Genuchten & Alves 1982), without decay."""
    v, D = parameters["velocity"][:, None], parameters["dispersion"][:, None]
    R = parameters.get("retardation", torch.ones_like(parameters["velocity"]))[:, None]
    x = parameters["position"][:, None]
    root = 2 * torch.sqrt(D * R * times)
    a, b = (R * x - v * times) / root, (R * x + v * times) / root
    gauss = torch.exp(-(a**2))
    return (
        0.5 * torch.special.erfc(a)
        + torch.sqrt(v**2 * times / (math.pi * D * R)) * gauss
        - 0.5 * (1 + v * x / D + v**2 * times / (D * R)) * gauss * torch.special.erfcx(b)
    )


@pytest.fixture
def model():
    return third_type
