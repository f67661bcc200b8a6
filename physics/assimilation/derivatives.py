"""Derivatives of a system's march by z.

The gradient of the misfit is one march and one adjoint march backwards, with few states kept
(`physics.adjoint.checkpoint`). All columns of dH/dz at once are marched forwards, by the system's compiled loop where
it has one, with the complex step or by differences, in dual numbers otherwise; which is cheaper as long as z is not
longer than a few hundred.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import repeated
from physics.assimilation.system import Compiled, Fields, State, System, Tangent, march, marched

_KEPT = 1 << 30  # bytes of states that an adjoint march may keep
_TAPED = 1 << 26  # numbers of all states in dual form that one chunk of directions may hold
_DIFFERENCE = 1e-6


def tangent(system: System, z: Tensor) -> Tangent:
    """Return the run at z (size,) and its derivative in all directions of z, as exact as the system's march allows."""
    if system.compiled is not None:
        exact = system.analytic
        return _complex_step(system.compiled, z, len(system.reads)) if exact else rough_tangent(system, z)
    parts = [_dual(system, z, k) for k in torch.arange(system.size).split(_chunk(system, z))]
    names = parts[0].end
    return Tangent(
        parts[0].seen,
        torch.cat([part.slope for part in parts], -1),
        names,
        {name: torch.cat([part.end_slope[name] for part in parts], -1) for name in names},
    )


def _chunk(system: System, z: Tensor) -> int:
    with torch.no_grad():
        state, _ = system.initial(z[None])
    return max(1, min(system.size, _TAPED // (64 * sum(part.numel() for part in state))))


def rough_tangent(system: System, z: Tensor) -> Tangent:
    """The same to six digits in less time where marches are compiled: by their differences."""
    if system.compiled is None:
        return tangent(system, z)
    return differences(lambda tried: march(system, tried), z, _chunk(system, z))


def differences(run: Callable[[Tensor], tuple[Tensor, Fields]], z: Tensor, chunk: int) -> Tangent:
    """Return the run at z (size,) and its derivative by differences of runs, `chunk` of them at a time."""
    size = len(z)
    seen, end = run(z[None])
    eye = _DIFFERENCE * torch.eye(size, dtype=z.dtype)
    parts = [run(z + eye[k]) for k in torch.arange(size).split(chunk)]

    def slope(there: list[Tensor], here: Tensor) -> Tensor:
        return ((torch.cat(there) - here) / _DIFFERENCE).movedim(0, -1)

    return Tangent(
        seen[0],
        slope([part[0] for part in parts], seen),
        {name: part[0] for name, part in end.items()},
        {name: slope([part[1][name] for part in parts], part) for name, part in end.items()},
    )


def _complex_step(compiled: Compiled, z: Tensor, reads: int) -> Tangent:
    tiny = 1e-30
    seen, end = compiled(z.numpy()[None] + 1j * tiny * np.eye(len(z)), reads)
    return Tangent(
        torch.from_numpy(seen[0].real.copy()),
        torch.from_numpy(np.moveaxis(seen.imag, 0, -1) / tiny),
        {name: torch.from_numpy(part[0].real.copy()) for name, part in end.items()},
        {name: torch.from_numpy(np.moveaxis(part.imag, 0, -1) / tiny) for name, part in end.items()},
    )


def _dual(system: System, z: Tensor, which: Tensor) -> Tangent:
    directions = torch.eye(system.size, dtype=z.dtype)[which]
    with torch.no_grad(), forward_ad.dual_level():
        seen, end = marched(system, forward_ad.make_dual(z.expand(len(which), -1).contiguous(), directions))
        value, slope = _unpacked(seen)
        ends = {name: _unpacked(part) for name, part in end.items()}
    return Tangent(value[0], slope, {k: v[0][0] for k, v in ends.items()}, {k: v[1] for k, v in ends.items()})


def _unpacked(part: Tensor) -> tuple[Tensor, Tensor]:
    pair = forward_ad.unpack_dual(part)
    slope = torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent
    return pair.primal, slope.movedim(0, -1)


def start_tangent(system: System, z: Tensor) -> tuple[Fields, Fields]:
    """Return the fields at the start and their derivatives by z, (*shape, size)."""
    with torch.no_grad(), forward_ad.dual_level():
        directions = torch.eye(system.size, dtype=z.dtype)
        fields = system.describe(*system.initial(forward_ad.make_dual(z.expand(system.size, -1).clone(), directions)))
        found = {name: _unpacked(part) for name, part in fields.items()}
    return {k: v[0][0] for k, v in found.items()}, {k: v[1] for k, v in found.items()}


def _repeats(system: System, state: State) -> int:
    """Run every step once more on the way back where all states fit in memory, three times where they do not."""
    return 1 if system.steps * sum(part.nbytes for part in state) <= _KEPT else 3


def adjoint_gradient(system: System, z: Tensor, pull: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the sensors at z (size,), shape (reads, sensors), and (dH/dz)^T pull(sensors) by one adjoint march.

    Args:
        pull: what the sensors are weighed with, of their shape: the derivative of a misfit by them.
    """
    point = z.detach().clone()[None].requires_grad_()
    with torch.enable_grad():
        state, parameters = system.initial(point)
        count = len(state)

        def step(both: State, none: State, index: int) -> State:
            return (*system.step(both[:count], both[count:], index), *both[count:])

        def observe(both: State, index: int) -> Tensor:
            return system.observe(both[:count], both[count:])

        _, seen = checkpointed(
            step, (*state, *parameters), (), system.steps,
            schedule=repeated(system.steps, _repeats(system, state)), observe=observe, at=system.reads,
        )  # fmt: skip
        if seen is None:
            raise ValueError("an observed march returned no reads")
        bar = pull(seen.detach()[:, 0])
        (gradient,) = torch.autograd.grad(seen, point, bar[:, None])
    return seen.detach()[:, 0], gradient[0]
