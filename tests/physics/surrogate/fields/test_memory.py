"""Internal variables of a fading memory."""

import math

import torch

from physics.surrogate.fields.memory import FadingMemory
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.regimes import get


def test_what_is_kept_fades_with_its_relaxation_time():
    memory = FadingMemory(2)
    history = torch.zeros(1, 5, 3, 1, 1)
    history[:, 1] = 1.0  # three intervals ago
    kept = memory(history)[0, :, 0]
    for k, time in enumerate((1.0, 8.0)):
        weights = [math.exp(-j / time) for j in range(5)]
        torch.testing.assert_close(kept[:, k], torch.full((3,), weights[3] / sum(weights)))


def test_a_body_at_rest_leaves_nothing():
    assert not FadingMemory(3)(torch.ones(2, 4, 6, 1, 2)).abs().gt(1e-6).any()


def test_the_decoder_sees_a_memory_and_its_times_are_learned():
    regime = get("klein_gordon")
    torch.manual_seed(0)
    model = Surrogate({"klein_gordon": regime}, Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, memory=2))
    torch.nn.init.normal_(model.adapter("klein_gordon").leave.weight)
    settings = {each.name: torch.ones(2) for each in regime.ranges}
    model.free(torch.randn(2, 4, 2, 128), settings, "klein_gordon").square().sum().backward()
    assert model.memory.log_times.grad.abs().min() > 0
