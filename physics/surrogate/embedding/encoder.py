"""The encoder: traces to vectors of unit length, near to each other where the runs looked alike.

    each channel -> tokens (patches, waves) -> state space over time -> mean and deviation over tokens and times
                 -> mean and deviation over channels, with those of the fixed features -> vector

Channels share all weights and are pooled, so that any number of them can be read; their features modulate the tokens
(FiLM), which tells the network what standardising took away. The parts are those of the surrogate of fields.

Source: it is trained after A. van den Oord, Y. Li and O. Vinyals, Representation learning with contrastive predictive
coding, arXiv:1807.03748, equation 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from physics.surrogate.embedding.features import PER_CHANNEL, features, pooled
from physics.surrogate.embedding.trace import Trace, grouped, resampled, standard
from physics.surrogate.fields.spectral_basis import basis
from physics.surrogate.fields.state_space import SelectiveStateSpace
from physics.surrogate.fields.tokens import Tokens

WAVES = (8, 4)


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder; what stands in its card."""

    tokens: int = 48
    given: int = 48
    layers: int = 2
    size: int = 96  # of the vector

    def as_dict(self) -> dict[str, Any]:
        """Return what a card keeps."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Shape:
        """Return the shape of a card."""
        return cls(**kept)


@dataclass(frozen=True)
class Seen:
    """Traces of one group as the network takes them: rows z (rows, frames, nx, ny), features (rows, PER_CHANNEL),
    and which of `count` traces each row is of."""  # fmt: skip

    z: Tensor
    features: Tensor
    owner: Tensor
    count: int


class Encoder(nn.Module):
    """Vectors of unit length (traces, size)."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        width = shape.tokens
        self.given = nn.Sequential(nn.Linear(PER_CHANNEL, shape.given), nn.SiLU(), nn.Linear(shape.given, shape.given))
        self.tokens = Tokens(2, width, shape.given)
        self.backbone = nn.Sequential(*(SelectiveStateSpace(width) for _ in range(shape.layers)))
        self.norm = nn.LayerNorm(width)
        self.channel = nn.Sequential(nn.Linear(4 * width + shape.given, 2 * width), nn.SiLU())
        self.leave = nn.Sequential(
            nn.Linear(4 * width + 2 * PER_CHANNEL, 2 * shape.size), nn.SiLU(), nn.Linear(2 * shape.size, shape.size)
        )

    def forward(self, seen: Seen) -> Tensor:
        """Return the vectors of the traces of one group."""
        c = self.given(seen.features)
        z = seen.z
        change = torch.diff(z, dim=1, prepend=z[:, :1])
        change = change / change.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-3)
        fields = torch.stack([z, change], -1).clamp(-8.0, 8.0)
        nx, ny = z.shape[2:]
        tokens = self.tokens(fields, c, basis((nx, ny), ("open", "open"), WAVES if ny > 1 else (2 * WAVES[0], 1)))
        n, times, count, width = tokens.shape
        h = self.norm(self.backbone(tokens.transpose(1, 2).reshape(n * count, times, width)))
        h = h.reshape(n, count, times, width)
        parts = [h.mean((1, 2)), h.std((1, 2), correction=0), h[:, :, -1].mean(1), h.mean(2).std(1, correction=0), c]
        rows = self.channel(torch.cat(parts, -1))
        whole = torch.cat([pooled(rows, seen.owner, seen.count), pooled(seen.features, seen.owner, seen.count)], -1)
        return functional.normalize(self.leave(whole), dim=-1)

    @torch.no_grad()
    def encode(self, traces: Sequence[Trace], batch: int = 64) -> Tensor:
        """Return the vectors of traces of any kinds, shape (traces, size), in their order."""
        found = torch.empty(len(traces), self.shape.size)
        for members in grouped(traces).values():
            for first in range(0, len(members), batch):
                part = members[first : first + batch]
                found[part] = self(seen([traces[k] for k in part]))
        return found


def seen(traces: Sequence[Trace]) -> Seen:
    """Return traces of one group as the network takes them."""
    values = [resampled(trace) for trace in traces]
    owner = torch.repeat_interleave(torch.arange(len(values)), torch.tensor([len(each) for each in values]))
    whole = torch.cat(values)
    z = standard(whole)
    if traces[0].axes == 0:
        fronts = torch.cat([torch.tensor([0.0, 1.0]).repeat_interleave(trace.channels) for trace in traces])
    else:
        fronts = torch.zeros(len(whole))
    return Seen(z, features(whole, z, traces[0].axes, fronts), owner, len(values))
