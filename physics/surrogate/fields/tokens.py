"""Tokens of a history of fields: patches of space and waves of the whole, fused by cross-attention.

    patch (i, j) of each frame -> one spatial token;  wave (k, l) of each frame -> one spectral token
    spatial <- spatial + softmax(Q K^T / sqrt(d)) V,        Q of the spatial, K and V of the spectral tokens

Fields are (batch, times, nx, ny, width) with the last axis that of the latent space. A field of one axis counts as
constant along the second, so that patches are square for all. The last axis of tokens is their width d.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from physics.surrogate.fields.conditioning import Film
from physics.surrogate.fields.spectral_basis import Basis

PATCH = 8  # points along each axis


def patches(fields: Tensor, size: int = PATCH) -> Tensor:
    """Return (batch, times, tokens, size * size * width) of fields (batch, times, nx, ny, width)."""
    batch, times, nx, ny, width = fields.shape
    if ny == 1:
        fields, ny = fields.expand(-1, -1, -1, size, -1), size
    cut = fields.reshape(batch, times, nx // size, size, ny // size, size, width).transpose(3, 4)
    return cut.reshape(batch, times, -1, size * size * width)


def unpatched(tokens: Tensor, nx: int, ny: int, size: int = PATCH) -> Tensor:
    """Return the field (batch, nx, ny, width) of patches (batch, tokens, size * size * width)."""
    batch, wide = len(tokens), max(ny, size)
    cut = tokens.reshape(batch, nx // size, wide // size, size, size, -1).transpose(2, 3)
    fields = cut.reshape(batch, nx, wide, -1)
    return fields.mean(2, keepdim=True) if ny == 1 else fields


class Tokens(nn.Module):
    """Spatial tokens of a history (batch, times, tokens, d), modulated by the conditioning and fused with the waves.

    Args:
        latent: width of the fields.
        width: d.
        given: width of the conditioning.
        patch: points of a patch along each axis.
        spectral: whether there are spectral tokens at all.
        adaptive: weigh the waves of each field by a learned gate of their amplitudes.
    """

    def __init__(
        self,
        latent: int,
        width: int,
        given: int,
        *,
        patch: int = PATCH,
        heads: int = 4,
        spectral: bool = True,
        adaptive: bool = False,
    ) -> None:
        super().__init__()
        self.size, self.heads, self.spectral, self.adaptive = patch, heads, spectral, adaptive
        self.patch = nn.Linear(patch * patch * latent, width)
        self.film = Film(given, width)
        self.mixing = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        if spectral:
            self.wave = nn.Linear(2 * latent, width)
            self.number = nn.Linear(6, width)
            self.gate = nn.Linear(2 * latent + 6, 1) if adaptive else None
            self.query = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width, bias=False))
            self.pair = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width, bias=False))
            self.leave = nn.Linear(width, width, bias=False)

    def forward(self, fields: Tensor, c: Tensor, waves: Basis) -> Tensor:
        """Tokenise fields (batch, times, nx, ny, latent) under c (batch, given)."""
        tokens = self.film(self.patch(patches(fields, self.size)), c)
        if self.spectral:
            tokens = tokens + self._attend(tokens, self._waves(fields, waves))
        return tokens + self.mixing(tokens)

    def _waves(self, fields: Tensor, waves: Basis) -> tuple[Tensor, Tensor | None]:
        """Return the spectral tokens (batch, times, waves, d) and what a gate adds to their scores."""
        batch, times = fields.shape[:2]
        found = waves.analyse(fields.flatten(0, 1)).flatten(1, 2)
        flat = torch.cat([found.real, found.imag], -1).unflatten(0, (batch, times))
        tokens = self.wave(flat) + self.number(waves.numbers)
        if self.gate is None:
            return tokens, None
        size = torch.cat([torch.log1p(flat.abs()), waves.numbers.expand(batch, times, -1, -1)], -1)
        return tokens, functional.logsigmoid(self.gate(size)).squeeze(-1)

    def _attend(self, tokens: Tensor, waves: tuple[Tensor, Tensor | None]) -> Tensor:
        spectral, gate = waves
        batch, times, count, width = tokens.shape

        def parted(each: Tensor) -> Tensor:
            return each.reshape(batch * times, each.shape[2], self.heads, -1).transpose(1, 2)

        key, value = self.pair(spectral).chunk(2, -1)
        bias = None if gate is None else gate.reshape(batch * times, 1, 1, -1)
        mixed = functional.scaled_dot_product_attention(
            parted(self.query(tokens)), parted(key), parted(value), attn_mask=bias
        )
        out: Tensor = self.leave(mixed.transpose(1, 2).reshape(batch, times, count, width))
        return out
