"""A long run as one differentiable operation: few states are kept, the others are run again.

    u_{k+1} = step(u_k, p, k),     k = 0 ... steps - 1,     y_k = observe(u_k, k)

    adjoint, backwards:   ubar_k = (d step / d u)^T ubar_{k+1} + (d observe / d u)^T ybar_k
                          pbar  += (d step / d p)^T ubar_{k+1}

The march keeps no tape; `physics.adjoint.schedule` says which states it keeps and in which order the others are
run again. The derivative is that of the discrete run, the same as if every step had been taped.

A step must be pure: the same arguments give the same result, and what it wants a gradient for stands among its
arguments. A step that asks for random numbers must make them from `index`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.adjoint.schedule import Kind, Schedule
from physics.errors import ParameterError

State = tuple[Tensor, ...]
Step = Callable[[State, tuple[Tensor, ...], int], State]
Observe = Callable[[State, int], Tensor]
Bars = list[Tensor | None]


class Watch(Protocol):
    """Looks at the adjoint on its way backwards and may change it; see `physics.adjoint.chaos`."""

    def see(self, index: int, bars: Bars) -> Bars:
        """Return the adjoint of the state at `index` to go on with."""


@dataclass(frozen=True)
class _Plan:
    step: Step
    observe: Observe | None
    at: frozenset[int]
    schedule: Schedule
    watch: Watch | None
    parts: int  # how many of the tensors are the state


def checkpointed(
    step: Step,
    state: State,
    parameters: tuple[Tensor, ...],
    steps: int,
    *,
    schedule: Schedule,
    observe: Observe | None = None,
    at: Sequence[int] | None = None,
    watch: Watch | None = None,
) -> tuple[State, Tensor | None]:
    """March `steps` steps, to be differentiated in reverse with the memory that the schedule says.

    In forward mode (dual tensors), and where nothing wants a gradient, it is a plain march.

    Args:
        step: `step(state, parameters, index) -> state`, pure, of the same shapes.
        state: tensors of any type and device; gradients flow to those that want one.
        observe: `observe(state, index) -> Tensor`, always of one shape; differentiated too.
        at: the indices to observe at, from 0 (the start) to `steps` (the end), rising; all if left out.
        watch: sees, and may clip, the adjoint at every step.

    Returns:
        The last state, and the observations, shape (len(at), *shape of one); None without `observe`.

    Raises:
        ParameterError: the schedule is for another number of steps, an index to observe at does not exist, or
            the step uses a tensor that wants a gradient and does not stand among its arguments.
    """
    if schedule.steps != steps:
        raise ParameterError(f"the schedule is for {schedule.steps} steps, not for {steps}; make one for {steps}")
    chosen = list(range(steps + 1)) if at is None else [int(k) for k in at]
    if any(b <= a for a, b in itertools.pairwise([-1, *chosen, steps + 1])) or (observe is not None and not chosen):
        raise ParameterError(f"at: the indices to observe at must rise within 0 to {steps}")
    plan = _Plan(step, observe, frozenset(chosen if observe else []), schedule, watch, len(state))
    tensors = (*state, *parameters)
    dual = any(_dual(part) for part in tensors)
    if dual or schedule.tape or not torch.is_grad_enabled() or not any(part.requires_grad for part in tensors):
        return _taped(plan, state, parameters)
    result = _Checkpointed.apply(plan, *tensors)
    return tuple(result[: len(state)]), result[len(state)] if observe is not None else None


def with_lengths(
    step: Callable[[State, tuple[Tensor, ...], float, float], State], dts: Sequence[float], start: float = 0.0
) -> Step:
    """Turn `step(state, parameters, time, dt)` into a step of an index, for the lengths that a loop took."""
    times = list(itertools.accumulate(dts, initial=start))
    return lambda state, parameters, index: step(state, parameters, times[index], dts[index])


def _dual(part: Tensor) -> bool:
    try:
        return forward_ad.unpack_dual(part).tangent is not None
    except RuntimeError:  # outside any level of forward mode
        return False


def _taped(plan: _Plan, state: State, parameters: tuple[Tensor, ...]) -> tuple[State, Tensor | None]:
    """March plainly; whatever mode of differentiation is on follows every step."""
    seen = [plan.observe(state, 0)] if plan.observe is not None and 0 in plan.at else []
    for k in range(plan.schedule.steps):
        if plan.watch is not None:
            state = tuple(_Watched.apply(plan.watch, k, *state))
        state = plan.step(state, parameters, k)
        if plan.observe is not None and k + 1 in plan.at:
            seen.append(plan.observe(state, k + 1))
    return state, torch.stack(seen) if seen else None


class _Watched(torch.autograd.Function):
    """The identity, whose adjoint passes through a watch."""

    @staticmethod
    def forward(ctx: Any, watch: Watch, index: int, *state: Tensor) -> tuple[Tensor, ...]:
        ctx.watch, ctx.index = watch, index
        ctx.set_materialize_grads(False)
        return tuple(part.view_as(part) for part in state)

    @staticmethod
    def backward(ctx: Any, *bars: Tensor | None) -> tuple[Any, ...]:
        return (None, None, *ctx.watch.see(ctx.index, list(bars)))


class _Checkpointed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: _Plan, *tensors: Tensor) -> tuple[Tensor, ...]:
        final, seen, ctx.kept = _sweep(plan, tensors[: plan.parts], tensors[plan.parts :])
        ctx.plan = plan
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        inputs = {part.untyped_storage().data_ptr() for part in tensors}
        result = tuple(part.clone() if part.untyped_storage().data_ptr() in inputs else part for part in final)
        ctx.mark_non_differentiable(*(part for part in result if not _differentiable(part)))
        return result if seen is None else (*result, seen)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *bars: Tensor | None) -> tuple[Any, ...]:
        plan: _Plan = ctx.plan
        tensors = ctx.saved_tensors
        start, parameters = tensors[: plan.parts], tensors[plan.parts :]
        kept = ctx.kept if ctx.kept is not None else _sweep(plan, start, parameters)[2]
        ctx.kept = None  # the snapshots are used up; a second pass marches again
        seen_bar = bars[plan.parts] if plan.observe is not None else None
        pull = _Pull(plan, parameters, ctx.needs_input_grad[1 + plan.parts :], list(bars[: plan.parts]), seen_bar)
        working = kept.pop()
        for action in plan.schedule.backward():
            if action.kind is Kind.RESTORE:
                working = kept[-1]
            elif action.kind is Kind.ADVANCE:
                for k in range(action.first, action.last):
                    working = plan.step(working, parameters, k)
            elif action.kind is Kind.STORE:
                kept.append(_compact(working))
            elif action.kind is Kind.DROP:
                kept.pop()
            else:
                pull.through(working, action.first)
        pull.start(start)
        return (None, *pull.bars, *pull.parameter_bars)


def _sweep(plan: _Plan, state: State, parameters: tuple[Tensor, ...]) -> tuple[State, Tensor | None, list[State]]:
    """March without a tape; return the end, the observations, the snapshots and last the state before the end."""
    state = tuple(part.detach() for part in state)
    parameters = tuple(part.detach() for part in parameters)
    keep = set(plan.schedule.forward())
    kept: list[State] = []
    before = state
    seen = [_observed(plan.observe, state, 0)] if plan.observe is not None and 0 in plan.at else []
    for k in range(plan.schedule.steps):
        if k in keep:
            kept.append(_compact(state))
        before = state
        state = _guarded(plan, state, parameters) if k == 0 else plan.step(state, parameters, k)
        if plan.observe is not None and k + 1 in plan.at:
            seen.append(_observed(plan.observe, state, k + 1))
    return state, torch.stack(seen) if seen else None, [*kept, _compact(before)]


def _guarded(plan: _Plan, state: State, parameters: tuple[Tensor, ...]) -> State:
    """Run the first step and see that no gradient reaches it by another way than its arguments."""
    with torch.enable_grad():
        after = plan.step(state, parameters, 0)
    if any(part.requires_grad for part in after):
        raise ParameterError("the step uses a tensor that wants a gradient; put it among its state or parameters")
    return after


def _observed(observe: Observe, state: State, index: int) -> Tensor:
    with torch.enable_grad():
        value = observe(state, index)
    if value.requires_grad:
        raise ParameterError("observe uses a tensor that wants a gradient; it may only use the state")
    return value


class _Pull:
    """The adjoint on its way backwards."""

    def __init__(
        self, plan: _Plan, parameters: tuple[Tensor, ...], wanted: Sequence[bool], bars: Bars, seen_bar: Tensor | None
    ) -> None:
        self.plan, self.parameters, self.wanted, self.bars = plan, parameters, wanted, bars
        self.seen_bar = {} if seen_bar is None else dict(zip(sorted(plan.at), seen_bar, strict=True))
        self.parameter_bars: Bars = [None] * len(parameters)

    def through(self, state: State, index: int) -> None:
        """Pull it from the state at index + 1, with what was observed there, to the one at `index`."""
        with torch.enable_grad():
            leaves = tuple(part.detach().requires_grad_(_differentiable(part)) for part in state)
            given = tuple(p.detach().requires_grad_(w) for p, w in zip(self.parameters, self.wanted, strict=True))
            after = self.plan.step(leaves, given, index)
            targets = list(zip(after, self.bars, strict=True)) + self._seen(after, index + 1)
        into = [part for part in (*leaves, *given) if part.requires_grad]
        found = _gradients(targets, into)
        self.bars = [next(found) if part.requires_grad else None for part in leaves]
        for j, part in enumerate(given):
            more = next(found) if part.requires_grad else None
            if more is not None:
                before = self.parameter_bars[j]
                self.parameter_bars[j] = more if before is None else before + more
        if self.plan.watch is not None:
            self.bars = self.plan.watch.see(index, self.bars)

    def start(self, state: State) -> None:
        """Add what was observed at the start."""
        with torch.enable_grad():
            leaves = tuple(part.detach().requires_grad_(_differentiable(part)) for part in state)
            found = _gradients(self._seen(leaves, 0), [part for part in leaves if part.requires_grad])
        for j, part in enumerate(leaves):
            more, before = next(found) if part.requires_grad else None, self.bars[j]
            self.bars[j] = more if before is None else before if more is None else before + more

    def _seen(self, state: State, index: int) -> list[tuple[Tensor, Tensor | None]]:
        if self.plan.observe is None or index not in self.seen_bar:
            return []
        return [(self.plan.observe(state, index), self.seen_bar[index])]


def _gradients(targets: list[tuple[Tensor, Tensor | None]], into: list[Tensor]) -> Any:
    live = [(value, bar) for value, bar in targets if bar is not None and value.requires_grad]
    if not live or not into:
        return iter([None] * len(into))
    values, bars = zip(*live, strict=True)
    return iter(torch.autograd.grad(values, into, bars, allow_unused=True))


def _differentiable(part: Tensor) -> bool:
    return part.is_floating_point() or part.is_complex()


def _compact(state: State) -> State:
    """Copy what is a window on a larger buffer, which a snapshot would keep alive."""
    return tuple(part.clone() if part.untyped_storage().nbytes() > part.nbytes else part for part in state)
