"""Reasons to abstain: each is raised where it should be, and hardly ever on runs like those of calibration."""

import math

import pytest
import torch

from physics.surrogate.fields import doubts, judge
from physics.surrogate.regimes import all_regimes, get
from physics.surrogate.trust import abstained, reasons
from tests.physics.surrogate.fields.conftest import NAMES, cut


def told(found, member=0):
    return dict(reasons(found, member))


@pytest.mark.parametrize("name", NAMES)
def test_runs_like_those_of_calibration_are_answered(trusted, runs, name):
    regime, frames = get(name), runs[name]["coverage"]
    history = frames.values[:, :4]
    before = trusted.before(regime, history, frames.settings, 24)
    after = trusted.predict(regime, history, frames.settings, 24)
    # five limits, each of which one in 121 runs exceeds
    assert float(abstained([*before, *after.doubts], len(frames)).double().mean()) < 0.12


@pytest.mark.parametrize("name", NAMES)
def test_runs_beyond_the_ranges_whose_error_exceeds_their_interval_are_caught(trusted, seen, name):
    found = judge.beyond(trusted.calibrations[name], get(name), seen[name]["beyond"])
    assert found["abstained"] == 1.0
    assert found["caught"] >= 0.95


def test_a_setting_outside_its_range_is_named(trusted, runs):
    frames = cut(runs["klein_gordon"]["coverage"], slice(0, 3))
    settings = {**frames.settings, "mass": frames.settings["mass"].clone()}
    settings["mass"][1] = 1.9
    found = trusted.before(get("klein_gordon"), frames.values[:, :4], settings, 4)
    assert told(found, 1)["range"] == "mass = 1.9 lies outside the trained range, 0.5 to 1.5"
    assert abstained(found, 3).tolist() == [False, True, False]


def test_a_start_unlike_all_others_is_far(trusted, runs):
    frames = cut(runs["klein_gordon"]["coverage"], slice(0, 2))
    history = frames.values[:, :4].clone()
    history[1] *= 6.0
    found = trusted.predict(get("klein_gordon"), history, frames.settings, 24).doubts
    assert "no training run is near" in told(found, 1)["distance"]
    assert "distance" not in told(found, 0)


def test_more_frames_than_were_calibrated_are_doubted(trusted, runs):
    frames = cut(runs["klein_gordon"]["coverage"], slice(0, 1))
    found = trusted.before(get("klein_gordon"), frames.values[:, :4], frames.settings, 25)
    assert "25 further frames are asked" in told(found)["time"]


def test_a_start_outside_bounds_is_doubted(trusted, runs):
    frames = cut(runs["advection_dispersion"]["coverage"], slice(0, 2))
    history = frames.values[:, :4].clone()
    history[1, :, 0, 7] = 1.5
    found = trusted.before(get("advection_dispersion"), history, frames.settings, 4)
    assert "concentration goes from" in told(found, 1)["law"]
    assert not told(found, 0)


def test_a_start_that_is_not_of_the_regime_is_doubted():
    regime = get("shear_flow")
    history = torch.randn(2, 1, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    settings = {each.name: torch.full((2,), each.low).double() for each in regime.ranges}
    found = doubts.before(regime, history, settings, 4, 24)
    assert "the defect of divergence in its start is" in told(found)["law"]


def test_a_budget_hands_wide_bands_over(trusted, runs):
    frames, regime = runs["klein_gordon"]["coverage"], get("klein_gordon")
    history = frames.values[:, :4]
    loose = trusted.predict(regime, history, frames.settings, 24, budget=1e9).abstained()
    tight = trusted.predict(regime, history, frames.settings, 24, budget=1e-9)
    assert float(loose.double().mean()) < 0.12
    assert bool(tight.abstained().all())
    assert "wider than the budget, 1e-09" in told(tight.doubts)["width"]


def test_an_answer_that_is_not_finite_is_doubted(trusted, runs):
    frames, regime = cut(runs["klein_gordon"]["coverage"], slice(0, 2)), get("klein_gordon")
    history = frames.values[:, :4].clone()
    history[1, 3, 0, 5] = 1e30
    found = trusted.predict(regime, history, frames.settings, 24)
    assert bool(found.abstained()[1])


def test_the_residual_of_the_solver_is_small_and_that_of_other_frames_large():
    regime = get("burgers")
    start, settings = _start(regime)
    true = regime.solve(start, settings, frames=7)[:, 1:]
    # the reference is solved on a finer grid, so that a frame is nearly, not quite, all that it knows
    assert float(doubts.residual(regime, true, settings).max()) < 1e-2
    wrong = true[:, [0, 0, 0, 0, 0, 0]]
    assert float(doubts.residual(regime, wrong, settings).min()) > 0.1


def test_a_residual_that_cannot_be_solved_is_infinite_and_leaves_the_others():
    regime = get("burgers")
    start, settings = _start(regime)
    made = regime.solve(start, settings, frames=5)[:, 1:]
    made[1] = math.nan
    found = doubts.residual(regime, made, settings)
    assert math.isinf(float(found[1]))
    assert float(found[0]) < 1e-2


def _start(regime):
    generator = torch.Generator().manual_seed(1)
    settings = regime.draw(2, generator)
    own = [{name: value[k] for name, value in settings.items()} for k in range(2)]
    return torch.stack([regime.start(each, generator) for each in own]), settings


def test_every_regime_can_be_judged_before_a_prediction():
    for regime in all_regimes().values():
        start, settings = _start(regime)
        assert not bool(abstained(doubts.before(regime, start[:, None], settings, 24, 24), 2).any()), regime.name
