"""Runs drawn by seed, the same whatever the batches."""

import pytest
import torch

from physics.errors import ParameterError
from physics.surrogate.generate import drawn, generate, in_turn
from physics.surrogate.regimes import get

REGIME = get("advection_dispersion")


def test_a_run_has_its_own_numbers_whatever_the_batches() -> None:
    whole = generate(REGIME, "train", 5, 3, frames=3)
    assert whole.values.dtype == torch.float32
    assert whole.values.shape == (5, 3, 1, 128)
    parts = generate(REGIME, "train", 4, 3, frames=3, batch=3)
    assert torch.equal(parts.values, whole.values[:4])
    assert all(torch.equal(value, whole.settings[name][:4]) for name, value in parts.settings.items())


@pytest.mark.parametrize("other", [("valid", 3, False), ("train", 4, False), ("train", 3, True)])
def test_other_splits_and_seeds_are_other_runs(other: tuple[str, int, bool]) -> None:
    start, settings = drawn(REGIME, "train", range(2), 3)
    split, seed, beyond = other
    others, numbers = drawn(REGIME, split, range(2), seed, beyond)
    assert not torch.equal(start, others)
    assert not torch.equal(settings["peclet"], numbers["peclet"])


def test_batches_may_be_solved_elsewhere_and_are_reported() -> None:
    seen, done = [], []

    def solve(regime, split, pieces, seed, beyond, frames):
        seen.extend(pieces)
        return in_turn(regime, split, pieces, seed, beyond, frames)

    found = generate(REGIME, "test", 5, 0, frames=2, batch=2, solve=solve, report=done.append)
    assert seen == [range(0, 2), range(2, 4), range(4, 5)]
    assert done == [2, 4, 5]
    assert torch.equal(found.values, generate(REGIME, "test", 5, 0, frames=2).values)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"seed": -1}, {"batch": 0}, {"frames": 1}])
def test_numbers_that_cannot_be(wrong: dict[str, int]) -> None:
    given = {"count": 1, "seed": 0, **wrong}
    with pytest.raises(ParameterError, match="give a count"):
        generate(REGIME, "train", **given)
