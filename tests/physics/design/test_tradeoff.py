"""Fronts are fronts, and what is said to reach a target reaches it."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from physics.design.belief import from_prior
from physics.design.candidate import Limits, Unknown
from physics.design.information import Noise
from physics.design.optimise import optimise
from physics.design.responses import at_times
from physics.design.study import Target
from physics.design.tradeoff import cheapest, each_sample, need_of, over_time, trade_off
from tests.physics.design.test_optimise import DISPERSION, HOUR, VELOCITY, column


@pytest.fixture(scope="module")
def design():
    return optimise(column(limits=Limits(24 * HOUR, 10, 600.0)), effort=12, scenarios=2, rounds=1)


def test_no_run_of_the_front_beats_another_and_less_costs_precision(design):
    points = trade_off(design)
    costs = [(p.precision, p.duration, p.material, p.samples) for p in points]
    for a in costs:
        assert not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for b in costs)
    assert len(points) > 5
    assert min(p.samples for p in points) < 10
    assert min(p.duration for p in points) < 0.6 * max(p.duration for p in points)
    assert min(p.precision for p in points) == pytest.approx(design.best.half_width["dispersion"], rel=0.02)


def test_the_cheapest_run_meets_the_target_in_less_time(design):
    quick = cheapest(design, trade_off(design))
    assert quick.half_width["dispersion"] <= 0.05
    assert quick.duration <= design.best.duration


def test_what_would_reach_the_target_reaches_it():
    belief = from_prior({"velocity": Unknown(VELOCITY, 0.3), "dispersion": Unknown(DISPERSION, 2.0)})
    study = column(belief=belief, limits=Limits(24 * HOUR, 5, 60.0), target=Target({"dispersion": 0.02}), controls={})
    found = optimise(study, scenarios=1)
    assert found.met is False
    need = need_of(found)
    quieter = replace(study, noise=Noise(0.01 * need.noise))
    assert optimise(quieter, scenarios=1).best.half_width["dispersion"] == pytest.approx(0.02, rel=0.02)
    more = replace(study, limits=replace(study.limits, samples=need.samples))
    assert optimise(more, scenarios=1).best.half_width["dispersion"] <= 0.02 * 1.01
    fewer = replace(study, limits=replace(study.limits, samples=round(0.75 * need.samples)))
    assert not optimise(fewer, scenarios=1).met
    assert need.material is None


def test_a_longer_run_is_named_where_time_is_what_lacks():
    study = column(limits=Limits(5 * HOUR, 20, 600.0), controls={}, target=Target({"dispersion": 0.1}))
    found = optimise(study, scenarios=1)
    assert not found.met
    need = need_of(found)
    assert 5 * HOUR < need.duration < 24 * HOUR


def test_precision_over_time_only_gets_better_and_ends_where_the_run_does(design):
    response = at_times(design.study, design.best.case, design.scenarios, design.best.times)
    rows = over_time(design.study, design.best, each_sample(design.study, response))
    widths = [widths["dispersion"] for _, widths in rows]
    assert all(b <= a * (1 + 1e-9) for a, b in itertools.pairwise(widths))
    assert widths[-1] == pytest.approx(design.best.half_width["dispersion"], rel=1e-6)
    assert rows[-1][0] == design.best.duration
    assert math.isfinite(widths[0])
    assert torch.equal(torch.tensor([t for t, _ in rows]), design.best.times)
