"""How much better a full model fits while the restricted one is true, where no table says it.

A restricted model may lie on bounds of the full one (no loss: biot = 0), and leave parameters of it without a meaning
(a column all of whose water is mobile has no exchange). The likelihood ratio has no tabulated distribution then. It is
taken of the full model linearised at the restricted one, the largest over the parameters without meaning and over the
allowed signs of the others,

    R = max_g |projection of r on the cone spanned by M D_g|^2,    M = I - J (J^T J)^-1 J^T,

with r the whitened residual of the restricted fit, J its slopes and D_g the slopes along the further parameters; p is
the share of simulated normal noise, passed through the same projections, whose R / (S_0 - R) is as large as R / S_1 of
the data (R, where the noise is known), S_1 being what the full fit leaves, at most S_0 - R. This is the test of Davies
(1987, Biometrika 74, 33, doi:10.1093/biomet/74.1.33) with the simulation of Hansen (1996, Econometrica 64, 413,
doi:10.2307/2171789). A full fit that stopped early cannot spoil it, and its level is exact where the restricted model
is linear over its own uncertainty.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from physics.calibrate.solved import Solved
from physics.errors import ParameterError

_NEAR_ZERO = 1e-8  # stands for a bound at zero, whose logarithm is no number
_PARALLEL = 1e-8  # of a slope's square, what is left of it where the restricted model does the same
_STEPS = 9  # values of a parameter without meaning
_CHUNK = 2000  # simulated residuals at a time


@dataclass(frozen=True)
class Nesting:
    """How a restricted model lies in a full one.

    Attributes:
        at: the values of further parameters at which the full model is the restricted one.
        loose: further parameters that mean nothing there, each with the range to look in.
    """

    at: Mapping[str, float]
    loose: Mapping[str, tuple[float, float]] = field(default_factory=dict)


NESTINGS = (
    Nesting({"mobile_fraction": 1.0}, {"exchange": (0.02, 50.0)}),
    Nesting({"biot": 0.0}),
    Nesting({"decay": 0.0}),
    Nesting({"retardation": 1.0}),
)
"""What is known of the experiments' models by their further parameters: water at rest, loss, decay, sorption."""


def bare(name: str) -> str:
    """Return a parameter's name without its data set."""
    return name.partition("[")[0]


def further(restricted: Solved, full: Solved) -> tuple[str, ...]:
    """Return the parameters that only the full model has.

    Raises:
        ParameterError: the fits are not of the same data, or the one does not lie in the other.
    """
    if restricted.values.shape != full.values.shape or not torch.equal(restricted.values, full.values):
        raise ParameterError("the two fits are not of the same data")
    mine, theirs = restricted.space.names, full.space.names
    lacking = [name for name in mine if name not in theirs]
    extra = tuple(name for name in theirs if name not in mine)
    if lacking or not extra:
        what = f"{', '.join(lacking)} is not in the full one" if lacking else "they have the same parameters"
        raise ParameterError(f"the two models are not nested: {what}")
    return extra


def known_nesting(extra: Sequence[str]) -> Nesting:
    """Look up how models lie in each other by the parameters that the full one adds.

    Raises:
        ParameterError: nothing is known of them.
    """
    names = {bare(name) for name in extra}
    parts = [one for one in NESTINGS if {*one.at, *one.loose} <= names]
    covered = {name for one in parts for name in (*one.at, *one.loose)}
    if covered != names:
        raise ParameterError(
            f"it is not known at which value of {', '.join(sorted(names - covered))} the full model is the restricted "
            "one; say so with a nesting"
        )
    return Nesting(
        {name: value for one in parts for name, value in one.at.items()},
        {name: reach for one in parts for name, reach in one.loose.items()},
    )


def side(full: Solved, name: str, nesting: Nesting) -> int:
    """Return in which direction a further parameter may leave its value: 1, -1, or 0 for both."""
    declared = next(one for one in full.problem.free if one.name == bare(name))
    at = nesting.at[bare(name)]
    if at <= max(declared.lower, _NEAR_ZERO if declared.lower >= 0 else -math.inf):
        return 1
    return -1 if at >= declared.upper else 0


def simulate(
    restricted: Solved,
    full: Solved,
    nesting: Nesting,
    weights: Tensor,
    misfit: float,
    *,
    known: bool,
    draws: int,
    seed: int,
) -> tuple[float, float]:
    """Return R / S_1 (R where the noise is known) and its p.

    Args:
        restricted, full, nesting: the models.
        weights: of the points, over the variance where it is known, shape (N,).
        misfit: S_1, of the full fit with these weights.
        known: whether the noise is.
        draws, seed: of the simulated residuals.
    """
    keep = weights > 0
    root = weights[keep].sqrt()
    base, cones = _directions(restricted, full, nesting, keep, root)
    space = torch.linalg.qr(base).Q
    directions = [_project(cone, space) for cone in cones]
    signs = torch.tensor([side(full, name, nesting) for name in further(restricted, full) if bare(name) in nesting.at])
    residual = _project((root * restricted.fit.residuals[keep])[:, None], space).T
    gain, total = float(_largest(residual, directions, signs)), float((residual**2).sum())
    found = gain if known else gain / max(min(misfit, total - gain), 1e-300)
    generator = torch.Generator().manual_seed(seed)
    exceeding = 0
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        noise = torch.randn(count, int(keep.sum()), generator=generator, dtype=torch.float64)
        noise = noise - (noise @ space) @ space.T
        gains = _largest(noise, directions, signs)
        ratio = gains if known else gains / ((noise**2).sum(-1) - gains).clamp_min(1e-300)
        exceeding += int((ratio >= found).sum())
    return found, (1 + exceeding) / (1 + draws)


def _directions(
    restricted: Solved, full: Solved, nesting: Nesting, keep: Tensor, root: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return the whitened slopes of what both have, (n, P), and of what the full one adds, (n, k) a grid point."""
    names = full.space.names
    theta = {**dict(zip(restricted.space.names, restricted.space.outward(restricted.u).tolist(), strict=True))}
    rows = []
    for loose in _grid(nesting):
        given = {**nesting.at, **loose}
        rows.append([theta.get(name, max(given.get(bare(name), 1.0), _NEAR_ZERO)) for name in names])
    u = full.space.inward(torch.tensor(rows, dtype=torch.float64))
    slope = (full.linearise(u)[1] / full.space.slope(u)[:, None, :])[:, keep] * root[:, None]
    mine = [j for j, name in enumerate(names) if name in theta]
    added = [j for j, name in enumerate(names) if name not in theta and bare(name) in nesting.at]
    scale = full.space.slope(u)[0, mine]
    return slope[0][:, mine] * scale, [each[:, added] for each in slope]


def _grid(nesting: Nesting) -> Iterator[dict[str, float]]:
    ladders = [
        [low * (high / low) ** (i / (_STEPS - 1)) for i in range(_STEPS)] for low, high in nesting.loose.values()
    ]
    for values in itertools.product(*ladders):
        yield dict(zip(nesting.loose, values, strict=True))


def _project(columns: Tensor, space: Tensor) -> Tensor:
    """Take the part in the span of `space`, (n, P), off columns (n, k); one that has nothing else becomes zero."""
    left = columns - space @ (space.T @ columns)
    gone = (left**2).sum(0) <= _PARALLEL * (columns**2).sum(0)
    return torch.where(gone, torch.zeros_like(left), left)


def _largest(residuals: Tensor, directions: Sequence[Tensor], signs: Tensor) -> Tensor:
    """Return R of residuals (draws, n)."""
    best = residuals.new_zeros(len(residuals))
    for columns in directions:
        best = torch.maximum(best, _cone(residuals @ columns, columns.T @ columns, signs))
    return best


def _cone(products: Tensor, gram: Tensor, signs: Tensor) -> Tensor:
    """Return |projection on the cone|^2 from D^T r, (draws, k), and D^T D: the best face whose coefficients may be."""
    k = len(signs)
    best = products.new_zeros(len(products))
    for face in itertools.product((False, True), repeat=k):
        chosen = [j for j in range(k) if face[j] and float(gram[j, j]) > 0]
        if not chosen:
            continue
        part = gram[chosen][:, chosen]
        scale = part.diagonal().sqrt()
        inverse = torch.linalg.pinv(part / (scale[:, None] * scale[None, :]), hermitian=True)
        product = products[:, chosen] / scale
        coefficient = product @ inverse
        allowed = (coefficient * signs[chosen] >= 0).all(-1)
        best = torch.maximum(best, torch.where(allowed, (coefficient * product).sum(-1), 0.0))
    return best
