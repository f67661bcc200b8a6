"""A memory that fades: what a history leaves in internal variables that are not among the channels.

    q_k(t_n) = sum_j w_kj u(t_n - j dt) - u(t_n),    w_kj = exp(-j dt / tau_k) / sum_i exp(-i dt / tau_k)

with relaxation times tau_k that are learned, as the internal variables of a generalised Maxwell solid, whose
relaxation function is a sum of exponentials (a Prony series), take up the history of strain.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_LONGEST = 8.0  # of the first relaxation times, in intervals between frames


class FadingMemory(nn.Module):
    """`count` internal variables for each channel."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.log_times = nn.Parameter(torch.linspace(0.0, math.log(_LONGEST), count))

    def forward(self, history: Tensor) -> Tensor:
        """Return (batch, *points, channels * count) of a history (batch, times, *points, channels), oldest first."""
        age = torch.arange(history.shape[1] - 1, -1, -1, dtype=history.dtype, device=history.device)
        weights = torch.softmax(-age / self.log_times.exp()[:, None], -1)
        averages = torch.einsum("kt,bt...c->b...ck", weights, history)
        return (averages - history[:, -1, ..., None]).flatten(-2)
