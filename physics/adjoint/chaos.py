"""Where a gradient stops meaning anything: the growth of small changes forwards and of adjoints backwards.

    d_{k+1} = (d step / d u) d_k,        g(t) = ln |d(t)| / |d(0)|,        exponent = slope of g

d is the difference of two runs, brought back to 1e-7 of the state again and again; any step will do. In a chaotic
run |d| grows as exp(exponent t): the derivative of a late value with respect to the start or to a
parameter is exact for the discrete run and says nothing about any change that a person can make. A change of
relative size `change` is followed by its derivative only while change * |d(t)| / |d(0)| < 1; the time when that
ends is the horizon. Growth that ends (an instability that saturates) is not chaos: the exponent of the second half
of the run must be above zero too.

Clipping the adjoint bounds a gradient; it does not make it right. For time means of a chaotic run use many short
runs or finite differences of long means.

Source: G. Benettin, L. Galgani, A. Giorgilli and J.-M. Strelcyn, Meccanica 15 (1980) 9-20,
doi:10.1007/BF02128236 (exponents from renormalised differences); D. J. Lea, M. R. Allen and T. W. N. Haine, Tellus A
52 (2000) 523-532, doi:10.3402/tellusa.v52i5.12283 (adjoints of chaotic systems).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.errors import ParameterError
from physics.solution import Status

State = tuple[Tensor, ...]
Step = Callable[[State, tuple[Tensor, ...], int], State]
_APART = 1e-7  # of the state: small enough to be linear, large enough to stand clear of rounding
_LATE_GROWTH = 10.0  # over the second half of the run; a periodic orbit shears by about two


@dataclass(frozen=True)
class Growth:
    """How a small change of the start grew.

    Attributes:
        times: shape (samples,); log_growth: g at those times, shape (batch, samples).
        exponent: the slope of g over the second half of the run, shape (batch,), over the unit of time.
        horizon: the time after which a gradient is not to be trusted, shape (batch,); NaN where there is none.
        status: CHAOTIC if any member has a horizon, DIVERGED if the run itself left the finite numbers.
    """

    times: Tensor
    log_growth: Tensor
    exponent: Tensor
    horizon: Tensor
    status: Status
    message: str


def growth(
    step: Step,
    state: State,
    parameters: tuple[Tensor, ...],
    steps: int,
    *,
    dts: float | Sequence[float] = 1.0,
    change: float = 1e-3,
    every: int = 10,
    seed: int = 0,
    unit: str = "s",
) -> Growth:
    """March a run and one small change of its start, and say where gradients end.

    Args:
        step: as for `physics.adjoint.checkpoint`; the batch is the first axis of every tensor of the state.
        dts: the length of every step, or of each.
        change: the relative change that a gradient is to speak of, of the start or of a parameter.
        every: steps between two samples of the growth.
        seed: of the direction of the change.

    Raises:
        ParameterError: the change is not between 0 and 1, or the lengths are not as many as the steps.
    """
    if not 0 < change < 1:
        raise ParameterError(f"change = {change:g} must lie between 0 and 1")
    lengths = [float(dts)] * steps if isinstance(dts, int | float) else [float(dt) for dt in dts]
    if len(lengths) != steps or steps < 2:
        raise ParameterError(f"{len(lengths)} step lengths do not fit {steps} steps; give one for each of two or more")
    generator = torch.Generator().manual_seed(seed)
    state = tuple(part.detach() for part in state)
    fresh = tuple(
        torch.randn(part.shape, generator=generator, dtype=part.dtype).to(part.device) if _moves(part) else part
        for part in state
    )
    other, apart = _beside(state, fresh, fresh)
    total = torch.zeros(state[0].shape[0], dtype=torch.float64)
    times, logs, time = [0.0], [total], 0.0
    with torch.no_grad():
        for k in range(steps):
            state, other = step(state, parameters, k), step(other, parameters, k)
            time += lengths[k]
            if (k + 1) % every == 0 or k + 1 == steps:
                direction = tuple(b - a for a, b in zip(state, other, strict=True))
                # two runs that have met are apart by rounding at most
                total = total + (_norms(direction, 0) / apart).clamp(min=1e-9).log().cpu()
                times.append(time)
                logs.append(total)
                other, apart = _beside(state, direction, fresh)
    return _judged(torch.tensor(times, dtype=torch.float64), torch.stack(logs, dim=1), change, unit)


def _judged(times: Tensor, logs: Tensor, change: float, unit: str) -> Growth:
    half = int(torch.searchsorted(times, 0.5 * times[-1]))
    late = times[half:] - times[half:].mean()
    exponent = (logs[:, half:] * late).sum(dim=1) / (late**2).sum().clamp(min=1e-300)
    wrong = ~torch.isfinite(logs)
    if bool(wrong.any()):
        member = int(wrong.any(dim=1).long().argmax())
        at = float(times[int(wrong[member].long().argmax())])
        message = f"member {member}: it left the range of finite numbers by t = {at:.4g} {unit}".rstrip()
        nowhere = torch.full_like(exponent, math.nan)
        return Growth(times, logs, exponent, nowhere, Status.DIVERGED, f"{message}; take smaller steps")
    beyond = logs >= -math.log(change)
    chaotic = beyond.any(dim=1) & (exponent * (times[-1] - times[half]) > math.log(_LATE_GROWTH))
    horizon = torch.where(chaotic, times[beyond.long().argmax(dim=1)], math.nan)
    if not bool(chaotic.any()):
        return Growth(times, logs, exponent, horizon, Status.CONVERGED, "")
    member = int(torch.where(chaotic, horizon, math.inf).argmin())
    message = (
        f"member {member}: a small change grows as exp({float(exponent[member]):.3g} t), so that a gradient of what "
        f"happens after t = {float(horizon[member]):.4g} {unit}".rstrip()
        + f" is not to be trusted for changes of {100 * change:g} %; use time means of several runs instead"
    )
    return Growth(times, logs, exponent, horizon, Status.CHAOTIC, message)


class AdjointClip:
    """Bounds the adjoint on its way backwards, member by member; the `watch` of a checkpointed run.

    The adjoint may grow to `limit` times its first size, that of what the end contributes. What exceeds that is
    scaled back to it, and remembered. Observations along the way add up, so leave room for their number.

    Attributes:
        index: the latest index at which each member was clipped, shape (batch,), -1 where it was not; None
            before the first pass.
    """

    def __init__(self, limit: float = 1e8, axis: int = 0) -> None:
        if not limit > 1:
            raise ParameterError(f"limit = {limit:g}: the adjoint of a sound run grows too; allow more than 1")
        self.limit, self.axis = limit, axis
        self.index: Tensor | None = None
        self._last = -1
        self._end = 0

    def see(self, index: int, bars: list[Tensor | None]) -> list[Tensor | None]:
        """Return the adjoint of the state at `index`, clipped."""
        live = tuple(bar for bar in bars if bar is not None)
        if not live:
            return bars
        norms = _norms(live, self.axis)
        if self.index is None or index >= self._last:  # a pass begins
            self.index = torch.full(norms.shape, -1, dtype=torch.long, device=norms.device)
            self._first, self._end = torch.zeros_like(norms), index + 1
        self._last = index
        self._first = torch.where((self._first == 0) & torch.isfinite(norms), norms, self._first)
        allowed = self.limit * self._first
        wild = ~(norms <= allowed)
        if not bool(wild.any()):
            return bars
        self.index = torch.where(wild & (self.index < 0), index, self.index)
        factor = torch.where(torch.isfinite(norms), allowed / norms.clamp(min=1e-300), 0.0)
        return [None if bar is None else self._clipped(bar, wild, factor) for bar in bars]

    def _clipped(self, bar: Tensor, wild: Tensor, factor: Tensor) -> Tensor:
        shape = [-1 if k == self.axis else 1 for k in range(bar.dim())]
        finite = torch.where(torch.isfinite(bar), bar, torch.zeros_like(bar))
        return torch.where(wild.reshape(shape), finite * factor.reshape(shape), bar)

    @property
    def status(self) -> Status:
        """CHAOTIC if the last pass was clipped."""
        return Status.CHAOTIC if self.index is not None and bool((self.index >= 0).any()) else Status.CONVERGED

    def message(self, dts: float | Sequence[float] = 1.0, unit: str = "s") -> str:
        """Say after which time the gradient is not to be trusted; empty where nothing was clipped."""
        if self.status is Status.CONVERGED or self.index is None:
            return ""
        member = int(self.index.argmax())
        index = int(self.index[member])
        lengths = [float(dts)] * self._end if isinstance(dts, int | float) else [float(dt) for dt in dts]
        end, at = sum(lengths[: self._end]), sum(lengths[:index])
        span = f"{end - at:.4g} {unit}".rstrip()
        return (
            f"member {member}: the adjoint grew more than {self.limit:.0e} times over {span} (from t = {end:.4g} back "
            f"to {at:.4g}) and was clipped; a gradient of what happens after t = {span} is not to be trusted"
        )


def _norms(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Return the norm of each member over all parts, shape (batch,)."""
    moving = [part for part in parts if _moves(part)]
    squares = [(part.abs() ** 2).movedim(axis, 0).reshape(part.shape[axis], -1).sum(dim=1) for part in moving]
    return torch.stack(squares).sum(dim=0).sqrt()


def _beside(state: State, direction: State, fresh: State) -> tuple[State, Tensor]:
    """Return a state a little apart in a direction (a fresh one where that is none), and how far, shape (batch,)."""
    size, length = _norms(state, 0), _norms(direction, 0)
    none = length == 0
    factor = _APART * torch.where(size > 0, size, 1.0) / torch.where(none, _norms(fresh, 0), length)

    def moved(u: Tensor, d: Tensor, f: Tensor) -> Tensor:
        shape = (-1, *[1] * (u.dim() - 1))
        return u + torch.where(none.reshape(shape), f, d) * factor.reshape(shape) if _moves(u) else u

    other = tuple(moved(u, d, f) for u, d, f in zip(state, direction, fresh, strict=True))
    return other, _norms(tuple(b - a for a, b in zip(state, other, strict=True)), 0)  # as rounded


def _moves(part: Tensor) -> bool:
    """Whether a part of the state is a number that can change a little; a counter cannot."""
    return part.is_floating_point() or part.is_complex()
