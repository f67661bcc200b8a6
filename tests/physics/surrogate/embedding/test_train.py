"""Contrastive training: it brings runs of a kind together, is the same for the same seed, and keeps to its minutes."""

import torch

from physics.surrogate.embedding.encoder import Encoder, Shape
from physics.surrogate.embedding.judge import fixed, found_first
from physics.surrogate.embedding.train import train
from tests.physics.surrogate.embedding.toys import toys

SMALL = Shape(tokens=16, given=8, layers=1, size=12)


def _trained(steps: int, minutes: float = 1.0) -> tuple[Encoder, list[float]]:
    losses: list[float] = []
    torch.manual_seed(1)
    encoder, _ = train(
        toys(8, 0), seed=1, steps=steps, each=1, minutes=minutes, encoder=Encoder(SMALL),
        report=lambda step, loss: losses.append(loss),
    )  # fmt: skip
    return encoder, losses


def test_the_loss_falls_and_held_out_runs_are_found() -> None:
    encoder, losses = _trained(41)
    assert losses[-1] < 0.9 * losses[0]
    found = found_first(toys(8, 0), toys(8, 5), encoder.encode)
    assert set(found) == {"lines", "fronts", "swings"}
    assert min(found.values()) >= 0.75


def test_fixed_features_find_runs_too() -> None:
    assert min(found_first(toys(8, 0), toys(8, 5), fixed(toys(8, 0))).values()) >= 0.75


def test_the_same_seed_gives_the_same_weights() -> None:
    one, other = (_trained(3)[0].state_dict() for _ in range(2))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_it_ends_when_its_minutes_are_over() -> None:
    assert len(_trained(10_000, minutes=1e-9)[1]) == 0
