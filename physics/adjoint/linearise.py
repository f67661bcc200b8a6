"""Products with the derivative of a function of a state, and with its transpose, without forming it.

jvp(v) = (dR/du) v      forward mode, or a central difference where an operation has none
vjp(w) = (dR/du)^T w    one tape, kept and run as often as wanted
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.autograd import forward_ad

State = tuple[Tensor, ...]


def plain(part: Tensor) -> Tensor:
    """Return the value alone, without tape or tangent."""
    value = forward_ad.unpack_dual(part).primal if forward_ad._current_level >= 0 else part
    return value.detach()


class Linearised:
    """`function(state, parameters) -> state` at one point."""

    def __init__(
        self,
        function: Callable[[State, tuple[Tensor, ...]], State],
        state: State,
        parameters: tuple[Tensor, ...],
        wanted: Sequence[bool] = (),
    ) -> None:
        self.function, self.state, self.parameters = function, state, parameters
        self.wanted = list(wanted) or [False] * len(parameters)
        self._tape: tuple[State, list[Tensor], State] | None = None
        self._forward = True

    def jvp(self, direction: State) -> State:
        """Return the derivative along a direction of the state."""
        return self.value_and_jvp(direction)[1]

    def value_and_jvp(self, direction: State) -> tuple[State, State]:
        """Return the function itself too, which costs nothing more in forward mode."""
        if self._forward:
            try:
                return self._dual(direction)
            except NotImplementedError:  # an operation without forward mode
                self._forward = False
        with torch.no_grad():
            return self.function(self.state, self.parameters), self._difference(direction)

    def _dual(self, direction: State) -> tuple[State, State]:
        # levels of forward mode do not nest; within one, duals of our own do not meet those of the caller
        level = nullcontext() if forward_ad._current_level >= 0 else forward_ad.dual_level()
        with torch.no_grad(), level:
            dual = tuple(forward_ad.make_dual(u.detach(), v) for u, v in zip(self.state, direction, strict=True))
            pairs = [forward_ad.unpack_dual(part) for part in self.function(dual, self.parameters)]
            slopes = tuple(torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent for pair in pairs)
            return tuple(pair.primal for pair in pairs), slopes

    def _difference(self, direction: State) -> State:
        """Central difference, good to about 1e-10 of the size of the state."""
        size = max(float(part.abs().max()) for part in self.state) or 1.0
        length = max(float(part.abs().max()) for part in direction)
        if length == 0.0:
            return tuple(torch.zeros_like(part) for part in self.state)
        h = torch.finfo(self.state[0].dtype).eps ** (1 / 3) * size / length
        with torch.no_grad():
            ends = [
                self.function(tuple(u + s * h * v for u, v in zip(self.state, direction, strict=True)), self.parameters)
                for s in (1.0, -1.0)
            ]
        return tuple((a - b) / (2 * h) for a, b in zip(*ends, strict=True))

    def vjp(self, bars: State) -> State:
        """Return the product of the transpose with `bars`."""
        leaves, _, after = self._taped()
        return self._pulled(after, list(leaves), bars)

    def parameter_vjp(self, bars: State) -> list[Tensor | None]:
        """Return (dR/dp)^T bars for the parameters that are wanted, None for the others."""
        _, given, after = self._taped()
        found = iter(self._pulled(after, [part for part in given if part.requires_grad], bars))
        return [next(found) if part.requires_grad else None for part in given]

    def _taped(self) -> tuple[State, list[Tensor], State]:
        if self._tape is None:
            with torch.enable_grad():
                leaves = tuple(part.detach().requires_grad_() for part in self.state)
                given = [p.detach().requires_grad_(w) for p, w in zip(self.parameters, self.wanted, strict=True)]
                self._tape = (leaves, given, self.function(leaves, tuple(given)))
        return self._tape

    @staticmethod
    def _pulled(after: State, into: list[Tensor], bars: State) -> State:
        pairs = [(value, bar) for value, bar in zip(after, bars, strict=True) if value.requires_grad]
        if not pairs or not into:
            return tuple(torch.zeros_like(part) for part in into)
        values, given = zip(*pairs, strict=True)
        found = torch.autograd.grad(values, into, given, retain_graph=True, allow_unused=True)
        return tuple(torch.zeros_like(part) if g is None else g for part, g in zip(into, found, strict=True))
