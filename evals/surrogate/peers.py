"""The operator learners that the surrogate of fields is compared with, one model a regime, under one face.

    next = last + change * N( scaled history, settings as constant channels, place between ends )

FNO and TFNO come from `neuraloperator`, U-Net from `the-well`: their own code, with what any of them needs to do well:
increments instead of values, settings of the run, scales of the training set, padding where an axis has ends. Both
packages are wanted by the comparison alone (`benchmarks/requirements.txt`).

Sources: Z. Li et al., Fourier neural operator for parametric partial differential equations, arXiv:2010.08895;
J. Kossaifi et al., Multi-grid tensorized Fourier neural operator for high-resolution PDEs, arXiv:2310.00120;
O. Ronneberger et al., U-Net, doi:10.1007/978-3-319-24574-4_28, in the form of The Well, arXiv:2412.00568.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from physics.errors import ParameterError
from physics.surrogate.fields.model import Scales
from physics.surrogate.regime import Regime

PEERS = ("fno", "tfno", "unet")
_PADDING = 0.125  # of an axis that has ends, for transforms that take it for a period


@dataclass(frozen=True)
class Size:
    """The size of a peer: latent width, waves along the first and the second axis (FNO, TFNO), layers, rank (TFNO)."""

    width: int
    waves: tuple[int, int] = (16, 12)
    layers: int = 4
    rank: float = 1.0


SIZES = {  # along one axis and two: about as many parameters as the surrogate has
    "fno": (Size(52), Size(21)),
    "tfno": (Size(64, rank=0.6), Size(32, rank=0.4)),
    "unet": (Size(12), Size(7)),
}


def size_of(kind: str, regime: Regime) -> Size:
    """Return the size of a peer with about as many parameters as the surrogate."""
    return SIZES[kind][len(regime.axes) - 1]


class Peer(nn.Module):
    """One peer for one regime; forward as `physics.surrogate.fields.model.Surrogate`, without invariants."""

    mean: Tensor
    deviation: Tensor
    change: Tensor

    def __init__(self, kind: str, regime: Regime, scales: Scales, size: Size, history: int = 4) -> None:
        super().__init__()
        self.regime, self.history = regime, history
        axes, channels = len(regime.axes), len(regime.channels)
        for name in ("mean", "deviation", "change"):
            self.register_buffer(name, getattr(scales, name).reshape(channels, *(1,) * axes))
        self.net = _network(kind, regime, channels * history + len(regime.ranges), channels, size)

    def forward(
        self, history: Tensor, settings: Mapping[str, Tensor], name: str, start: Tensor | None = None
    ) -> Tensor:
        """Return the frame that follows a history (batch, history, channels, *points)."""
        scaled = ((history - self.mean) / self.deviation).flatten(1, 2)
        given = self.regime.scaled(settings).to(scaled)
        constant = given.reshape(*given.shape, *(1,) * len(self.regime.axes)).expand(-1, -1, *scaled.shape[2:])
        following: Tensor = history[:, -1] + self.change * self.net(torch.cat([scaled, constant], 1))
        return following


def _network(kind: str, regime: Regime, entering: int, leaving: int, size: Size) -> nn.Module:
    if kind == "unet":
        return _unet()(
            dim_in=entering,
            dim_out=leaving,
            n_spatial_dims=len(regime.axes),
            spatial_resolution=regime.points,
            init_features=size.width,
        )
    if kind not in PEERS:
        raise ParameterError(f"there is no peer {kind!r}; did you mean {', '.join(PEERS)}?")
    from neuralop.models import FNO, TFNO

    ends = [axis.boundary != "periodic" for axis in regime.axes]
    padding = [_PADDING if each else 0.0 for each in ends] if any(ends) else None
    return {"fno": FNO, "tfno": TFNO}[kind](
        n_modes=size.waves if len(ends) == 2 else (2 * size.waves[0],),
        in_channels=entering,
        out_channels=leaving,
        hidden_channels=size.width,
        n_layers=size.layers,
        domain_padding=padding,
        **({"rank": size.rank} if kind == "tfno" else {}),
    )


def _unet() -> type[nn.Module]:
    """Return The Well's U-Net; its package imports what others of its models need, which is not wanted here."""
    name = "the_well.benchmark.models"
    if name not in sys.modules:
        import the_well.benchmark

        package = types.ModuleType(name)
        package.__path__ = [str(Path(next(iter(the_well.benchmark.__path__))) / "models")]
        sys.modules[name] = package
    from the_well.benchmark.models.unet_classic import UNetClassic

    found: type[nn.Module] = UNetClassic
    return found
