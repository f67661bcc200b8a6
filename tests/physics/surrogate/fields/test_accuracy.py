"""Errors of a model on runs: nothing for a model that knows, and rollouts that feed on themselves."""

import torch

from physics.surrogate.fields.accuracy import errors
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get

REGIME = get("klein_gordon")
FRAMES = generate(REGIME, "test", 3, 0, frames=8)


class Still(torch.nn.Module):
    """Says that nothing changes, but for `drift`."""

    def __init__(self, drift: float) -> None:
        super().__init__()
        self.drift = drift

    def forward(self, history, settings, name, start=None):
        return history[:, -1] + self.drift


class Told(torch.nn.Module):
    """Knows the run."""

    def forward(self, history, settings, name, start=None):
        index = [int((FRAMES.values[k] - history[k, -1]).abs().flatten(1).sum(1).argmin()) for k in range(len(history))]
        return torch.stack([FRAMES.values[k, t + 1] for k, t in enumerate(index)])


def test_a_model_that_knows_has_no_error():
    found = errors(Told(), REGIME, FRAMES, 4)
    assert found.step.shape == found.rollout.shape == (3, 4)
    assert float(found.step.max()) == float(found.rollout.max()) == 0.0


def test_a_rollout_begins_like_a_step_and_goes_its_own_way():
    found = errors(Still(0.1), REGIME, FRAMES, 4)
    assert torch.equal(found.step[:, 0], found.rollout[:, 0])
    assert float(found.rollout[:, -1].mean()) > float(found.step[:, -1].mean())


def test_what_is_not_finite_counts_as_a_thousand():
    found = errors(Still(float("nan")), REGIME, FRAMES, 4)
    assert float(found.step.min()) == 1e3
