"""Strong-constraint 4D-Var: the most probable start and parameters, by Gauss-Newton with the gradient of the adjoint.

    J(z) = |z|^2 / 2 + |(y - H(z)) / s|^2 / 2
    g = z - H'^T R^-1 (y - H(z))          one march, one adjoint march
    ((1 + a) I + H'^T R^-1 H') d = -g     all columns of H' marched forwards at once, and kept
    z <- z + d                            a the best of a few, tried at once

H' is marched anew where the step with the kept one misses the gain that it promised; g is then a product with it, and
of the adjoint at every other point. Where a finer model stands beside, H is that one and H' the coarse one's: steps are
tried on the coarse model with the difference of both at z, and far from the end taken as they are, nearer where the
finer one agrees. At the end H' is marched with the finer one too, as seldom as will do: what noise moves depends on it.

The window is opened in stages (one read, then twice as many, ...), each starting where the one before ended: a misfit
over a long window has many minima, the one of a short window nearly none. A chi^2 over the whole window that tells of a
misfit means another minimum, and the search begins again: from the same point along the finer run (`along`), then from
other guesses. The posterior covariance is that of the last quadratic problem, (I + H'^T R^-1 H')^-1; the search ends
when it expects to gain less than `tolerance`.

Fails where the run is chaotic over the window, or passes a change of its flow that tiny parts of the start decide: the
valley of J is then too narrow and bent for these steps, which is said. Fails too where the start is so unlike every
guess that even the first reads have several minima.

Sources: F.-X. Le Dimet and O. Talagrand, Variational algorithms for analysis and assimilation of meteorological
observations, Tellus A 38 (1986) 97-110, doi:10.1111/j.1600-0870.1986.tb00459.x; C. Pires, R. Vautard and O. Talagrand,
On extending the limits of variational assimilation in nonlinear chaotic systems, Tellus A 48 (1996) 96-121 (stages).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from physics import device as devices
from physics.assimilation.along import led
from physics.assimilation.analysis import LOUD, Analysis, Field, estimates, moved_by, spread, verdict
from physics.assimilation.derivatives import adjoint_gradient, rough_tangent, start_tangent, tangent
from physics.assimilation.innovation import Innovation, guesses, windows_of
from physics.assimilation.system import Observations, System, Tangent, march

_DAMPING = (0.0, 3.0, 30.0, 300.0, 3000.0)
_HARDLY = 0.1  # posterior deviations, root mean square
_EARLY = 3  # iterations in a stage before the last
_SHORTER = 0.25  # of a step that the finer model does not agree to
_TRUE = 0.2  # of the gain that a step promised, by which it may miss it while H' is kept
_TANGENTS, _STEPS = 3, 10  # of the finer model at most, and steps with each
_CLOSE = 1.0  # gain in sight, from which on steps are taken as they are
_LEAST = 0.01  # of a step, at which it is given up


@dataclass
class _Search:
    """Where the search is: z, its cost, the factor of the Hessian that is kept, and what it took.

    `innovation` holds the correction at z; `line` the last derivatives, at `line_at`; `drawn` tells whether the finer
    run draws the coarse one along.
    """

    z: Tensor
    innovation: Innovation
    cost: float = math.inf
    factor: Tensor | None = None
    line: Tangent | None = None
    line_at: Tensor | None = None
    drawn: bool = False
    settled: bool = False
    iterations: int = 0
    marches: int = 0
    history: tuple[float, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether chi^2 is what noise and prior allow."""
        points = self.innovation.points
        return 2.0 * self.cost <= points + LOUD * math.sqrt(2.0 * points)


def four_d_var(
    system: System,
    observations: Observations,
    *,
    level: float = 0.9,
    iterations: int = 40,
    tolerance: float = 0.05,
    growth: float = 2.0,
    start: Tensor | None = None,
    restarts: int = 2,
    seed: int = 0,
) -> Analysis:
    """Return the analysis.

    Args:
        level: of the parameters' intervals.
        iterations: the most over the whole window.
        tolerance: the decrease of J still to be had at which the search has settled; 0.5 is one standard deviation.
        growth: of the window from stage to stage; 1 for a single one.
        start: z to start from, (size,); the best of many guesses if left out.
        restarts: how often to begin again from another guess where the misfit stays too large.
        seed: of the guesses.

    Raises:
        DataError: the observations do not fit the system.
    """
    with devices.one_thread():
        innovation = Innovation.of(system, observations)
        if start is None:
            starts: Iterable[Tensor] = islice(guesses(system, innovation, seed), restarts + 1)
        else:
            starts = [start.to(torch.float64)]
        found = _search(system, innovation, starts, iterations, tolerance, growth)
        if found.drawn:
            system = replace(system, finer=system.drawing)
        if found.sound and system.finer_tangent is not None:
            _polish(system, found, tolerance)
        return _analysis(system, found, level)


def _search(
    system: System, innovation: Innovation, starts: Iterable[Tensor], iterations: int, tolerance: float, growth: float
) -> _Search:
    """Open the window from one start after the other, until one fits all of it; the best of them if none does."""
    best, marches = None, 0
    for z in starts:
        at = _Search(z, innovation, marches=marches)
        for window in windows_of(system, growth):
            whole, part = window == len(system.reads), system.until(window)
            at.innovation = innovation.corrected(part, at.z)
            at.settled, at.cost, at.factor = False, math.inf, None
            for _ in range(iterations if whole else _EARLY):
                gain = _iterate(part, at)
                enough = tolerance if system.finer_tangent is None else _CLOSE
                if math.isfinite(at.cost) and (gain <= enough or (not whole and at.sound)):
                    at.settled = True
                    break
        if best is None and not at.sound and system.drawing is not None:
            at = _along(system, innovation, z, at)
        marches = at.marches
        if best is None or at.cost < best.cost:
            best = at
        if at.sound:
            break
    if best is None:
        raise ValueError("no point to start from")
    best.marches = marches
    return best


def _along(system: System, innovation: Innovation, z: Tensor, at: _Search) -> _Search:
    """Return where a search along the finer run leads from z, or `at` where it does not fit better."""
    z, marches = led(system, innovation, z)
    here = innovation.corrected(replace(system, finer=system.drawing), z)
    cost = float(here.misfit(march(here.on(system), z[None])[0])[0] + 0.5 * z @ z)
    at.marches += marches
    if not cost < at.cost:
        return at
    return replace(at, z=z, innovation=here, cost=cost, factor=None, line=None, drawn=True, history=(*at.history, cost))


def _iterate(system: System, at: _Search) -> float:
    """Move `at` by one step; return the decrease of the cost that it promised."""
    z, innovation = at.z, at.innovation
    weight = innovation.precision(len(system.reads))
    fresh = at.factor is None
    if fresh:
        here = rough_tangent(system, z)
        seen, slope = here.seen, here.slope.reshape(-1, system.size)
        at.marches += system.size
        at.line, at.line_at = here, z
        gradient = z - slope.T @ (weight * innovation.left(seen)).flatten()
    else:
        seen, pulled = adjoint_gradient(system, z, lambda seen: -weight * innovation.left(seen))
        gradient = z + pulled
        at.marches += 2
    at.iterations += 1
    cost = float(innovation.misfit(seen[None])[0] + 0.5 * z @ z)
    if not math.isfinite(cost) or not bool(torch.isfinite(gradient).all()):
        at.z, at.factor = 0.5 * z, None  # back towards the background, where the run is finite
        at.innovation = innovation.corrected(system, at.z)
        return math.inf
    if at.factor is None:
        eye = torch.eye(system.size, dtype=z.dtype)
        at.factor = torch.linalg.cholesky(eye + slope.T @ (weight.reshape(-1, 1) * slope))
    values, vectors = torch.linalg.eigh(at.factor @ at.factor.T)
    damped = 1.0 / (values + torch.tensor(_DAMPING, dtype=z.dtype)[:, None])
    steps = -(damped * (vectors.T @ gradient)) @ vectors.T
    promised = float(-0.5 * gradient @ steps[0])
    tried = z + steps
    costs = innovation.misfit(march(system, tried)[0]) + 0.5 * tried.square().sum(1)
    at.marches += len(_DAMPING)
    k = int(costs.argmin())
    at.cost = cost
    moved = float(costs[k]) < cost and _take(system, at, steps[k], promised)
    if abs(cost - at.cost - promised) > _TRUE * promised:
        at.factor = None
    at.history = (*at.history, at.cost)
    return promised if moved or not fresh else 0.0


def _take(system: System, at: _Search, step: Tensor, promised: float) -> bool:
    """Go as much of a step as lowers the cost, by the finer model where there is one; return whether any was gone."""
    # Far from the truth both models part ways, and a step that helps the one may not help the other; close to the end
    # the slopes of the coarse one, not the cost, decide where that is.
    share, before, anyway = 1.0, at.innovation, not at.sound or promised < _CLOSE
    while share >= _LEAST:
        z = at.z + share * step
        after = before.corrected(system, z)
        seen = march(after.on(system), z[None])[0]
        at.marches += 1
        # Weighed as before: the weights follow the correction, and would make costs incomparable.
        cost = float(replace(after, model=before.model).misfit(seen)[0] + 0.5 * z @ z)
        if cost < at.cost or anyway:
            at.z, at.innovation, at.cost = z, after, cost
            return True
        if system.finer is None:
            return False
        share *= _SHORTER
    return False


def _polish(system: System, at: _Search, tolerance: float) -> None:
    """End the search with the derivatives of the finer model, marched anew where steps with them gain no more."""
    eye, at.settled = torch.eye(system.size, dtype=at.z.dtype), False
    for _ in range(_TANGENTS):
        if system.finer_tangent is None or at.settled:
            break
        line = system.finer_tangent(at.z, len(system.reads))
        slope = line.slope.reshape(-1, system.size)
        if not bool(torch.isfinite(slope).all()):
            break
        at.line = line
        for _ in range(_STEPS):
            innovation = at.innovation
            weight = innovation.precision(len(system.reads))
            at.factor = torch.linalg.cholesky(eye + slope.T @ (weight.reshape(-1, 1) * slope))
            seen = march(innovation.on(system), at.z[None])[0]
            at.cost = float(innovation.misfit(seen)[0] + 0.5 * at.z @ at.z)
            gradient = at.z - slope.T @ (weight * innovation.left(seen)[0]).flatten()
            step = -torch.cholesky_solve(gradient[:, None], at.factor)[:, 0]
            at.settled = float(-0.5 * gradient @ step) <= tolerance
            gone = _take(system, at, step, math.inf)
            at.iterations += 1
            if at.settled or not gone:
                break
    at.line_at = at.z


def _last_line(system: System, at: _Search) -> Tangent:
    """Return the run at the end with its derivatives: the last ones found, where z has hardly moved since."""
    line, factor = at.line, at.factor
    if line is not None and at.line_at is not None and factor is not None:
        moved = torch.linalg.vector_norm(factor.T @ (at.z - at.line_at)) / math.sqrt(system.size)
        if float(moved) < _HARDLY:
            seen, end = march(at.innovation.on(system), at.z[None])
            return line._replace(seen=seen[0], end={name: part[0] for name, part in end.items()})
    at.marches += system.size
    return tangent(at.innovation.on(system), at.z)


def _analysis(system: System, at: _Search, level: float) -> Analysis:
    """Linearise once more at the end, and tell."""
    z, innovation = at.z, at.innovation
    here = _last_line(system, at)
    weight = innovation.precision(len(system.reads)).reshape(-1, 1)
    slope = here.slope.reshape(-1, system.size)
    finite = bool(torch.isfinite(slope).all())
    eye = torch.eye(system.size, dtype=z.dtype)
    factor = torch.linalg.cholesky(eye + (slope.T @ (weight * slope) if finite else 0.0 * eye))
    root = torch.linalg.solve_triangular(factor.T, eye, upper=True)
    covariance = root @ root.T
    start, start_slope = start_tangent(system, z)
    best = innovation.best
    cost = float(innovation.misfit(here.seen[None])[0] + 0.5 * z @ z)
    remaining = innovation.remaining(system)
    error = None if remaining is None else moved_by(covariance, slope, weight[:, 0], remaining)
    found = estimates(system, z, covariance, level, error)
    status, message, warnings = verdict(system, found, 2.0 * cost, innovation.points, at.settled, finite)
    deviations = spread(start_slope, root), spread(here.end_slope, root)
    fields = [
        {name: Field(mean[name], deviation[name]) for name in mean}
        for mean, deviation in zip(
            (start, here.end) if best is None else (best.start, best.end), deviations, strict=True
        )
    ]
    return Analysis(
        method="4D-Var",
        z=z,
        covariance=covariance,
        parameters=found,
        start=fields[0],
        end=fields[1],
        predicted=here.seen + innovation.added,
        residuals=torch.where(innovation.seen, innovation.left(here.seen), math.nan),
        chi_squared=2.0 * cost,
        points=innovation.points,
        signal=system.size - float(covariance.diagonal().sum()),
        model_deviation=innovation.model_deviation,
        status=status,
        message=message,
        warnings=tuple(warnings),
        iterations=at.iterations,
        marches=at.marches + 1,
        history=at.history,
    )
