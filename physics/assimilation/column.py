"""What stands in a column, from what comes out of it: the profile at the start, v and D from the outlet's curve.

    R dc/dt = D d2c/dx2 - v dc/dx,   c(x, 0) = c0 + s f(x),   f ~ N(0, exp(-(x - x')^2 / (2 l^2)))
    z = (ln v, ln D if not known, amplitudes of the modes of f, the strongest first), over their deviations

The equation and its ends stand in `physics.equations.advection_dispersion.equation`: a third-type inlet fed with a
known concentration, a closed outlet. On the grid one stretch between two reads is the exponential of the matrix, so
that time adds no error; the misfit is linear in the profile where v and D are known, and 4D-Var then takes one step.

What is near the outlet comes out first and sharp, what is near the inlet late and smeared by sqrt(2 D x / v), so that
its fine structure is lost: `reach` says how far into the column the outlet sees, and where the profile that is told is
little more than what was assumed. The profile is not held above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from physics.assimilation.analysis import Analysis
from physics.assimilation.prior import LogNormal, median_of, numbers_of
from physics.assimilation.system import Fields, State, System, check_reads
from physics.equations.advection_dispersion.equation import operator, uniform_grid
from physics.errors import ParameterError

_KEPT = 1e-4  # of the prior's variance that modes may leave out
_LEARNT = 0.5  # posterior over prior deviation below which a place counts as seen
_DISTINCT = 64  # lengths of stretches, each with a matrix of its own


class Profile(NamedTuple):
    """What is assumed of the profile at the start: its mean, its deviation and the length over which it varies (m)."""

    mean: float
    deviation: float
    correlation: float


def column_system(
    length: float,
    velocity: LogNormal | float,
    dispersion: LogNormal | float,
    times: Sequence[float] | Tensor,
    profile: Profile,
    *,
    feed: float = 0.0,
    retardation: float = 1.0,
    cells: int = 80,
) -> System:
    """Return the system of a column that is read at its outlet.

    Args:
        length: m; velocity: m/s of the pore water; dispersion: m^2/s; a `LogNormal` where it is not known.
        times: of the reads, s.
        feed: the concentration of what is pumped in.

    Raises:
        ParameterError: a number that cannot be, or a grid too coarse for the dispersion.
    """
    at = check_reads(torch.as_tensor(times, dtype=torch.float64))
    given = {"velocity": velocity, "dispersion": dispersion}
    for name, value in given.items():
        if isinstance(value, LogNormal):
            value.checked(name)
    numbers = {"length": length, "retardation": retardation, "deviation": profile.deviation,
               "correlation": profile.correlation, **{name: median_of(v) for name, v in given.items()}}  # fmt: skip
    for name, number in numbers.items():
        if not number > 0:
            raise ParameterError(f"{name} = {number:g} must be above zero")
    peclet = median_of(velocity) * length / median_of(dispersion)
    if cells < peclet / 4.0:
        raise ParameterError(f"{cells} cells ring at a Peclet number of {peclet:.4g}; take {round(peclet / 4) + 1}")
    places = (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells
    modes = _modes(places, profile)
    spans = torch.diff(at, prepend=at.new_zeros(1))
    lengths, which = torch.unique((spans / spans.max() * 1e9).round(), return_inverse=True)
    if len(lengths) > _DISTINCT:
        raise ParameterError(f"the reads are {len(lengths)} different stretches apart; even them out to {_DISTINCT}")
    stretches = [float(spans[which == k].mean()) for k in range(len(lengths))]
    order = [int(k) for k, span in zip(which, spans, strict=True) if span > 0]
    unknown = tuple(name for name, value in given.items() if isinstance(value, LogNormal))
    count = len(unknown)

    def initial(z: Tensor) -> tuple[State, State]:
        values = numbers_of(given.values(), z)
        whole = profile.mean + z[:, count:] @ modes
        state = torch.cat([whole, torch.ones_like(z[:, :1])], 1)
        matrices = _propagators(values[0], values[1], length, retardation, feed, cells, stretches)
        return (state,), (*values, *matrices)

    def step(state: State, parameters: State, index: int) -> State:
        matrix = parameters[2 + order[index]]
        return ((matrix @ state[0][:, :, None])[:, :, 0],)

    def describe(state: State, parameters: State) -> Fields:
        return {"concentration": state[0][:, :-1]}

    return System(
        size=count + len(modes),
        initial=initial,
        step=step,
        observe=lambda state, parameters: state[0][:, -2:-1],
        describe=describe,
        steps=len(order),
        reads=tuple(range(1, len(order) + 1)) if len(order) == len(at) else tuple(range(len(at))),
        parameters=("velocity", "dispersion", *(f"stretch {k}" for k in range(len(stretches)))),
        unknown=unknown,
        prior_deviation=tuple(value.deviation for value in given.values() if isinstance(value, LogNormal)),
        labels=(*(f"ln {name}" for name in unknown), *(f"profile mode {k + 1}" for k in range(len(modes)))),
    )


def _modes(places: Tensor, profile: Profile) -> Tensor:
    """Return the modes of the prior times their deviations, the strongest first, (modes, cells)."""
    apart = (places[:, None] - places[None, :]) / profile.correlation
    values, vectors = torch.linalg.eigh(torch.exp(-0.5 * apart**2))
    values, vectors = values.flip(0).clamp(min=0.0), vectors.flip(1)
    kept = int((torch.cumsum(values, 0) < (1.0 - _KEPT) * values.sum()).sum()) + 1
    return profile.deviation * (vectors[:, :kept] * values[:kept].sqrt()).T


def _propagators(
    velocity: Tensor,
    dispersion: Tensor,
    length: float,
    retardation: float,
    feed: float,
    cells: int,
    stretches: Sequence[float],
) -> tuple[Tensor, ...]:
    """Return exp(-A dt) of each stretch with the feed in a last row and column, (batch, cells + 1, cells + 1)."""
    batch = len(velocity)
    parts = operator(uniform_grid(cells, velocity), velocity * length / dispersion, torch.zeros_like(velocity), False)
    diagonals = [part.expand(cells, batch).T for part in (parts.lower, parts.diag, parts.upper)]
    matrix = (
        torch.diag_embed(diagonals[1])
        + torch.diag_embed(diagonals[0][:, 1:], -1)
        + torch.diag_embed(diagonals[2][:, :-1], 1)
    )
    source = torch.zeros(batch, cells, 1, dtype=velocity.dtype)
    source[:, 0, 0] = feed
    source = source * parts.source[:, None, None]
    rates = torch.nn.functional.pad(torch.cat([-matrix, source], 2), (0, 0, 0, 1))
    clock = velocity / (retardation * length)
    return tuple(torch.linalg.matrix_exp(rates * (clock * span)[:, None, None]) for span in stretches)


class Reach(NamedTuple):
    """How well each place of the profile is known.

    Attributes:
        places: m from the inlet, and `ratio` the posterior over the prior deviation there.
        seen: m from the outlet up to which the deviation has fallen below half of the prior's.
        sentence: the same in words.
    """

    places: Tensor
    ratio: Tensor
    seen: float
    sentence: str


def reach(analysis: Analysis, profile: Profile, length: float) -> Reach:
    """Say which part of the profile the outlet determines."""
    deviation = analysis.start["concentration"].deviation
    cells = len(deviation)
    places = (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells
    ratio = deviation / profile.deviation
    blind = np.flatnonzero(ratio.numpy()[::-1] > _LEARNT)
    seen = float(length if not len(blind) else blind[0] * length / cells)
    share = seen / length
    if share >= 1.0:
        told = "the outlet determines the whole profile"
    elif seen == 0.0:
        told = "the outlet does not determine the profile; measure longer, or with less noise"
    else:
        told = (
            f"the outlet determines the profile within {seen:.4g} m of itself; what stands nearer to the inlet comes "
            "out too late or too smeared, and is told from what was assumed"
        )
    return Reach(places, ratio, seen, told)
