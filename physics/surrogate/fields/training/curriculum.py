"""Which regime the next step learns from: the harder one more often, tempered.

    p_r  proportional to  exp( d_r / T ),        d_r = log of the regime's running loss less the mean of the logs

T: temperature; as it grows all regimes are drawn alike, as it falls the hardest alone. A floor keeps every regime in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

_FLOOR = 0.25  # of an equal share
_MEMORY = 0.95


class Curriculum:
    """The running difficulty of each regime."""

    def __init__(self, names: Sequence[str], temperature: float) -> None:
        self.names, self.temperature = tuple(names), temperature
        self.loss = dict.fromkeys(self.names, 0.0)

    def shares(self) -> torch.Tensor:
        """Return the probability of each regime, shape (regimes,)."""
        count = len(self.names)
        if not all(self.loss.values()):
            return torch.full((count,), 1.0 / count, dtype=torch.float64)
        hard = torch.tensor([self.loss[name] for name in self.names], dtype=torch.float64).log()
        drawn = torch.softmax((hard - hard.mean()) / self.temperature, 0)
        return _FLOOR / count + (1.0 - _FLOOR) * drawn

    def draw(self, generator: torch.Generator) -> str:
        """Return the regime of the next step; each one not yet seen goes first."""
        unseen = [name for name in self.names if not self.loss[name]]
        if unseen:
            return unseen[0]
        return self.names[int(torch.multinomial(self.shares(), 1, generator=generator))]

    def learn(self, name: str, loss: float) -> None:
        """Take the loss of a step into the running one."""
        kept = self.loss[name]
        self.loss[name] = loss if not kept else _MEMORY * kept + (1.0 - _MEMORY) * loss
