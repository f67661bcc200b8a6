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


@pytest.mark.parametrize("effective", [0.0, 100.0])
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


def bent(by):
    def density(w):
        return -0.5 * (w[:, 0] / 2) ** 2 - 0.5 * ((w[:, 1] - by * (w[:, 0] ** 2 - 4)) / 0.7) ** 2

    laplace = torch.diag(torch.tensor([4.0, 0.49], dtype=torch.float64))
    mode = torch.tensor([0.0, -4 * by], dtype=torch.float64)
    return [module._weighted(density, mode, laplace, 30.0, seed) for seed in range(4)]


def test_a_bent_ridge_is_learnt_in_a_few_rounds():
    for (points, share), effective in bent(0.2):
        assert effective >= module._EFFECTIVE
        mean = (share[:, None] * points).sum(0)
        assert mean.tolist() == pytest.approx([0.0, 0.0], abs=0.2)
        spread = (share[:, None] * (points - mean) ** 2).sum(0).sqrt()
        assert spread.tolist() == pytest.approx([2.0, math.sqrt(0.7**2 + 32 * 0.2**2)], rel=0.1)


def test_a_ridge_bent_too_far_is_left_to_the_walkers():
    assert sum(effective < module._EFFECTIVE for _, effective in bent(1.5)) >= 3


def test_a_model_that_fails_somewhere_is_no_density_there():
    def density(w):
        return torch.where(w[:, 0] > 0, -0.5 * (w**2).sum(-1), torch.nan)

    start = torch.zeros(2, dtype=torch.float64)
    (points, share), effective = module._weighted(density, start, torch.eye(2, dtype=torch.float64), 30.0, 0)
    assert effective >= module._EFFECTIVE
    assert float(share[points[:, 0] <= 0].sum()) == 0.0
