"""When a run has settled: a monitored value that rests over a window.

    rests at t:   max |m(s) - m(t)| <= change * max(|m(t)|, floor)   for t - window <= s <= t

A value that turns round slowly rests for a while without having settled: choose a window longer than the
slowest time of the equation. An oscillation of constant height never rests.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import ParameterError


@dataclass(frozen=True)
class Settling:
    """What is watched and what counts as rest.

    Attributes:
        value: `value(state)`, one number a member, shape (batch,).
        change: the largest relative change over the window.
        window: how long it must rest, in the unit of time.
        every: the time between two looks; a fiftieth of the window if left out.
        floor: a size below which a change does not count as relative.
        stop: end the run when every member rests; otherwise march on and only say when it settled.
    """

    value: Callable[[tuple[Tensor, ...]], Tensor]
    change: float
    window: float
    every: float | None = None
    floor: float = 1e-12
    stop: bool = True

    def __post_init__(self) -> None:
        if not (self.change > 0 and self.window > 0 and math.isfinite(self.window)):
            raise ParameterError("settling: change and window must be above zero")


class Monitor:
    """The curve of the watched value, and the verdict on it."""

    def __init__(self, settling: Settling, members: int) -> None:
        self.settling, self.members = settling, members
        self.times: list[float] = []
        self.values: list[Tensor] = []
        self._every = settling.window / 50 if settling.every is None else settling.every

    def due(self, time: float) -> bool:
        """Whether it is time for another look."""
        return not self.times or time - self.times[-1] >= self._every * (1.0 - 1e-9)

    def see(self, time: float, state: tuple[Tensor, ...], alive: Tensor) -> bool:
        """Keep one value a member; say whether the run may end."""
        self.times.append(time)
        self.values.append(self.settling.value(state).detach().to("cpu", torch.float64).expand(self.members))
        return self.settling.stop and self.rests(alive)

    def rests(self, alive: Tensor) -> bool:
        """Whether every living member has rested for a whole window."""
        inside = self._window()
        return inside is not None and bool((self._near(inside).all(dim=0) | ~alive).all())

    def _window(self) -> Tensor | None:
        """Return the values of the last window, shape (looks, batch); None if there has been none yet."""
        slack = 1e-9 * self.settling.window
        began = self.times[-1] - self.settling.window - slack
        if began < self.times[0] - 2 * slack:
            return None
        first = bisect.bisect_left(self.times, began)
        return torch.stack(self.values[first:])

    def _near(self, values: Tensor) -> Tensor:
        last = values[-1]
        return (values - last).abs() <= self.settling.change * last.abs().clamp(min=self.settling.floor)

    def settled_at(self) -> Tensor:
        """Return the time from which each member stayed within `change` of its last value, shape (batch,).

        NaN where that is not yet a whole window.
        """
        near = self._near(torch.stack(self.values))
        quiet = near.flip(0).long().cumprod(0).flip(0).bool()  # from here on it never leaves
        first = quiet.long().argmax(0)
        time = torch.tensor(self.times, dtype=torch.float64)[first]
        enough = quiet.any(0) & (time <= self.times[-1] - self.settling.window * (1.0 - 1e-9))
        return torch.where(enough, time, math.nan)

    def complaint(self, unit: str, alive: Tensor) -> str:
        """Say how far the worst living member is from rest."""
        window, most = f"{self.settling.window:.4g} {unit}".rstrip(), self.settling.change
        inside = self._window()
        if inside is None:
            return f"the run was shorter than the {window} over which the watched value is to rest; run longer"
        size = inside[-1].abs().clamp(min=self.settling.floor)
        worst = float(((inside - inside[-1]).abs() / size)[:, alive].max())
        return f"over the last {window} the watched value changed by {worst:.2g} of itself, not {most:.2g}; run longer"
