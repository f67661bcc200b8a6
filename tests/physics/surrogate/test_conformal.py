"""Split conformal intervals cover what they promise, in each group, and say nothing where runs are too few."""

import math

import pytest
import torch

from physics.errors import ParameterError
from physics.surrogate.conformal import Conformal, coverage, covered, quantile


def test_the_radius_is_the_rank_that_the_theorem_names() -> None:
    scores = torch.arange(1.0, 20.0)  # 19 scores: (19 + 1) 0.9 = 18
    assert quantile(scores, 0.9) == 18.0
    assert quantile(scores, 0.95) == 19.0
    assert quantile(scores, 0.96) == math.inf


def test_fresh_runs_are_covered_in_every_group_whatever_their_scale() -> None:
    generator = torch.Generator().manual_seed(1)
    groups = torch.randint(0, 3, (30_000,), generator=generator)
    scores = torch.randn(30_000, generator=generator).abs() * torch.tensor([1.0, 5.0, 0.1])[groups]
    found = Conformal.of(scores[:15_000], groups[:15_000])
    radius = found.radius(0.9, groups[15_000:])
    share = coverage(scores[15_000:] <= radius, groups[15_000:])
    assert set(share) == {0, 1, 2}
    for value, count in share.values():
        assert count > 4000
        assert value == pytest.approx(0.9, abs=0.015)
    alone = Conformal.of(scores[:15_000]).radius(0.9)
    worst = coverage(scores[15_000:] <= alone, groups[15_000:])[1]
    assert worst[0] < 0.8  # one radius for all fails the hard group: what groups are for


def test_too_few_runs_give_an_endless_interval() -> None:
    found = Conformal.of(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 0, 2]))
    assert found.radius(0.5, torch.tensor([0, 1, 2])).tolist() == [2.0, math.inf, 3.0]
    assert found.radius(0.9, torch.tensor([0])).tolist() == [math.inf]


def test_a_score_that_is_no_number_counts_as_endless() -> None:
    found = Conformal.of(torch.tensor([1.0, math.nan, 2.0]))
    assert found.radius(0.7).tolist() == [math.inf]
    assert found.radius(0.4).tolist() == [2.0]


def test_a_band_holds_a_run_only_as_a_whole() -> None:
    truth = torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    assert covered(truth, truth[:1] - 1.0, truth[:1] + 1.0).tolist() == [True, False]


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, math.nan])
def test_a_level_is_a_probability(level: float) -> None:
    with pytest.raises(ParameterError, match="level"):
        Conformal.of(torch.ones(3)).radius(level)


def test_scores_and_groups_belong_together() -> None:
    with pytest.raises(ParameterError, match="one of each a run"):
        Conformal.of(torch.ones(3), torch.zeros(2))
