"""A network learns smooth outputs, the same from the same seed."""

import torch

from physics.surrogate.curves.network import Network, train


def test_it_learns_and_repeats() -> None:
    x = 2.0 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1.0
    y = 5.0 * torch.stack([torch.sin(2.0 * x[:, 0]), x[:, 0] * x[:, 1]], 1)
    found = train(x[:150], y[:150], 3, width=24, first=100, second=80)
    assert float((found.predict(x[150:]) - y[150:]).abs().max()) < 0.3
    again = train(x[:150], y[:150], 3, width=24, first=100, second=80)
    assert all(torch.equal(a, b) for a, b in zip(found.layers, again.layers, strict=True))
    kept = Network(tuple(found.tensors().values()))
    assert torch.equal(kept.predict(x), found.predict(x))
