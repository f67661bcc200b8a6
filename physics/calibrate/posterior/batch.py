"""The intervals of many fits at once, as `physics.calibrate.fit.fit_batch` makes them: for studies of coverage.

    fits = fit_batch(model, times, values, start, fixed=fixed, level=level)
    found = posteriors(model, times, values, fits, fixed=fixed, level=level)
    held = [one.intervals["velocity"].lower <= truth <= one.intervals["velocity"].upper for one in found]

The intervals and the warnings are those that `posterior` gives for each fit alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.calibrate.fit import Fit
from physics.calibrate.posterior.judge import Interval, judge
from physics.calibrate.posterior.report import interval, warnings_of
from physics.calibrate.posterior.target import Target
from physics.calibrate.sensitivity import Model, sensitivities

_CHUNK = 256  # problems at a time


@dataclass(frozen=True)
class Checked:
    """The intervals of one fit by name, a sentence for each doubt, and how far the profile is from Laplace."""

    intervals: dict[str, Interval]
    warnings: tuple[str, ...]
    agreement: float


def posteriors(
    model: Model,
    times: Tensor,
    values: Tensor,
    fits: Sequence[Fit],
    *,
    fixed: Mapping[str, float | Tensor] | None = None,
    weights: Tensor | None = None,
    deviation: float | None = None,
    level: float = 0.9,
    check: bool = True,
    numerical_error: float = 0.0,
) -> list[Checked]:
    """Judge the fits of a batch.

    Args:
        model, times, values, fixed, weights: as they were given to `fit_batch`; values (batch, n).
        fits: what it returned.
        deviation: the noise's standard deviation where it is known; estimated from each fit if left out.
        level, check, numerical_error: see `posterior`.
    """
    found: list[Checked] = []
    weights = torch.ones_like(values) if weights is None else weights
    batch = len(values)
    constant = {
        name: torch.as_tensor(value, dtype=torch.float64).expand(batch) for name, value in (fixed or {}).items()
    }
    for start in range(0, batch, _CHUNK):
        part = slice(start, min(start + _CHUNK, batch))
        some = fits[part]
        target, freedom = _target(
            model, times, values[part], weights[part], some, {k: v[part] for k, v in constant.items()}, deviation
        )
        width = torch.stack([_width(one, deviation) for one in some])
        judged = judge(target, width, level, check=check, numerical_error=numerical_error)
        for b, one in enumerate(some):
            names = one.space.names
            agreement = float(judged.agreement[b].max())
            told = warnings_of(judged, b, names, freedom[b], level)
            found.append(Checked({n: interval(judged, b, j, level) for j, n in enumerate(names)}, told, agreement))
    return found


def _target(
    model: Model,
    times: Tensor,
    values: Tensor,
    weights: Tensor,
    fits: Sequence[Fit],
    fixed: Mapping[str, Tensor],
    deviation: float | None,
) -> tuple[Target, Tensor]:
    space, P = fits[0].space, len(fits[0].space.names)
    freedom = torch.tensor([math.inf if deviation else float(max(one.n - P, 0)) for one in fits], dtype=torch.float64)
    variance = [deviation**2 if deviation else max(one.sse, 1e-300) / max(one.n - P, 1) for one in fits]

    def linearise(u: Tensor, problem: Tensor) -> tuple[Tensor, Tensor]:
        free = dict(zip(space.names, space.outward(u).unbind(-1), strict=True))
        given = {name: value[problem] for name, value in fixed.items()}
        curve, slope = sensitivities(model, {**given, **free}, space.names, times)
        return curve, slope * space.slope(u)[:, None, :]

    u = torch.stack([one.u for one in fits])
    nothing = torch.zeros_like(u)
    target = Target(
        linearise=linearise,
        space=space,
        u=u,
        values=values,
        weights=weights / torch.tensor(variance, dtype=torch.float64)[:, None],
        centre=nothing,
        precision=nothing,
        freedom=freedom[:, None].expand_as(u),
        curve=torch.stack([one.predicted for one in fits]),
        slope=torch.stack([one.jacobian for one in fits]) * space.slope(u)[:, None, :],
    )
    return target, target.freedom


def _width(one: Fit, deviation: float | None) -> Tensor:
    """Return Laplace's standard deviation of u, infinite where the data leave a parameter open, shape (P,)."""
    width = torch.nan_to_num(one.u_covariance.diagonal().clamp_min(0).sqrt(), nan=math.inf)
    if deviation is None or one.n <= len(width):
        return width
    return width * deviation / math.sqrt(max(one.sse, 1e-300) / (one.n - len(width)))
