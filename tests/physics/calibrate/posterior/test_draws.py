"""Draws against the density itself, integrated on a grid."""

import math

import pytest
import torch

from physics.calibrate.posterior import draws as module
from physics.calibrate.posterior import posterior
from physics.calibrate.problem import DataSet, Free, Prior, Problem
from physics.calibrate.solve import solve

TIMES = torch.linspace(0.0, 3.0, 7, dtype=torch.float64)


def decay(parameters, times):
    return parameters["height"][:, None] * torch.exp(-parameters["rate"][:, None] * times)


def problem(prior=None, deviation=None):
    noise = 0.15 * torch.randn(7, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    y = torch.exp(-TIMES) + noise
    free = (Free("rate", 0.8, prior=prior), Free("height", 1.0, prior=prior))
    return Problem((DataSet("a", TIMES, y, decay, {}, deviation=deviation),), free)


def on_a_grid(found):
    """The median and the ends of the middle 80 % of the rate, flat in the logarithms."""
    rate = torch.linspace(-4.0, 2.5, 400, dtype=torch.float64)
    height = torch.linspace(-2.0, 1.5, 200, dtype=torch.float64)
    u = torch.stack([x.flatten() for x in torch.meshgrid(rate, height, indexing="ij")], -1)
    log = found.solved.log_posterior(u).reshape(400, 200)
    share = (log - log.max()).exp().sum(1)
    cumulative = share.cumsum(0) / share.sum()
    return [float(rate[int((cumulative >= q).nonzero()[0, 0])].exp()) for q in (0.1, 0.5, 0.9)]


@pytest.mark.parametrize("effective", [0.0, 1.1])
def test_weighted_draws_and_walkers_follow_the_density(monkeypatch, effective):
    found = posterior(solve(problem(prior=Prior(1.0, 1.0), deviation=0.15), checks=False))
    assert found.agreement > 0.1
    monkeypatch.setattr(module, "_EFFECTIVE", effective)
    drawn = found.draws(4000, 3)["rate"]
    assert found.method == "sampled"
    assert next(iter(found._drawn.values())).method == ("weighted" if effective == 0.0 else "walkers")
    quantiles = torch.quantile(drawn, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
    assert quantiles == pytest.approx(on_a_grid(found), rel=0.05)


def test_an_upper_end_that_no_one_knows_is_told():
    """The rate is so high that the first point alone is above zero."""
    y = torch.zeros(7, dtype=torch.float64)
    y[0] = 1.0
    y = y + 0.05 * torch.randn(7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    free = (Free("rate", 5.0), Free("height", 1.0))
    found = posterior(solve(Problem((DataSet("a", TIMES, y, decay, {}),), free), checks=False))
    assert math.isinf(found.intervals["rate"].upper)
    assert found.intervals["rate"].lower > 2.0
    drawn = found.draws(200)
    assert bool(torch.isfinite(drawn["rate"]).all())
    assert any("No upper end is known for rate" in warning for warning in found.warnings)
