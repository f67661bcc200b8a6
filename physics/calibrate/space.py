"""The space in which parameters are fitted: the logarithm where positive, bounds as a box.

For a positive parameter u = ln theta, so that steps are relative changes and no step leaves the physical
range; d y / d u = theta d y / d theta. A parameter that may be negative is u times its `scale`, so that steps of
any unit are of one size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from physics.errors import ParameterError


@dataclass(frozen=True)
class Space:
    """Names in their order, which are logarithmic (P,), the box in u (P,), and the unit of the other u (P,) or one."""

    names: tuple[str, ...]
    logarithmic: Tensor
    lower: Tensor
    upper: Tensor
    scale: Tensor | float = 1.0

    @cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which u are logarithms, their lower and their upper bounds, as arrays of shape (P,)."""
        return self.logarithmic.numpy(), self.lower.numpy(), self.upper.numpy()

    def inward(self, theta: Tensor) -> Tensor:
        """Theta -> u, shape (..., P), moved into the box."""
        safe = torch.where(self.logarithmic, theta.clamp_min(1e-300), torch.ones_like(theta))
        return self.clamp(torch.where(self.logarithmic, safe.log(), theta / self.scale))

    def outward(self, u: Tensor) -> Tensor:
        """Return theta for u, shape (..., P)."""
        return torch.where(self.logarithmic, u.exp(), u * self.scale)

    def slope(self, u: Tensor) -> Tensor:
        """Return d theta / d u, shape (..., P)."""
        return torch.where(self.logarithmic, u.exp(), torch.ones_like(u) * self.scale)

    def clamp(self, u: Tensor) -> Tensor:
        """Project into the box."""
        return torch.minimum(torch.maximum(u, self.lower), self.upper)


def make_space(names: Sequence[str], bounds: Mapping[str, tuple[float, float]]) -> Space:
    """Build the space; a parameter is logarithmic unless its lower bound is negative.

    Raises:
        ParameterError: no name, or a lower bound that is not below its upper bound.
    """
    return _space(tuple(names), tuple(bounds.get(name, (0.0, math.inf)) for name in names))


@lru_cache
def _space(names: tuple[str, ...], bounds: tuple[tuple[float, float], ...]) -> Space:
    if not names:
        raise ParameterError("nothing to fit; name at least one parameter")
    logarithmic, lower, upper = [], [], []
    for name, (low, high) in zip(names, bounds, strict=True):
        if not low < high:
            raise ParameterError(f"{name}: its lower bound {low:g} is not below its upper bound {high:g}")
        positive = low >= 0
        logarithmic.append(positive)
        lower.append((math.log(low) if low > 0 else -math.inf) if positive else low)
        upper.append((math.log(high) if math.isfinite(high) else math.inf) if positive else high)
    return Space(
        names,
        torch.tensor(logarithmic),
        torch.tensor(lower, dtype=torch.float64),
        torch.tensor(upper, dtype=torch.float64),
    )
