"""A selective state-space layer over time (Mamba-2), and attention over time in its place.

    h_t = exp(a D_t) h_{t-1} + D_t B_t x_t^T,        y_t = C_t h_t + S x_t
    y_t = sum_{s <= t} (C_t . B_s) exp(a (D_{s+1} + ... + D_t)) D_s x_s + S x_t

x: (sequences, times, width), in heads with a decay a < 0 each; the step D and the vectors B, C of each time are
chosen by the input. The second line is the same sum without the recurrence: over the few frames of a history it is
cheaper than a scan. Around it stand a short causal convolution, a gate and a residual, as in the source.

Source: T. Dao and A. Gu, Transformers are SSMs: generalized models and efficient algorithms through structured state
space duality, ICML 2024, arXiv:2405.21060, equations 1 and 3 and section 7.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_SHORT = 3  # times of the causal convolution


class SelectiveStateSpace(nn.Module):
    """Maps (sequences, times, width) to the same shape."""

    def __init__(self, width: int, heads: int = 4, states: int = 16) -> None:
        super().__init__()
        self.width, self.heads, self.states = width, heads, states
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * width + 2 * states + heads, bias=False)
        self.near = nn.Parameter(torch.empty(_SHORT, width + 2 * states).uniform_(-1, 1) / math.sqrt(_SHORT))
        span = torch.exp(torch.rand(heads) * math.log(100.0) + math.log(1e-2))
        self.span = nn.Parameter(span + torch.log(-torch.expm1(-span)))
        self.log_decay = nn.Parameter(torch.linspace(0.0, math.log(16.0), heads))
        self.skip = nn.Parameter(torch.ones(heads))
        self.leave = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with what its past adds to it."""
        width, states = self.width, self.states
        gate, inner, span = self.enter(self.norm(x)).split([width, width + 2 * states, self.heads], -1)
        padded = functional.pad(inner, (0, 0, _SHORT - 1, 0))
        near = torch.stack([padded[:, j : j + x.shape[1]] * self.near[j] for j in range(_SHORT)]).sum(0)
        value, enter, leave = functional.silu(near).split([width, states, states], -1)
        mixed = self._mix(value, enter, leave, functional.softplus(span + self.span))
        out: Tensor = x + self.leave(mixed * functional.silu(gate))
        return out

    def _mix(self, x: Tensor, enter: Tensor, leave: Tensor, span: Tensor) -> Tensor:
        """Return y for x (sequences, times, width), B and C (sequences, times, states), D (sequences, times, heads)."""
        count, times, _ = x.shape
        passed = torch.cumsum(-self.log_decay.exp() * span, 1).transpose(1, 2)
        later = torch.ones(times, times, dtype=torch.bool, device=x.device).tril()
        kept = torch.exp((passed[..., :, None] - passed[..., None, :]).masked_fill(~later, -math.inf))
        weights = torch.matmul(leave, enter.mT)[:, None] * kept * span.transpose(1, 2)[:, :, None, :]
        heads = x.reshape(count, times, self.heads, -1).transpose(1, 2)
        mixed = torch.matmul(weights, heads) + self.skip[:, None, None] * heads
        return mixed.transpose(1, 2).reshape(x.shape)


class TemporalAttention(nn.Module):
    """Causal attention over time with a residual, of the same face: (sequences, times, width)."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 3 * width, bias=False)
        self.leave = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with what its past adds to it."""
        count, times, width = x.shape
        query, key, value = (
            part.reshape(count, times, self.heads, -1).transpose(1, 2) for part in self.enter(self.norm(x)).chunk(3, -1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: Tensor = x + self.leave(mixed.transpose(1, 2).reshape(count, times, width))
        return out
