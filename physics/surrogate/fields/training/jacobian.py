"""Regularisation by local Jacobians whose strength the field itself decides (after JAWS).

    R = < exp(-s(x)) g(x) + s(x) >,     g(x) = |f(u + e z) - f(u)|^2(x) / e^2,     s(x) = a + b log(1 + |grad u|^2)

z: noise of unit variance in the scaled last frame, e its size; s is the log variance of the Jacobian that is expected
where u varies as it does there, with a and b >= 0 learned for each regime: smooth places are pulled towards
contraction, steep ones are let be.

Source: F. Nie and Y. Suzuki, JAWS: enhancing long-term rollout of neural PDE solvers via spatially-adaptive Jacobian
regularization, arXiv:2603.05538; the log variance by the local gradient is this project's form of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from physics.surrogate.regime import Regime

_SIZE = 1e-2  # of the perturbation, in deviations of the channel


class LocalJacobian(nn.Module):
    """R, with its a and b."""

    def __init__(self, regimes: Mapping[str, Regime]) -> None:
        super().__init__()
        self.regimes = regimes
        self.level = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in regimes})
        self.slope = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in regimes})

    def forward(
        self,
        model: nn.Module,
        name: str,
        history: Tensor,
        settings: Mapping[str, Tensor],
        predicted: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return R of the step that was predicted from `history`."""
        axes = len(self.regimes[name].axes)
        last, space = history[:, -1], tuple(range(-axes, 0))
        deviation = last.std(space, keepdim=True).clamp_min(1e-6)
        noise = torch.randn(last.shape, generator=generator).to(last) * deviation * _SIZE
        moved = model(torch.cat([history[:, :-1], (last + noise)[:, None]], 1), settings, name)
        gain = (((moved - predicted) / (deviation * _SIZE)) ** 2).mean(1)
        steep = torch.stack([(last.roll(-1, k) - last.roll(1, k)) / (2 * deviation) for k in space]).square()
        logged = torch.log1p(steep.sum(0).mean(1))
        spread = self.level[name] + functional.softplus(self.slope[name]) * logged
        return (torch.exp(-spread) * gain + spread).mean()
