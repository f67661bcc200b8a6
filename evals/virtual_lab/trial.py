"""A plan carried out on hidden truths: simulated, read by the instrument, fitted; how well is the target then known?

Both designs are simulated by the same solver, read by the same instrument and fitted with the same priors. The
variance is that of ln(target) in the posterior of the fit; the error is ln(estimate / truth).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from evals.instruments import Reading, read
from evals.virtual_lab.laboratory import Laboratory, Plan
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.fit import fit_batch
from physics.calibrate.sensitivity import Model

_LEVEL, _OFFSET = "level", 100.0  # baseline = noise * _OFFSET * (level - 1)
_NATURE, _FIT = 1e-6, 1e-5  # tolerances: of the truth and of the fit


def truths(laboratory: Laboratory, count: int, generator: torch.Generator) -> Tensor:
    """Draw u of the unknowns at the laboratory's own settings, shape (count, P), cut at 2.5 standard deviations."""
    belief = laboratory.belief
    z = torch.randn(count, len(belief.names), generator=generator, dtype=torch.float64).clamp(-2.5, 2.5)
    return belief.centre + z * belief.covariance.diagonal().sqrt()


def carry_out(laboratory: Laboratory, plan: Plan, u: Tensor, generator: torch.Generator) -> Reading:
    """Simulate and read the plan's run for truths u, (count, P)."""
    theta = (u + plan.shift).exp()
    names = laboratory.belief.names
    fixed = _fixed(laboratory, plan)
    columns = {name: torch.full((len(u),), value, dtype=torch.float64) for name, value in fixed.items()}
    columns |= {name: theta[:, j] for j, name in enumerate(names)}

    def curve(times: Tensor) -> Tensor:
        with torch.no_grad():
            return _model(laboratory, plan, times, _NATURE)(columns, times)

    return read(laboratory.instrument, curve, plan.times, generator)


def learn(laboratory: Laboratory, plan: Plan, reading: Reading, u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posterior variance of ln(target) and the error of its estimate, each (count,); nan where no fit is.

    All members are fitted in one batch. What is believed beforehand enters as points of their own, ln theta_j over its
    standard deviation beside the readings over theirs; the scatter of all of them is estimated.
    """
    belief = laboratory.belief
    names, P = belief.names, len(belief.names)
    centre, spread = belief.centre + plan.shift, belief.covariance.diagonal().sqrt()
    curve = _model(laboratory, plan, plan.times, _FIT)
    baseline = "baseline" in laboratory.nuisance

    def model(parameters: dict[str, Tensor], times: Tensor) -> Tensor:
        given = {name: value for name, value in parameters.items() if name != _LEVEL}
        values = curve(given, plan.times)
        if baseline:  # of size one, so that its own size is no measure of how well it is known
            values = values + laboratory.noise * (parameters[_LEVEL] - 1.0)[:, None] * _OFFSET
        known = torch.stack([parameters[name].log() / spread[j] for j, name in enumerate(names)], -1)
        return torch.cat([values / laboratory.noise, known], -1)

    batch = len(u)
    values = torch.cat([reading.values / laboratory.noise, (centre / spread).expand(batch, -1)], -1)
    weights = torch.cat([reading.there.to(torch.float64), torch.ones(batch, P, dtype=torch.float64)], -1)
    times = torch.cat([plan.times, plan.times[-1:].expand(P)])
    start = {name: math.exp(float(centre[j])) for j, name in enumerate(names)}
    if baseline:
        start[_LEVEL] = 1.0
    fits = fit_batch(model, times, values, start, fixed=_fixed(laboratory, plan), weights=weights, level=0.9)
    place = names.index(laboratory.target)
    kept = torch.tensor([fit.status.ok for fit in fits])
    variance = torch.tensor([float(fit.u_covariance[place, place]) for fit in fits], dtype=torch.float64)
    error = torch.stack([fit.u[place] for fit in fits]) - u[:, place] - plan.shift[place]
    return variance.where(kept, torch.nan), error.where(kept, torch.nan)


def _model(laboratory: Laboratory, plan: Plan, times: Tensor, tolerance: float) -> Model:
    return model_of(laboratory.experiment, _bare(plan), times, tolerance)


def _fixed(laboratory: Laboratory, plan: Plan) -> dict[str, float]:
    return fixed_of(laboratory.experiment, _bare(plan), laboratory.belief.names)


def _bare(plan: Plan) -> dict[str, object]:
    """The settings without the flow, which follows from the velocity."""
    return {name: value for name, value in plan.settings.items() if name != "flow"}
