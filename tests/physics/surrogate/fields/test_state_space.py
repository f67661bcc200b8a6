"""The state space over time against its recurrence, and causality of both layers."""

import pytest
import torch
from torch.nn import functional

from physics.surrogate.fields.state_space import SelectiveStateSpace, TemporalAttention


def test_the_sum_is_the_recurrence():
    torch.manual_seed(0)
    layer = SelectiveStateSpace(8, heads=2, states=3).double()
    count, times, width, heads = 5, 6, 4, 2
    x = torch.randn(count, times, heads * width, dtype=torch.float64)
    enter, leave = torch.randn(2, count, times, 3, dtype=torch.float64)
    span = functional.softplus(torch.randn(count, times, heads, dtype=torch.float64))
    found = layer._mix(x, enter, leave, span)
    state = torch.zeros(count, heads, width, 3, dtype=torch.float64)
    decay = -layer.log_decay.exp()
    for t in range(times):
        values = x[:, t].reshape(count, heads, width)
        kept = torch.exp(decay * span[:, t])[..., None, None]
        state = kept * state + span[:, t, :, None, None] * values[..., None] * enter[:, t, None, None, :]
        expected = torch.einsum("chws,cs->chw", state, leave[:, t]) + layer.skip[:, None] * values
        assert torch.allclose(found[:, t], expected.reshape(count, -1), atol=1e-12)


@pytest.mark.parametrize("layer", [SelectiveStateSpace, TemporalAttention])
def test_the_future_does_not_reach_the_past(layer):
    torch.manual_seed(0)
    made = layer(16)
    x = torch.randn(3, 5, 16)
    changed = x.clone()
    changed[:, 3:] += 1.0
    before, after = made(x), made(changed)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert not torch.allclose(before[:, 3:], after[:, 3:], atol=1e-3)
