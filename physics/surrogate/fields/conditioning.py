"""What is known of a run besides its fields, and how it modulates them (FiLM).

    c = MLP( A_r s + b_r ,  g )            z -> (1 + gamma(c)) z + beta(c)

s: the settings over their ranges, from -1 to 1, with a linear map A_r, b_r of each regime r; g: what all regimes
share, the boundaries, the logarithms of the points, lengths and interval, and the number of axes.

Source: E. Perez, F. Strub, H. de Vries, V. Dumoulin and A. Courville, FiLM: visual reasoning with a general
conditioning layer, AAAI 2018, doi:10.1609/aaai.v32i1.11671.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from physics.surrogate.regime import Regime

KINDS = ("periodic", "wall", "open")
GIVEN = 2 * (len(KINDS) + 2) + 2


def metadata(regime: Regime) -> Tensor:
    """Return g, shape (GIVEN,): of each axis its kind, points and length, then the interval and the axes."""
    found: list[float] = []
    for k in range(2):
        axis = regime.axes[k] if k < len(regime.axes) else None
        found += [float(axis is not None and axis.boundary == kind) for kind in KINDS]
        found += [0.0, 0.0] if axis is None else [math.log(axis.points / 64.0), math.log(axis.length)]
    return torch.tensor([*found, math.log(regime.interval), float(len(regime.axes))])


class Conditioning(nn.Module):
    """c of shape (batch, width)."""

    def __init__(self, regimes: Mapping[str, Regime], width: int) -> None:
        super().__init__()
        self.given = {name: metadata(regime) for name, regime in regimes.items()}
        self.settings = nn.ModuleDict({name: nn.Linear(len(each.ranges), width) for name, each in regimes.items()})
        self.shared = nn.Linear(GIVEN, width)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, scaled: Tensor, regime: str) -> Tensor:
        """Return c for settings (batch, settings) from -1 to 1."""
        given = self.given[regime].to(scaled)
        mixed: Tensor = self.mix(self.settings[regime](scaled) + self.shared(given))
        return mixed


class Film(nn.Module):
    """z -> (1 + gamma(c)) z + beta(c) over the last axis; the identity to begin with."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(given, 2 * width)
        nn.init.zeros_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def amounts(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return gamma and beta, each (batch, width), for c (batch, given)."""
        gamma, beta = self.map(c).chunk(2, -1)
        return gamma, beta

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """Modulate z (batch, ..., width)."""
        gamma, beta = (part.reshape(len(c), *(1,) * (z.dim() - 2), -1) for part in self.amounts(c))
        return torch.addcmul(beta, z, 1.0 + gamma)
