"""March a batch of layers through output times and on until they have settled.

Every member has its own time step, from the speed of its own flow: dt = min(C / max(|u|/h + |w|/dz), cap), cut so that
chunks of time, and with them the output times, are met exactly. The lengths stand on a ladder of step counts per chunk,
1, 2, 3, 4, 6, 8, 12, ..., and a chunk that turns out faster than the scheme bears is marched again with twice as many.

A member has settled when what the fluxes at both plates still change, extrapolated from the ranges of two successive
windows, is below a bound; it then rests, and its later values are its last ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from physics.equations.boussinesq.layer import Layer, State, measures, plate_fluxes
from physics.equations.boussinesq.watch import Watch
from physics.integrate.projection import COURANT, Fields, Stepper, march
from physics.integrate.projection_kernels import courant

_STABLE = 1.6  # the Courant number up to which a chunk is accepted
_ATTEMPTS = 8  # doublings of the number of steps before a member counts as diverged
_MOST_FRAMES = 25


@dataclass(frozen=True)
class Flow:
    """What a run takes: tensors of shape (batch,), the first rolls, and how long a diffusion time is (batch,)."""

    rayleigh: Tensor
    prandtl: Tensor
    amplitude: Tensor
    rolls: int
    clock: Tensor

    @property
    def batch(self) -> int:
        """How many members."""
        return len(self.rayleigh)


@dataclass
class Record:
    """What a run gives; curves are (batch, times), numbers (batch,).

    Attributes:
        bottom, top, volume: the three Nusselt numbers at the output times; `means` those of the settled run, in that
            order, shape (3, batch), and `scatter` their standard deviations over the last windows.
        crossed: heat that has come in at the bottom and gone out at the top, (batch, times, 2).
        heat: the mean temperature.
        frames: indices of the output times at which `fields` were kept; fields of shape (batch, frames, ...).
        state: the last one.
        settled_at: when Nu - 1 at the bottom came within 1 % of its last value (0.001 at least) for good; NaN if it
            had not settled.
        relaxation: the rate at which the last windows shrank.
        diverged_at: NaN for a sound member.
        steps: the most that any member took.
        plan: for each chunk its length and the steps of every member.
    """

    bottom: Tensor
    top: Tensor
    volume: Tensor
    speed: Tensor
    heat: Tensor
    crossed: Tensor
    frames: list[int]
    fields: tuple[Tensor, Tensor, Tensor]
    state: State
    end: float
    means: Tensor
    scatter: Tensor
    settled_at: Tensor
    relaxation: Tensor
    diverged_at: Tensor
    steps: int
    plan: list[tuple[float, np.ndarray]] = field(repr=False)


def longest_step(layer: Layer, flow: Flow) -> np.ndarray:
    """Return the longest step whatever the speed, shape (batch,), for explicit buoyancy and the accuracy of growth.

    Buoyancy swings at sqrt(Ra Pr); where viscosity damps that within a step, the flow follows the temperature and the
    bound is the rate Ra / (viscous decay) instead. Heated from below, a twentieth of the time in which the first rolls
    would grow between free plates. Proportional to the height of a row.
    """
    rayleigh, prandtl = flow.rayleigh.detach().cpu().numpy(), flow.prandtl.detach().cpu().numpy()
    swing = np.maximum(0.5 / np.sqrt(rayleigh * prandtl + 1.0), 10.0 / (rayleigh + 1.0))
    if not layer.from_side:
        k2 = (flow.rolls * math.pi / layer.aspect * (2.0 if layer.periodic else 1.0)) ** 2
        q2 = math.pi**2 + k2
        b, c = 0.5 * (1.0 + prandtl) * q2, prandtl * (q2**2 - rayleigh * k2 / q2)
        swing = np.minimum(swing, 0.05 / np.abs(-c / (b + np.sqrt(b**2 - c)) + 1e-9))
    return np.asarray(np.minimum(swing, 0.01) * (16.0 / layer.nz))


def rung(counts: np.ndarray) -> np.ndarray:
    """Round counts up to 1, 2, 3, 4, 6, 8, 12, 16, ..."""
    power = 2.0 ** np.floor(np.log2(np.maximum(counts, 1.0)))
    steps = np.where(counts <= power, power, np.where(counts <= 1.5 * power, 1.5 * power, 2.0 * power))
    return np.ceil(steps).astype(np.int64)


class Marcher:
    """Takes a batch of states over chunks of time, counted in the unit of the clock."""

    def __init__(self, layer: Layer, flow: Flow, state: State, device: torch.device) -> None:
        self.layer, self.flow, self.device = layer, flow, device
        self.state = State(*(part.to(device) for part in state))
        self.push = layer.push(flow.rayleigh, flow.prandtl)
        self.cap = longest_step(layer, flow)
        self.clock = flow.clock.detach().cpu().numpy()
        self.stepper = None if device.type == "cpu" else Stepper(layer.operators, device)
        self.swept = np.array([self._courant(b) for b in range(flow.batch)])
        self.steps = np.zeros(flow.batch, dtype=np.int64)
        self.sound = np.ones(flow.batch, dtype=bool)

    def _courant(self, b: int) -> float:
        u, w = (self.state[i][b].detach().cpu().numpy() for i in (0, 1))
        return float(courant(u, w, self.layer.dz, self.layer.h))

    def advance(self, length: float, members: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Take `members` (indices) over `length`; return the heat that crossed (batch, 2) and the steps (batch,)."""
        spans = length / self.clock
        limit = np.minimum(self.cap, COURANT / np.maximum(self.swept, 1e-30))
        counts = np.zeros(self.flow.batch, dtype=np.int64)
        counts[members] = rung(spans[members] / limit[members] * (1.0 - 1e-9))
        crossed = torch.zeros((self.flow.batch, 2), dtype=torch.float64, device=self.device)
        pending = members
        for _ in range(_ATTEMPTS):
            if not len(pending):
                break
            at = torch.from_numpy(pending).to(self.device)
            part = State(*(x[at] for x in self.state))
            after, sums, swept = self._march(part, at, spans[pending], counts[pending])
            total = torch.stack([field.sum(dim=(1, 2)) for field in after[:3]]).sum(0)
            finite = torch.isfinite(total).cpu().numpy()
            good = finite & (swept * spans[pending] / counts[pending] <= _STABLE)
            kept = torch.from_numpy(np.flatnonzero(good)).to(self.device)
            for whole, new in zip(self.state, after, strict=True):
                whole[at[kept]] = new[kept]
            crossed[at[kept]] = sums[kept]
            self.swept[pending[good]] = swept[good]
            pending = pending[~good]
            counts[pending] *= 2
        self.sound[pending] = False
        self.steps += counts
        return crossed, counts

    def _march(
        self, part: State, at: Tensor, spans: np.ndarray, counts: np.ndarray
    ) -> tuple[State, Tensor, np.ndarray]:
        prandtl, push = self.flow.prandtl[at], self.push[at]
        if self.stepper is None:
            after, sums, swept = march(self.layer.operators, part, prandtl, push, spans / counts, counts)
            return State(*after), sums, swept
        steps = int(counts.max())
        counts[:] = steps
        dt = torch.from_numpy(spans / steps).to(prandtl)
        fields: Fields = (part.u, part.w, part.T, part.p)
        sums = torch.zeros_like(push)
        with torch.no_grad():
            for _ in range(steps):
                fields, crossed = self.stepper.step(fields, prandtl, push, dt)
                sums = sums + crossed
        u, w = (x.cpu().numpy() for x in fields[:2])
        swept = np.array([courant(u[b], w[b], self.layer.dz, self.layer.h) for b in range(len(u))])
        return State(*fields), sums, swept


def run(
    layer: Layer,
    flow: Flow,
    state: State,
    times: np.ndarray,
    *,
    chunk: float,
    patience: float,
    settled: float,
    left: Tensor,
    device: torch.device,
    progress: Callable[[float], None] | None = None,
) -> Record:
    """March through `times` (rising, in the unit of the clock) and on until every member has settled.

    Args:
        chunk: the longest stretch between two looks at the fluxes.
        patience: where to stop waiting for a member to settle; not before the last of `times`.
        settled: the change still to come at which a member counts as settled, relative to its Nusselt number.
        left: Nu - 1 that a member must have passed before it may count as settled, shape (batch,).
    """
    marcher = Marcher(layer, flow, state, device)
    book = _Book(layer, marcher, times)
    watch = Watch(flow.batch, settled, left.cpu().numpy())
    now, plan = 0.0, []
    for end, is_output in _stretches(times, chunk, patience):
        if end > now:
            active = np.flatnonzero(marcher.sound & ~watch.rests)
            if not len(active) and not is_output and now >= times[-1]:
                break
            crossed, counts = marcher.advance(end - now, active)
            plan.append((end - now, counts))
            now = end
            book.add(crossed, end - plan[-1][0], end, active)
            watch.look(now, book.fluxes, marcher.sound)
        if is_output:
            book.write()
        if progress is not None:
            progress(min(1.0, now / max(patience, now, 1e-30)))
    return book.record(watch, now, plan)


def _stretches(times: np.ndarray, chunk: float, patience: float) -> list[tuple[float, bool]]:
    """The ends of the chunks in their order, and whether each is an output time."""
    ends: list[tuple[float, bool]] = []
    now = 0.0
    for time in times:
        parts = max(1, math.ceil((time - now) / chunk * (1 - 1e-12)))
        ends += [(now + (time - now) * k / parts, False) for k in range(1, parts)] + [(float(time), True)]
        now = float(time)
    more = max(0, math.ceil((patience - now) / chunk))
    return ends + [(now + chunk * k, False) for k in range(1, more + 1)]


class _Book:
    """Keeps the curves and frames of a run."""

    def __init__(self, layer: Layer, marcher: Marcher, times: np.ndarray) -> None:
        self.layer, self.marcher = layer, marcher
        self.total = torch.zeros((marcher.flow.batch, 2), dtype=torch.float64, device=marcher.device)
        self.diverged_at = torch.full((marcher.flow.batch,), torch.nan, dtype=torch.float64)
        count = min(len(times), _MOST_FRAMES)
        self.frames = sorted({round(x) for x in np.linspace(0, len(times) - 1, count)})
        self.rows: list[tuple[Tensor, ...]] = []
        self.kept: list[tuple[Tensor, ...]] = []
        self.fluxes = self._look()

    def _look(self) -> np.ndarray:
        bottom, top = plate_fluxes(self.layer, self.marcher.state.T)
        return torch.stack([bottom, top]).cpu().numpy()

    def add(self, crossed: Tensor, start: float, end: float, active: np.ndarray) -> None:
        """Count the heat of a chunk; a resting member passes on what it takes up."""
        resting = np.setdiff1d(np.flatnonzero(self.marcher.sound), active)
        spans = (end - start) / self.marcher.clock[resting]
        steady = torch.from_numpy(self.fluxes.mean(axis=0)[resting] * spans).to(crossed)
        crossed[torch.from_numpy(resting).to(crossed.device)] = steady[:, None]
        self.total = self.total + crossed
        gone = torch.from_numpy(~self.marcher.sound) & torch.isnan(self.diverged_at)
        self.diverged_at[gone] = end
        self.fluxes = self._look()

    def write(self) -> None:
        """Write down an output time."""
        state = self.marcher.state
        m = measures(self.layer, state)
        if len(self.rows) in self.frames:
            self.kept.append((state.u.clone(), state.w.clone(), state.T.clone()))
        self.rows.append((m.bottom, m.top, m.volume, m.speed, m.heat, self.total.clone()))

    def record(self, watch: Watch, now: float, plan: list[tuple[float, np.ndarray]]) -> Record:
        """Return the run."""
        bottom, top, volume, speed, heat, crossed = (torch.stack(part, 1) for part in zip(*self.rows, strict=True))
        u, w, T = (torch.stack(part, 1) for part in zip(*self.kept, strict=True))
        last = measures(self.layer, self.marcher.state)
        means, scatter = watch.means(torch.stack([last.bottom, last.top, last.volume]).cpu())
        return Record(
            bottom, top, volume, speed, heat, crossed, self.frames, (u, w, T), self.marcher.state, now, means, scatter,
            watch.settling_times(), watch.relaxation(), self.diverged_at,
            int(self.marcher.steps.max()), plan,
        )  # fmt: skip
