"""The curriculum: harder regimes more often, none left out."""

import pytest
import torch

from physics.surrogate.fields.training.curriculum import Curriculum


@pytest.mark.parametrize(("temperature", "first"), [(1e6, 0.5), (1e-3, 0.875), (1.0, 0.8)])
def test_the_temperature_says_how_much_difficulty_counts(temperature, first):
    curriculum = Curriculum(["hard", "easy"], temperature)
    curriculum.learn("hard", 0.9)
    curriculum.learn("easy", 0.1)
    shares = curriculum.shares()
    assert float(shares.sum()) == pytest.approx(1.0)
    assert float(shares[0]) == pytest.approx(first, abs=0.03)


def test_all_are_seen_before_any_is_drawn_again():
    curriculum, generator = Curriculum(["a", "b", "c"], 1.0), torch.Generator().manual_seed(0)
    seen = []
    for _ in range(3):
        seen.append(curriculum.draw(generator))
        curriculum.learn(seen[-1], 0.5)
    assert seen == ["a", "b", "c"]
