"""Bands of rollouts: they hold whole runs as often as they say, in distribution, whatever the model."""

import math

import pytest
import torch

from physics.surrogate import metrics
from physics.surrogate.fields import judge
from physics.surrogate.fields.expected import learn
from physics.surrogate.fields.intervals import horizons_of
from physics.surrogate.fields.rollout import rollout
from physics.surrogate.regimes import all_regimes
from tests.physics.surrogate.fields.conftest import NAMES

LEVELS = (0.6, 0.8, 0.9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", LEVELS)
def test_fresh_runs_are_held_as_often_as_the_level_says(trusted, seen, name, level):
    own, fresh = trusted.calibrations[name], seen[name]["coverage"]
    # both the calibration and the check are of finitely many runs
    error = math.sqrt(level * (1 - level) * (1 / 96 + 1 / 120))
    for place in range(len(own.intervals.horizons)):
        for held in (judge.held, judge.held_in_norm):
            assert abs(float(held(own, fresh, place, level).double().mean()) - level) < 3.3 * error


@pytest.mark.parametrize("name", NAMES)
def test_the_scores_agree_with_the_bands_that_are_shown(trusted, runs, seen, name):
    own, frames, fresh = trusted.calibrations[name], runs[name]["coverage"], seen[name]["coverage"]
    regime = all_regimes()[name]
    history, truth = frames.values[:, :4], frames.values[:, 4:].double()
    for place, h in enumerate(own.intervals.frames):
        found = trusted.predict(regime, history, frames.settings, h)
        inside = ((truth[:, :h] >= found.lower) & (truth[:, :h] <= found.upper)).flatten(1).all(1)
        assert torch.equal(inside, judge.held(own, fresh, place)), h
        vrmse = metrics.vrmse(found.values.float(), frames.values[:, 4 : 4 + h], len(regime.axes)).mean(-1)
        assert torch.equal((vrmse <= found.bound).all(1), judge.held_in_norm(own, fresh, place)), h


def test_a_shorter_horizon_has_a_narrower_band(trusted, runs):
    frames, regime = runs["advection_dispersion"]["coverage"], all_regimes()["advection_dispersion"]
    widths = []
    for h in (1, 4, 24):
        found = trusted.predict(regime, frames.values[:, :4], frames.settings, h)
        widths.append(float((found.upper - found.lower)[:, 0].mean()))
    assert widths == sorted(widths)


def test_the_frames_shown_are_those_of_the_rollout_whatever_the_horizon(trusted, runs, model):
    frames, regime = runs["klein_gordon"]["coverage"], all_regimes()["klein_gordon"]
    history = frames.values[:, :4]
    wanted = rollout(model, regime, history, frames.settings, 7, history[:, 0])
    found = trusted.predict(regime, history, frames.settings, 7)
    assert found.values.shape[1] == 7
    assert torch.allclose(found.values, wanted, atol=1e-12)


def test_bounds_clip_the_band(trusted, runs):
    frames, regime = runs["advection_dispersion"]["coverage"], all_regimes()["advection_dispersion"]
    found = trusted.predict(regime, frames.values[:, :4], frames.settings, 24)
    low, high = regime.channels[0].bounds
    assert float(found.lower.min()) == low
    assert float(found.upper.max()) == high


def test_too_high_a_level_is_not_answered(trusted, runs):
    frames, regime = runs["klein_gordon"]["coverage"], all_regimes()["klein_gordon"]
    found = trusted.predict(regime, frames.values[:, :4], frames.settings, 24, level=0.9999)
    assert bool(found.abstained().all())
    assert any("too few runs" in doubt.sentence(0) for doubt in found.doubts if bool(doubt.members[0]))


def test_horizons_end_with_a_whole_run():
    for regime in all_regimes().values():
        assert horizons_of(regime, 4)[-1] == regime.frames - 4


def test_a_regression_finds_what_there_is_and_nothing_where_there_is_not():
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(300, 12, generator=generator, dtype=torch.float64)
    noise = 0.1 * torch.randn(300, generator=generator, dtype=torch.float64)
    found = learn(given[:200], (2.0 * given[:200, 0] - given[:200, 3] + noise[:200]).exp())
    wanted = 2.0 * given[200:, 0] - given[200:, 3]
    assert float((found(given[200:]).log() - wanted).abs().median()) < 0.1
    nothing = learn(given[:200], noise[:200].exp())
    assert float(nothing(given[200:]).log().std()) < 0.03


def test_a_run_unlike_all_others_is_not_extrapolated_far():
    given = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    found = learn(given, (3.0 * given[:, 0]).exp())
    assert float(found(torch.tensor([[1e6]]).double()).log()) < 3.6
