"""In which directions a full model can leave a restricted one that lies in it.

As a rule they are the slopes along the further parameters, for values of those that mean nothing at the restricted
model. Where the nesting names alternatives g, the shared parameters are fitted to the restricted curve f_0 at each of
them, and

    f(., g) - f_0

is a direction: it shows what no slope does, for example water at rest in quick exchange. Both are made of curves alone,
the slopes by differences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from physics.calibrate.levenberg import descend
from physics.calibrate.nested import NEAR_ZERO, Nesting, bare, side
from physics.calibrate.solved import Solved

_STEPS = 9  # values of a parameter without meaning
_DIFFERENCE = 1e-3  # of a further parameter's scale
_SHARED = 1e-5  # of u, for the slopes along what both models have
_ROUNDS = 4  # what can come near the restricted curve has by then
_SETTLED = 1e-3

Direction = tuple[Tensor, Tensor]
"""Columns (N, k), and the sign that the coefficient of each must have (k,), zero for both."""


def directions(restricted: Solved, full: Solved, nesting: Nesting, weights: Tensor) -> list[Direction]:
    """Return the directions; `weights` of the points, (N,), decide how alternatives are fitted."""
    place = _Place(restricted, full)
    if nesting.alternatives:
        one = torch.ones(1)
        return [(way[:, None], one) for way in _ways(place, nesting, weights)]
    return _slopes(place, nesting)


class _Place:
    """Rows of u of the full model from shared parameters and values of the others."""

    def __init__(self, restricted: Solved, full: Solved) -> None:
        self.restricted, self.full = restricted, full
        shared = {name: j for j, name in enumerate(restricted.space.names)}
        names = full.space.names
        self.mine = torch.tensor([shared.get(name, -1) for name in names])
        self.others = {j: bare(name) for j, name in enumerate(names) if name not in shared}
        self.added = [name for name in names if name not in shared]

    def __call__(self, u: Tensor, given: Mapping[str, float]) -> Tensor:
        """Return u of the full model, (rows, P_1), for shared u, (rows, P_0)."""
        theta = self.restricted.space.outward(u)[:, self.mine.clamp_min(0)].clone()
        for j, name in self.others.items():
            zero = bool(self.full.space.logarithmic[j])
            theta[:, j] = max(given[name], NEAR_ZERO) if zero else given[name]
        return self.full.space.inward(theta)


def _slopes(place: _Place, nesting: Nesting) -> list[Direction]:
    full, u = place.full, place.restricted.u[None]
    added = [name for name in place.added if bare(name) in nesting.at]
    signs = torch.tensor([side(full, name, nesting) for name in added])
    grid = list(_grid(nesting))
    rows, steps = [], []
    for loose in grid:
        here = place(u, {**nesting.at, **loose})
        rows.append(here)
        for name, sign in zip(added, signs.tolist(), strict=True):
            declared = next(one for one in full.problem.free if one.name == bare(name))
            at = nesting.at[bare(name)]
            step = (sign or 1) * _DIFFERENCE * (abs(at) or abs(declared.start) or 1.0)
            theta = full.space.outward(here)
            theta[:, full.space.names.index(name)] = at + step
            rows.append(full.space.inward(theta))
            steps.append(step)
    curves = full.forward.curves(torch.cat(rows)).reshape(len(grid), len(added) + 1, -1)
    change = curves[:, 1:] - curves[:, :1]
    slopes = change / torch.tensor(steps, dtype=change.dtype).reshape(len(grid), len(added), 1)
    return [(each.T, signs) for each in slopes]


def _grid(nesting: Nesting) -> Iterator[dict[str, float]]:
    ladders = [
        [low * (high / low) ** (i / (_STEPS - 1)) for i in range(_STEPS)] for low, high in nesting.loose.values()
    ]
    for values in itertools.product(*ladders):
        yield dict(zip(nesting.loose, values, strict=True))


def _ways(place: _Place, nesting: Nesting, weights: Tensor) -> Tensor:
    """Return the ways to the alternatives, (alternatives, N)."""
    restricted, full, far = place.restricted, place.full, nesting.alternatives
    P = len(restricted.u)
    anywhere = {name: low for name, (low, _) in nesting.loose.items()}
    base = full.forward.curves(place(restricted.u[None], {**nesting.at, **anywhere}))[0]
    shifts = torch.cat([torch.zeros(1, P, dtype=base.dtype), _SHARED * torch.eye(P, dtype=base.dtype)])

    def some(u: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
        given = [far[k] for k in members.tolist()]
        rows = torch.cat([place(each + shifts, at) for each, at in zip(u, given, strict=True)])
        curves = full.forward.curves(rows).reshape(len(given), P + 1, -1)
        return curves[:, 0], ((curves[:, 1:] - curves[:, :1]) / _SHARED).transpose(1, 2)

    every = torch.arange(len(far))
    state = descend(
        lambda u: some(u, every),
        base.expand(len(far), -1).clone(),
        weights.expand(len(far), -1).clone(),
        restricted.u.expand(len(far), -1).clone(),
        restricted.space,
        iterations=_ROUNDS,
        tolerance=_SETTLED,
        some=some,
    )
    return (state.curve - base)[torch.isfinite(state.curve).all(-1)]
