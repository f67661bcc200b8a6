"""An iterative ensemble Kalman smoother: the same analysis without any derivative, from an ensemble of marches.

    Z = m 1 + C^(1/2) E                    members about the mean m, E with mean 0 and covariance I exactly
    H(z_i) = b + G (z_i - m) + r_i         the best linear map through the members, residuals r_i
    cost = |z|^2 / 2 + |(y - b - G (z - m)) / s'|^2 / 2,      s'^2 = s^2 + var(r)
    m, C <- its minimum and the inverse of its Hessian

until m stands still. The first ensemble is the prior, or where the system has `guesses` a narrower one about the guess
that fits best: only a place to find the slope at, as the prior stays what it is in the cost. As the ensemble narrows,
G tends to the derivative where the run is nearly linear over the spread of the posterior, and stays a mean slope where
it is not, what G misses going into s'; where that is more than the noise, the members stand closer about m, down to a
tenth of the spread. So nothing is inflated by hand. The ensemble has more members than z has
elements and its sample moments are exact, so no direction is without spread, none is correlated with another by chance
in the prior, and nothing is localised; with fewer members both would be needed. The window is opened in stages, as in
`variational`.

The end's mean and spread are those of the last ensemble, marched with the whole equations; where a finer model stands
beside, the mean is its run from m.

Fails where too many members leave the finite numbers, which is said, and where the posterior has several peaks.

Sources: M. Bocquet and P. Sakov, An iterative ensemble Kalman smoother, Q. J. R. Meteorol. Soc. 140 (2014) 1521-1535,
doi:10.1002/qj.2236; A. A. Emerick and A. C. Reynolds, Ensemble smoother with multiple data assimilation, Comput.
Geosci. 55 (2013) 3-15, doi:10.1016/j.cageo.2012.03.011 (the same data used again and again).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physics import device as devices
from physics.assimilation.analysis import Analysis, AnalysisStatus, Field, estimates, moved_by, verdict
from physics.assimilation.innovation import Innovation, guesses, windows_of
from physics.assimilation.system import Fields, Observations, System, march
from physics.errors import ParameterError

_LOST = 0.25  # share of members that may leave the finite numbers
_EARLY = 3
_BENT = 1.0  # variance of the misfit to a linear map, over the noise, from which on members move closer
_CLOSEST = 0.1
_LEAST = 0.25  # of a step
_NARROWER = 0.7  # an ensemble, so that it can be marched
_FAR = 1.0  # posterior deviations, root mean square, beyond which a step is tried before it is taken
_SHARES = (1.0, 0.5, 0.25, 0.1)
_ABOUT = 0.3  # of the prior's deviations: the first ensemble about a guess


@dataclass
class _Ensemble:
    """Mean, a root of the covariance, E, and what it took.

    `scale` is the share of the spread that members have; `share` that of a step which is taken, and `last` the one
    before.
    """

    mean: Tensor
    root: Tensor
    draws: Tensor

    scale: float = 1.0
    share: float = 1.0
    last: Tensor | None = None
    settled: bool = False
    iterations: int = 0
    marches: int = 0
    lost: int = 0
    excess: float = 0.0
    history: tuple[float, ...] = ()

    @property
    def members(self) -> Tensor:
        """Return the members, shape (count, size)."""
        return self.mean + self.scale * self.draws @ self.root.T


def ensemble_smoother(
    system: System,
    observations: Observations,
    *,
    members: int | None = None,
    level: float = 0.9,
    iterations: int = 20,
    tolerance: float = 0.1,
    growth: float = 2.0,
    seed: int = 0,
) -> Analysis:
    """Return the analysis.

    Args:
        members: of the ensemble; a third more than z has elements, and 20, if left out.
        level: of the parameters' intervals.
        iterations: the most over the whole window.
        tolerance: the move that counts as none, in posterior standard deviations: root mean square, and of any
            parameter.
        growth: of the window from stage to stage; 1 for a single one.
        seed: of E, which stays the same, so that the iteration has a fixed point.

    Raises:
        DataError: the observations do not fit the system.
        ParameterError: there are too few members.
    """
    count = system.size + system.size // 3 + 20 if members is None else members
    if count < system.size + 2:
        raise ParameterError(
            f"{count} members leave directions of {system.size} unknowns without spread; give {system.size + 2} or more"
        )
    with devices.one_thread():
        innovation = Innovation.of(system, observations)
        eye = torch.eye(system.size, dtype=torch.float64)
        first = next(guesses(system, innovation, seed))
        narrow = 1.0 if system.guesses is None else _ABOUT
        at = _Ensemble(first, narrow * eye, draws_of(system.size, count, seed))
        for window in windows_of(system, growth):
            whole, part = window == len(system.reads), system.until(window)
            at.settled, at.scale, at.share, at.last = False, 1.0, 1.0, None
            for _ in range(iterations if whole else _EARLY):
                distance = _iterate(part, innovation.corrected(part, at.mean), at)
                if distance <= (tolerance if whole else 1.0):
                    at.settled = True
                    break
        return _analysis(system, innovation, at, level)


def draws_of(size: int, count: int, seed: int) -> Tensor:
    """Return E, (count, size), whose sample mean is zero and whose sample covariance is I, exactly."""
    draws = torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    left, _, right = torch.linalg.svd(draws - draws.mean(0), full_matrices=False)
    return math.sqrt(count - 1.0) * (left @ right)


def _iterate(system: System, innovation: Innovation, at: _Ensemble) -> float:
    """March an ensemble and move mean and root to what it says; return the move in posterior deviations."""
    z, count = at.members, len(at.draws)
    seen, _ = march(system, z)
    at.marches += count
    at.iterations += 1
    sound = torch.isfinite(seen).all(-1).all(-1)
    at.lost = int((~sound).sum())
    if at.lost > _LOST * count or int(sound.sum()) < system.size + 2:
        at.root = _NARROWER * at.root
        return math.inf
    base, slope, residual = _regression(z[sound] - at.mean, seen[sound].flatten(1))
    reads = len(system.reads)
    noise = innovation.precision(reads).flatten()
    weight = torch.where(noise > 0, 1.0 / (1.0 / noise.clamp(min=1e-300) + residual), 0.0)
    at.excess = float((noise * residual).sum() / (noise > 0).sum())
    if at.excess > _BENT:
        at.scale = max(0.5 * at.scale, _CLOSEST)
    left = innovation.left(base.reshape(reads, -1)).flatten()
    eye = torch.eye(system.size, dtype=z.dtype)
    factor, failed = torch.linalg.cholesky_ex(eye + slope.T @ (weight[:, None] * slope))
    if int(failed):
        at.root = _NARROWER * at.root
        return math.inf
    gradient = at.mean - slope.T @ (weight * left)
    step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
    at.root = torch.linalg.solve_triangular(factor.T, eye, upper=True)
    if float(torch.linalg.vector_norm(factor.T @ step) / math.sqrt(system.size)) > _FAR:
        step = _shortened(system, innovation, at, step)
    onward = factor.T @ step
    if at.last is not None and float(onward @ at.last) < 0:
        at.share = max(0.5 * at.share, _LEAST)  # to and fro: half way there
    at.last = onward
    at.mean = at.mean + at.share * step
    at.history = (*at.history, float(innovation.misfit(base.reshape(1, reads, -1))[0]))
    whole = float(torch.linalg.vector_norm(factor.T @ step) / math.sqrt(system.size))
    known = step[: len(system.unknown)] / at.root[: len(system.unknown)].norm(dim=1)
    return max(whole, float(known.abs().max()) if len(known) else 0.0)


def _shortened(system: System, innovation: Innovation, at: _Ensemble, step: Tensor) -> Tensor:
    """Return the share of a long step that fits best."""
    tried = at.mean + torch.tensor(_SHARES, dtype=step.dtype)[:, None] * step
    seen, _ = march(system, tried)
    at.marches += len(_SHARES)
    costs = innovation.misfit(seen) + 0.5 * tried.square().sum(1)
    return step * _SHARES[int(costs.argmin())]


def _regression(apart: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the value at the mean, the slope (n, size) and the variance of what is left (n,) by least squares."""
    count, size = apart.shape
    design = torch.cat([torch.ones(count, 1, dtype=apart.dtype), apart], 1)
    found = torch.linalg.lstsq(design, seen).solution
    left = (seen - design @ found).square().sum(0) / max(count - size - 1, 1)
    return found[0], found[1:].T, left


def _analysis(system: System, innovation: Innovation, at: _Ensemble, level: float) -> Analysis:
    """March the last ensemble, and tell."""
    mean, root, count = at.mean, at.root, len(at.draws)
    innovation = innovation.corrected(system, mean)
    z = at.members
    seen, end = march(system, torch.cat([mean[None], z]))
    with torch.no_grad():
        start = system.describe(*system.initial(torch.cat([mean[None], z])))
    sound = torch.isfinite(seen).all(-1).all(-1)
    finite = bool(sound[0]) and int(sound.sum()) > system.size // 2
    best, covariance = innovation.best, root @ root.T
    here = seen[0]
    cost = float(innovation.misfit(here[None])[0] + 0.5 * mean @ mean)
    found = estimates(
        system, mean, covariance, level, _moved(system, innovation, covariance, z[sound[1:]] - mean, seen)
    )
    status, message, warnings = verdict(system, found, 2.0 * cost, innovation.points, at.settled, finite)
    lost = int((~sound).sum())
    if lost and status is not AnalysisStatus.DIVERGED:
        warnings.append(f"{lost} of {count} members left the range of finite numbers and were left out")
    if at.excess > 0.5:
        warnings.append(
            f"over the spread of the posterior the run is not linear: it adds {100 * at.excess:.0f} % to the "
            "variance of the noise; intervals are means over that spread"
        )
    return Analysis(
        method="ensemble smoother",
        z=mean,
        covariance=covariance,
        parameters=found,
        start=_fields(start, sound, at.scale, None if best is None else best.start),
        end=_fields(end, sound, at.scale, None if best is None else best.end),
        predicted=here + innovation.added,
        residuals=torch.where(innovation.seen, innovation.left(here), math.nan),
        chi_squared=2.0 * cost,
        points=innovation.points,
        signal=system.size - float(covariance.diagonal().sum()),
        model_deviation=innovation.model_deviation,
        status=status,
        message=message,
        warnings=tuple(warnings),
        iterations=at.iterations,
        marches=at.marches + count + 1,
        history=at.history,
    )


def _moved(system: System, innovation: Innovation, covariance: Tensor, apart: Tensor, seen: Tensor) -> Tensor | None:
    """Return what the error that the correction leaves may move the mean by, by the slopes of the last ensemble."""
    remaining = innovation.remaining(system)
    sound = torch.isfinite(seen).all(-1).all(-1)
    if remaining is None or len(apart) < system.size + 2:
        return None
    _, slope, _ = _regression(apart, seen[1:][sound[1:]].flatten(1))
    return moved_by(covariance, slope, innovation.precision(len(system.reads)).flatten(), remaining)


def _fields(fields: Fields, sound: Tensor, scale: float, best: Fields | None) -> dict[str, Field]:
    """Return means and spreads; the mean is the finer run's, or the run from the ensemble's mean."""
    found = {}
    for name, values in fields.items():
        members = values[1:][sound[1:]]
        found[name] = Field(values[0] if best is None else best[name], members.std(0) / scale)
    return found
