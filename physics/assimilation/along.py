"""A search along the finer run: through a window in which a flow changes and the coarse model would part from it.

    J(z) = |z|^2 / 2 + |(y - H(z)) / s|^2 / 2,      H of the finer model
    ((1 + a) I + H'^T R^-1 H') d = -g               H' of the coarse one, drawn along by the finer run
    z <- z + d                                      a the best of a few, each tried on the finer model

Where the derivatives of the coarse model lead no further, those of the finer one do, a few times. Beside the noise, s
holds what the finer run itself may be off by at each read.

The window opens from a quarter of the reads: the sensors of the first ones alone would let go all that an entry knows
beyond them. Then it opens up to where the run has lost its way, and by one read at least, so that each stage begins
with a run that foretells most of its readings.

Fails where the run loses its way faster than one read after another can bring it back.

Source: P. Courtier, J.-N. Thepaut and A. Hollingsworth, A strategy for operational implementation of 4D-Var, using an
incremental approach, Q. J. R. Meteorol. Soc. 120 (1994) 1367-1387, doi:10.1002/qj.49712051912 (the trajectory of the
finer model in the tangent of the coarse one).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from physics.assimilation.analysis import LOUD
from physics.assimilation.derivatives import rough_tangent
from physics.assimilation.innovation import Innovation
from physics.assimilation.system import System

_DAMPING = (0.0, 3.0, 30.0, 300.0, 3e3, 3e4, 3e5)
_ENOUGH = 0.5  # of the gain that the undamped step promised, from which on no other is tried
_FORETOLD = 9.0  # mean square of a read's misfit over that of noise and model, up to which it counts as foretold
_TANGENTS = 4  # of the finer model at most, where those of the coarse one lead no further
_EARLY = 3  # iterations in a stage before the last
_SETTLED = 0.5  # gain of an iteration, below which it leads no further


def led(system: System, innovation: Innovation, z: Tensor, iterations: int = 40) -> tuple[Tensor, int]:
    """Return z at which the whole window is foretold as well as can be, from z (size,), and the marches it took.

    Args:
        system: with `drawing` and `finer_seen`.
        innovation: of all reads, without a finer run.
        iterations: the most of all stages.
    """
    if system.drawing is None:
        raise ValueError("the system has no finer model that draws it along")
    along, whole = replace(system, finer=system.drawing), len(system.reads)
    window, marches, rounds, dear, left = math.ceil(whole / 4), 0, 0, False, _TANGENTS
    for _ in range(iterations):
        part = along.until(window)
        z, cost, gained = _step(part, innovation.until(window), z, dear)
        fits = _sound(cost, innovation.until(window).points)
        marches, rounds = marches + system.size + len(_DAMPING), rounds + 1
        stuck = gained < _SETTLED and not fits
        dear = stuck and not dear and left > 0 and system.finer_tangent is not None
        left -= dear
        if dear:
            continue
        if window == whole and (fits or stuck):
            break
        if window < whole and (fits or stuck or rounds >= _EARLY):
            window, rounds = _opened(along, innovation, z, window), 0
    return z, marches


def _step(system: System, innovation: Innovation, z: Tensor, dear: bool) -> tuple[Tensor, float, float]:
    """Return the best of some damped Gauss-Newton steps, its cost and the gain; z itself where none is better.

    `dear`: with the derivatives of the finer model.
    """
    here = innovation.corrected(system, z)
    if here.best is None:
        return z, math.inf, 0.0
    judged, weight = replace(here, added=torch.zeros_like(here.added)), here.precision(len(system.reads))
    if dear and system.finer_tangent is not None:
        slope = system.finer_tangent(z, len(system.reads)).slope.reshape(-1, system.size)
    else:
        slope = rough_tangent(here.on(system), z).slope.reshape(-1, system.size)
    cost = float(judged.misfit(here.best.seen[None])[0] + 0.5 * z @ z)
    gradient = z - slope.T @ (weight * judged.left(here.best.seen)).flatten()
    if not bool(torch.isfinite(slope).all()):
        return z, cost, 0.0
    eye = torch.eye(system.size, dtype=z.dtype)
    values, vectors = torch.linalg.eigh(eye + slope.T @ (weight.reshape(-1, 1) * slope))
    damped = 1.0 / (values + torch.tensor(_DAMPING, dtype=z.dtype)[:, None])
    tried = z - (damped * (vectors.T @ gradient)) @ vectors.T
    promised = 0.5 * float(gradient @ (z - tried[0]))
    costs = _costs(system, judged, tried[:1])
    if not cost - float(costs[0]) >= _ENOUGH * promised:
        costs = torch.cat([costs, _costs(system, judged, tried[1:])])
    k = int(costs.argmin())
    return (tried[k], float(costs[k]), cost - float(costs[k])) if float(costs[k]) < cost else (z, cost, 0.0)


def _costs(system: System, innovation: Innovation, z: Tensor) -> Tensor:
    """Return J of the finer model for z (batch, size), (batch,)."""
    if system.finer_seen is None:
        raise ValueError("the system has no finer model")
    return innovation.misfit(system.finer_seen(z, len(system.reads))) + 0.5 * z.square().sum(1)


def _sound(cost: float, points: int) -> bool:
    return 2.0 * cost <= points + LOUD * math.sqrt(2.0 * points)


def _opened(system: System, innovation: Innovation, z: Tensor, window: int) -> int:
    """Return the reads up to where the run from z has lost its way, one more than `window` at least."""
    here = innovation.corrected(system, z)
    if here.best is None:
        return window + 1
    squares = here.precision(len(system.reads)) * (here.values - here.best.seen) ** 2
    lost = torch.nonzero(squares.sum(1)[window:] > _FORETOLD * here.seen.sum(1)[window:])
    return window + max(1, int(lost[0])) if len(lost) else len(system.reads)
