"""A run whose start and parameters are unknown, as a function of a standard normal control vector z.

    z ~ N(0, I),   (u_0, p) = initial(z),   u_{k+1} = step(u_k, p, k),   H(z)_r = observe(u_{k_r}, p)

    y_r = H(z)_r + e_r,   e_r ~ N(0, s_r^2)

The prior lives in the map z -> (u_0, p): a background mean plus modes times amplitudes for the state, exp(mean +
deviation z) for a positive parameter. So every method works in the same well-scaled coordinates, and none has to
invert a background covariance.

A coarse model that has a finer one beside it is corrected by it (`Best`): what the finer run shows at the sensors
beyond the coarse one is added to the coarse prediction and held fixed while z moves a little. Where the two part, by a
flow that is about to change, the finer run can draw the coarse one along: at every read, what it has beyond is added to
the coarse state, so that the coarse run passes where the finer one does, and its derivatives are those there.

Source: P. Courtier, J.-N. Thepaut and A. Hollingsworth, A strategy for operational implementation of 4D-Var, using an
incremental approach, Q. J. R. Meteorol. Soc. 120 (1994) 1367-1387, doi:10.1002/qj.49712051912.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from physics.errors import DataError, ParameterError

State = tuple[Tensor, ...]
Fields = dict[str, Tensor]


class Compiled(Protocol):
    """The march of a system without a tape; where it is analytic, imaginary parts of z carry derivatives."""

    def __call__(self, z: np.ndarray, reads: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """March to the read number `reads`; z (batch, m).

        Returns the sensors (batch, reads, sensors) and the fields of the end, (batch, *shape) each. A member that
        leaves the finite numbers is NaN.
        """


class Best(NamedTuple):
    """A run of the finest model at one z: the sensors (reads, sensors), the fields of the start and of the end.

    `drawn` is the march of the coarse model that this run draws along, where it does; `off` estimates by how much the
    sensors are still off here, (reads, sensors).
    """

    seen: Tensor
    start: Fields
    end: Fields
    drawn: Compiled | None = None
    off: Tensor | None = None


class Tangent(NamedTuple):
    """A run at z and its derivative: sensors (reads, sensors) and (reads, sensors, size), the end likewise."""

    seen: Tensor
    slope: Tensor
    end: Fields
    end_slope: Fields


@dataclass(frozen=True)
class System:
    """See the head of this file.

    Attributes:
        size: of z.
        initial: z (batch, size) -> the state and the parameters, tensors whose first axis is the batch.
        step: pure and differentiable, `step(state, parameters, index) -> state`.
        observe: `observe(state, parameters) -> (batch, sensors)`, differentiable.
        describe: the fields that a report tells of a state, each (batch, *shape); linear or smooth in the state.
        steps: of the window, and `reads`, the rising indices at which the sensors are read, the last one `steps`.
        parameters: the names of the tensors that `initial` returns as parameters, in their order.
        unknown: the names of those that depend on z, whose first elements they are.
        prior_deviation: of the logarithm of each unknown parameter.
        labels: what each element of z is, for a person.
        compiled: the same march, faster, and whether it is `analytic`.
        guesses: (count, seed) -> z (count, size), states that such runs pass, more lifelike than draws of the normal
            prior; a search starts from the one that fits best.
        entry: z at which a search begins, (size,), where something is known of it.
        finer: z (size,) and reads -> a run of a finer model up to that read, whose fields have the shape of `describe`.
        drawing: the same, drawing the coarse model along.
        finer_seen: z (batch, size) and reads -> what the sensors see of such runs, (batch, reads, sensors).
        finer_tangent: the run of `finer` with its derivative; much dearer.
        remaining: the share of what the finer run differs by that it is itself still off by, 1 / (ratio^2 - 1) for
            grids of that ratio and a scheme of second order.
    """

    size: int
    initial: Callable[[Tensor], tuple[State, State]]
    step: Callable[[State, State, int], State]
    observe: Callable[[State, State], Tensor]
    describe: Callable[[State, State], Fields]
    steps: int
    reads: tuple[int, ...]
    parameters: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    prior_deviation: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    compiled: Compiled | None = None
    analytic: bool = False
    guesses: Callable[[int, int], Tensor] | None = None
    entry: Tensor | None = None
    finer: Callable[[Tensor, int], Best] | None = None
    drawing: Callable[[Tensor, int], Best] | None = None
    finer_seen: Callable[[Tensor, int], Tensor] | None = None
    finer_tangent: Callable[[Tensor, int], Tangent] | None = None
    remaining: float = 0.0

    def until(self, reads: int) -> System:
        """Return the system with the first `reads` reads only."""
        return replace(self, steps=self.reads[reads - 1], reads=self.reads[:reads])


@dataclass(frozen=True)
class Observations:
    """What the sensors read, shape (reads, sensors), NaN where nothing; and the standard deviation of their noise.

    `deviation` is a number, or broadcasts to the shape of `values`.
    """

    values: Tensor
    deviation: Tensor | float

    def checked(self, system: System) -> tuple[Tensor, Tensor]:
        """Return values and deviations, both (reads, sensors), or say what does not fit.

        Raises:
            DataError: shapes, no finite value at all, or a deviation that is not positive.
        """
        values = torch.as_tensor(self.values, dtype=torch.float64)
        deviation = torch.as_tensor(self.deviation, dtype=torch.float64)
        if values.dim() != 2 or len(values) != len(system.reads):
            raise DataError(
                f"the observations have the shape {tuple(values.shape)}; give (reads, sensors) for "
                f"{len(system.reads)} reads"
            )
        if not bool(torch.isfinite(values).any()):
            raise DataError("not one observation is a finite number; check the file's columns")
        if not bool((torch.isfinite(deviation) & (deviation > 0)).all()):
            raise DataError("the deviation of the sensors' noise must be a positive number")
        try:
            return values, deviation.expand(values.shape)
        except RuntimeError as error:
            shapes = f"{tuple(deviation.shape)} and {tuple(values.shape)}"
            raise DataError(f"the deviations and the observations do not fit: shapes {shapes}") from error


def check_reads(times: Tensor) -> Tensor:
    """Return the times of the reads, rising and not negative, or say what is wrong with them."""
    at = torch.as_tensor(times, dtype=torch.float64)
    if at.dim() != 1 or not len(at) or not bool(torch.isfinite(at).all()):
        raise ParameterError("the times of the reads must be a list of finite numbers")
    wrong = torch.nonzero(at.diff() <= 0)
    if float(at[0]) < 0 or len(wrong):
        where = f"read {int(wrong[0]) + 2} is not after the one before it" if len(wrong) else "the first is negative"
        raise ParameterError(f"the times of the reads must rise from zero on: {where}")
    return at


def march(system: System, z: Tensor) -> tuple[Tensor, Fields]:
    """Return the sensors (batch, reads, sensors) and the fields at the end for z (batch, size), without derivatives."""
    if system.compiled is not None:
        seen, end = system.compiled(z.detach().numpy(), len(system.reads))
        return torch.from_numpy(seen), {name: torch.from_numpy(part) for name, part in end.items()}
    with torch.no_grad():
        return marched(system, z)


def marched(system: System, z: Tensor) -> tuple[Tensor, Fields]:
    """March in differentiable steps, see `march`."""
    state, parameters = system.initial(z)
    seen, at = [], set(system.reads)
    if 0 in at:
        seen.append(system.observe(state, parameters))
    for k in range(system.steps):
        state = system.step(state, parameters, k)
        if k + 1 in at:
            seen.append(system.observe(state, parameters))
    return torch.stack(seen, 1), system.describe(state, parameters)


def parameters_at(system: System, z: Tensor) -> tuple[dict[str, float], Tensor]:
    """Return the unknown parameters at z (size,), and the derivative of their logarithms, (unknown, size)."""
    point = z.detach().clone()[None].requires_grad_()
    with torch.enable_grad():
        _, values = system.initial(point)
        by_name = dict(zip(system.parameters, values, strict=True))
        rows = [
            torch.autograd.grad(by_name[name].log().sum(), point, retain_graph=True)[0][0] for name in system.unknown
        ]
    found = {name: float(by_name[name].detach()[0]) for name in system.unknown}
    return found, torch.stack(rows) if rows else torch.zeros(0, system.size, dtype=z.dtype)
