"""A network from numbers to the coefficients of curves in a reduced basis: the branch net of a DeepONet.

    f(x) = W_3 s(W_2 s(W_1 x + b_1) + b_2) + b_3,    s(z) = z / (1 + exp(-z))

whose trunk is the basis (POD-DeepONet: L. Lu et al., Comput. Methods Appl. Mech. Eng. 393 (2022) 114778,
doi:10.1016/j.cma.2022.114778). It is trained on all runs at once, by Adam and then by LBFGS, on the mean square of
the error. An answer costs the same however many runs it was trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

WIDTH = 64
FIRST, SECOND = 1500, 1500  # steps of Adam, iterations of LBFGS
RATE = 5e-3
NAMES = ("w1", "b1", "w2", "b2", "w3", "b3")


@dataclass(frozen=True)
class Network:
    """A trained network: its weights in the order of `NAMES`."""

    layers: tuple[Tensor, ...]

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the outputs (batch, outputs) at inputs (batch, inputs)."""
        w1, b1, w2, b2, w3, b3 = self.layers
        hidden = torch.nn.functional.silu(torch.addmm(b1, inputs, w1))
        hidden = torch.nn.functional.silu(torch.addmm(b2, hidden, w2))
        return torch.addmm(b3, hidden, w3)

    def tensors(self) -> dict[str, Tensor]:
        """Return what has to be kept."""
        return dict(zip(NAMES, self.layers, strict=True))


def train(
    inputs: Tensor, outputs: Tensor, seed: int = 0, *, width: int = WIDTH, first: int = FIRST, second: int = SECOND
) -> Network:
    """Return a network through runs.

    Args:
        inputs: shape (runs, inputs), each from -1 to 1.
        outputs: shape (runs, outputs), in the unit in which errors count.
        seed: of the first weights.
        width: of both hidden layers.
        first, second: steps of Adam and iterations of LBFGS.
    """
    scale = outputs.square().mean(0).amax().sqrt().clamp_min(1e-300)
    wanted = outputs / scale
    layers = _start(inputs.shape[1], width, outputs.shape[1], torch.Generator().manual_seed(seed))
    adam = torch.optim.Adam(layers, lr=RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(first, 1), RATE / 50)
    for _ in range(first):
        adam.zero_grad()
        (Network(tuple(layers)).predict(inputs) - wanted).square().mean().backward()
        adam.step()
        slower.step()
    search = torch.optim.LBFGS(
        layers, max_iter=second, history_size=30, line_search_fn="strong_wolfe", tolerance_grad=1e-12,
        tolerance_change=1e-14,
    )  # fmt: skip

    def loss() -> Tensor:
        search.zero_grad()
        found = (Network(tuple(layers)).predict(inputs) - wanted).square().mean()
        found.backward()
        return found

    if second:
        search.step(loss)
    found = [layer.detach() for layer in layers]
    return Network((*found[:4], found[4] * scale, found[5] * scale))


def _start(inputs: int, width: int, outputs: int, generator: torch.Generator) -> list[Tensor]:
    layers: list[Tensor] = []
    for fan, out in ((inputs, width), (width, width), (width, outputs)):
        weight = torch.randn(fan, out, generator=generator, dtype=torch.float64) * math.sqrt(2.0 / fan)
        layers += [weight.requires_grad_(), torch.zeros(out, dtype=torch.float64, requires_grad=True)]
    return layers
