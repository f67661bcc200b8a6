"""How the weights move: hidden matrices along orthogonalised momentum (Muon), everything else by AdamW.

    M <- mu M + G,        W <- W - rate O(mu M + G),        O: the nearest matrix with orthonormal rows or columns

Every direction of a matrix moves alike, also those along which the gradient is small. Matrices of the adapters, which
turn channels into the latent space and back, are no hidden ones. Gradients are cut to a norm of 1 before.

Sources: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR 2019, arXiv:1711.05101; J. Liu et al.,
Muon is scalable for LLM training, arXiv:2502.16982 (the size of the step).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from physics.surrogate.fields.training.settings import Settings

_FEWEST = 16  # rows and columns of a hidden matrix
_LARGEST = 1.0  # norm of a gradient


class Optimiser:
    """Both of them, under one rate that is reached after `Settings.warm` steps and falls along a cosine."""

    def __init__(self, model: nn.Module, more: Iterable[nn.Parameter], settings: Settings) -> None:
        self.settings = settings
        self.clipped = list(model.parameters())
        hidden = {name for name, part in model.named_parameters() if settings.orthogonal and _is_hidden(name, part)}
        inner = [part for name, part in model.named_parameters() if name in hidden]
        outer = [part for name, part in model.named_parameters() if name not in hidden]
        self.parts: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(
                [*outer, *more], lr=settings.rate, weight_decay=settings.decay, betas=(0.9, 0.98)
            )
        }
        if inner:
            self.parts["muon"] = torch.optim.Muon(
                inner, lr=settings.orthogonal, weight_decay=settings.decay, adjust_lr_fn="match_rms_adamw"
            )

    def step(self, loss: Tensor, done: int) -> None:
        """Move down the gradient of a loss, after so many steps."""
        warm = min(1.0, (done + 1) / self.settings.warm)
        share = warm * 0.5 * (1.0 + math.cos(math.pi * done / self.settings.steps))
        for part in self.parts.values():
            part.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.clipped, _LARGEST)
        for part in self.parts.values():
            for group in part.param_groups:
                group["lr"] = share * part.defaults["lr"]
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return the moments, by optimiser and the place of each parameter."""
        return {
            f"{kind}.{index}.{name}": torch.as_tensor(value)
            for kind, part in self.parts.items()
            for index, moments in part.state_dict()["state"].items()
            for name, value in moments.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the moments that `tensors` returned."""
        for kind, part in self.parts.items():
            found: dict[int, dict[str, Tensor]] = {}
            for index, name, value in _of(kind, tensors):
                found.setdefault(index, {})[name] = value
            part.load_state_dict({**part.state_dict(), "state": found})


def _of(kind: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[int, str, Tensor]]:
    for key, value in tensors.items():
        first, _, rest = key.partition(".")
        if first == kind:
            index, name = rest.split(".")
            yield int(index), name, value


def _is_hidden(name: str, part: Tensor) -> bool:
    return part.dim() == 2 and min(part.shape) >= _FEWEST and not name.startswith("adapters.")
