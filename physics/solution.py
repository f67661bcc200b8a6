"""What a run returns: values, status (with a sentence), balances, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import torch

from physics.errors import SolverError


class Status(Enum):
    """How a run ended; the value is a sentence that a person can act on."""

    CONVERGED = "The run met its tolerance."
    TOLERANCE_NOT_MET = "The finest grid allowed did not meet the tolerance: loosen it, or soften the front."
    DIVERGED = "The run left the range of finite numbers: check the parameters named in the message."
    NOT_SETTLED = "The run ended before it settled: give it more time, or ask for less."
    CHAOTIC = "The run is chaotic, so that its values after the named time are one of many: use time means instead."

    @property
    def ok(self) -> bool:
        """Whether the values may be used."""
        return self is Status.CONVERGED


@dataclass(frozen=True)
class Balance:
    """A discrete conservation law of one run: what came in, went out, is stored and was consumed.

    `residual` is in - out - stored - consumed and `scale` the amount applied, both in `unit`, shape (batch,).
    """

    name: str
    terms: dict[str, torch.Tensor]
    residual: torch.Tensor
    scale: torch.Tensor
    tolerance: float  # relative to scale
    unit: str

    @property
    def ok(self) -> torch.Tensor:
        """Whether the law closes, shape (batch,)."""
        return self.residual.abs() <= self.tolerance * self.scale


@dataclass(frozen=True)
class Output:
    """One observable.

    `values` has shape (batch,) for a number, (batch, times) for a curve, (batch, times, *axes) for a field, where
    the axes are those of `coordinates` in their order, and a last axis `components` for a vector field.
    """

    name: str
    unit: str
    values: torch.Tensor
    time: torch.Tensor | None = None  # (times,), in `time_unit`
    error: torch.Tensor | None = None  # numerical error estimate, the shape of `values`
    coordinates: Mapping[str, torch.Tensor] = field(default_factory=dict)  # axis -> (points,), in `length_unit`
    components: tuple[str, ...] = ()  # the axes along which a vector's components point
    time_unit: str = "s"  # empty for a time without dimension
    length_unit: str = "m"
    labels: tuple[str, ...] = ()  # where a value is a word: `labels[int(value)]`


@dataclass(frozen=True)
class Cost:
    """What the run took: the grid it ended on and the seconds it needed."""

    cells: int
    steps: int
    seconds: float
    levels: int = 1


@dataclass(frozen=True)
class Solution:
    """The result of one batched run; leading axis `batch` everywhere."""

    outputs: dict[str, Output]
    balances: list[Balance]
    status: Status
    message: str
    cost: Cost
    tolerance: float
    extra: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """The largest numerical error estimate of any output; zero where none has one."""
        return max((float(o.error.abs().max()) for o in self.outputs.values() if o.error is not None), default=0.0)

    def require(self) -> Solution:
        """Return self when the values may be used; raise `SolverError` with the status sentence otherwise."""
        if not self.status.ok:
            raise SolverError(f"{self.status.value} {self.message}".strip())
        return self
