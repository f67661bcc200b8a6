"""The surrogate of fields: a history of frames and the settings of a run to the next frame.

    history -> cells -> adapter -> tokens (patches, waves) -> state space over time -> latent field
            -> operator decoder (with the last frame) -> adapter -> increment of the last frame -> invariants

One model serves all its regimes: each has an adapter in and out, a linear map of its settings and a decoder of its own;
everything between is shared. Fields enter and leave in their own units; inside they are scaled by the mean and the
deviation of each channel, increments by the deviation of one interval's change. The decoder sees the last frame alone
and no difference of frames: a rollout would feed that its own errors as changes. Where channels are hidden, it can be
given a fading memory of those that are seen.

Source: the composition follows PDE-FM, arXiv:2511.21861.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from physics.surrogate.fields.cells import gathered, spread
from physics.surrogate.fields.conditioning import Conditioning
from physics.surrogate.fields.decoder import OperatorBlock
from physics.surrogate.fields.memory import FadingMemory
from physics.surrogate.fields.spectral_basis import Basis, basis
from physics.surrogate.fields.state_space import SelectiveStateSpace, TemporalAttention
from physics.surrogate.fields.tokens import Tokens, unpatched
from physics.surrogate.regime import Boundary, Regime

SHARED = "all"  # the name of a decoder of all regimes


@dataclass(frozen=True)
class Shape:
    """The sizes and parts of a model; what stands in a checkpoint beside the weights.

    Attributes:
        latent: width of the fields in the decoder.
        frame: width of the frames that become tokens.
        tokens: width of the tokens.
        given: width of the conditioning.
        blocks: layers of the decoder.
        cell: points of a cell along each axis; the model works on cells.
        patch: cells of a patch along each axis.
        history: frames that are seen.
        waves: of the decoder along each axis.
        token_waves: of the spectral tokens along each axis.
        memory: internal variables of a fading memory that the decoder sees of each channel.
        shared_decoder: one decoder for all regimes in place of one each.
        spectral_tokens, conditioned, adaptive_waves: parts that can be left out or added.
        backbone: "mamba" or "attention".
    """

    latent: int = 32
    frame: int = 8
    tokens: int = 64
    given: int = 64
    blocks: int = 4
    cell: int = 2
    patch: int = 4
    backbone_layers: int = 2
    history: int = 4
    waves: tuple[int, int] = (16, 12)
    token_waves: tuple[int, int] = (8, 4)
    memory: int = 0
    shared_decoder: bool = False
    spectral_tokens: bool = True
    conditioned: bool = True
    adaptive_waves: bool = False
    backbone: str = "mamba"

    def as_dict(self) -> dict[str, Any]:
        """Return what a card keeps."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Shape:
        """Return the shape of a card."""
        parts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
        }
        return cls(**parts)


@dataclass(frozen=True)
class Scales:
    """Of one regime's training frames, each of shape (channels,)."""

    mean: Tensor
    deviation: Tensor
    change: Tensor


class Adapter(nn.Module):
    """In and out of the latent space for one regime, with its scales."""

    mean: Tensor
    deviation: Tensor
    change: Tensor

    def __init__(self, regime: Regime, shape: Shape) -> None:
        super().__init__()
        channels, ends = len(regime.channels), len(_closed(regime))
        inside = shape.cell ** len(regime.axes) * channels
        self.frame = nn.Linear(inside + ends, shape.frame)
        self.recent = nn.Linear((1 + shape.memory) * inside + ends, shape.latent)
        self.leave = nn.Linear(shape.latent, inside)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        for name in ("mean", "deviation", "change"):
            self.register_buffer(name, torch.ones(channels) if name != "mean" else torch.zeros(channels))


class Surrogate(nn.Module):
    """Next frames of runs of the given regimes."""

    def __init__(self, regimes: Mapping[str, Regime], shape: Shape | None = None) -> None:
        super().__init__()
        shape = shape or Shape()
        self.shape, self.regimes = shape, dict(regimes)
        self.conditioning = Conditioning(regimes, shape.given)
        self.adapters = nn.ModuleDict({name: Adapter(each, shape) for name, each in regimes.items()})
        self.tokens = Tokens(
            shape.frame,
            shape.tokens,
            shape.given,
            patch=shape.patch,
            spectral=shape.spectral_tokens,
            adaptive=shape.adaptive_waves,
        )
        self.memory = FadingMemory(shape.memory) if shape.memory else None
        layer = {"mamba": SelectiveStateSpace, "attention": TemporalAttention}[shape.backbone]
        self.backbone = nn.Sequential(*(layer(shape.tokens) for _ in range(shape.backbone_layers)))
        self.detoken = nn.Linear(shape.tokens, shape.patch**2 * shape.latent)
        decoders = [SHARED] if shape.shared_decoder else list(regimes)
        self.decoders = nn.ModuleDict({name: _decoder(shape) for name in decoders})

    def adapter(self, name: str) -> Adapter:
        """Return the adapter of a regime."""
        found = self.adapters[name]
        assert isinstance(found, Adapter)  # noqa: S101
        return found

    def decoder(self, name: str) -> Iterable[nn.Module]:
        """Return the layers that serve a regime."""
        found = self.decoders[SHARED if self.shape.shared_decoder else name]
        assert isinstance(found, nn.ModuleList)  # noqa: S101
        return found

    def set_scales(self, name: str, scales: Scales) -> None:
        """Take the scales of a regime from its training frames."""
        adapter = self.adapter(name)
        adapter.mean.copy_(scales.mean)
        adapter.deviation.copy_(scales.deviation)
        adapter.change.copy_(scales.change)

    def forward(
        self, history: Tensor, settings: Mapping[str, Tensor], name: str, start: Tensor | None = None
    ) -> Tensor:
        """Return the frame that follows.

        Args:
            history: (batch, history, channels, *points), in the channels' units, oldest first.
            settings: of the regime, shape (batch,) each.
            name: the regime.
            start: the run's first frame, whose invariants the result keeps; the oldest of the history if left out.

        Returns:
            (batch, channels, *points).
        """
        following = self.free(history, settings, name)
        first = history[:, :1] if start is None else start[:, None]
        return self.regimes[name].kept(following[:, None], first, settings)[:, 0]

    def free(self, history: Tensor, settings: Mapping[str, Tensor], name: str) -> Tensor:
        """Return the frame that follows before its invariants are projected."""
        regime, adapter = self.regimes[name], self.adapter(name)
        fields = channels_last(history, len(regime.axes))
        normal = gathered((fields - adapter.mean) / adapter.deviation, self.shape.cell)
        batch, times, nx, ny, _ = normal.shape
        c = self.conditioning(regime.scaled(settings).to(history), name)
        if not self.shape.conditioned:
            c = torch.zeros_like(c)
        ends = _ends(regime)
        place = _places(regime, nx, ny).to(normal).expand(batch, times, -1, -1, -1)
        seen = torch.cat([normal, place], -1)
        tokens = self.tokens(adapter.frame(seen), c, _waves(seen, ends, self.shape.token_waves))
        count, width = tokens.shape[2:]
        over_time = self.backbone(tokens.transpose(1, 2).reshape(batch * count, times, width))[:, -1]
        latent = self.detoken(over_time.reshape(batch, count, width))
        last = seen[:, -1] if self.memory is None else torch.cat([seen[:, -1], self.memory(normal)], -1)
        h = adapter.recent(last) + unpatched(latent, nx, ny, self.shape.patch)
        many = _waves(seen, ends, self.shape.waves)
        for block in self.decoder(name):
            h = block(h, c, many, ends)
        change = spread(adapter.leave(h), self.shape.cell, fields.shape[-2]) * adapter.change
        return channels_first(fields[:, -1] + change, len(regime.axes))


def _decoder(shape: Shape) -> nn.ModuleList:
    return nn.ModuleList(OperatorBlock(shape.latent, shape.given) for _ in range(shape.blocks))


def channels_last(fields: Tensor, axes: int) -> Tensor:
    """Return (..., nx, ny, channels) of (..., channels, nx) or (..., channels, nx, ny)."""
    fields = fields if axes == 2 else fields[..., None]
    return fields.movedim(-3, -1)


def channels_first(fields: Tensor, axes: int) -> Tensor:
    """Return what `channels_last` was given."""
    fields = fields.movedim(-1, -3)
    return fields if axes == 2 else fields[..., 0]


def _ends(regime: Regime) -> tuple[Boundary, Boundary]:
    kinds = [axis.boundary for axis in regime.axes]
    return kinds[0], kinds[1] if len(kinds) == 2 else "periodic"


def _closed(regime: Regime) -> list[int]:
    return [k for k, axis in enumerate(regime.axes) if axis.boundary != "periodic"]


def _waves(cells: Tensor, ends: tuple[Boundary, Boundary], most: tuple[int, int]) -> Basis:
    """Return the waves of cells (..., nx, ny, channels); a field of one axis has twice as many along it."""
    nx, ny = cells.shape[-3:-1]
    most = most if ny > 1 else (2 * most[0], 1)
    return Basis(*(part.to(cells.device) for part in basis((nx, ny), ends, most)))


def _places(regime: Regime, nx: int, ny: int) -> Tensor:
    """Return where each cell lies between ends, -1 to 1, shape (nx, ny, axes that have ends)."""
    grids = [torch.linspace(-1.0, 1.0, n) for n in (nx, ny)]
    full = [grids[0][:, None].expand(nx, ny), grids[1][None, :].expand(nx, ny)]
    chosen = [full[k] for k in _closed(regime)]
    return torch.stack(chosen, -1) if chosen else torch.zeros(nx, ny, 0)
