"""An emulator knows where it is wrong, how far its runs are, and what band covers."""

from functools import partial

import pytest
import torch

from physics.surrogate.curves import network
from physics.surrogate.curves.emulator import KINDS, train
from physics.surrogate.curves.local import learn

U = torch.linspace(0.0, 1.0, 41, dtype=torch.float64)


def runs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = 2.0 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1.0
    return x, torch.tanh(8.0 * (U - 0.5 - 0.3 * x[:, :1])) * (1.2 + x[:, 1:])


def test_bands_cover_whole_fresh_curves_by_either_regressor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "train", partial(network.train, first=150, second=150))
    for kind in KINDS:
        found = train(kind, *runs(90, 0), seed=1)
        found = found.calibrated(*runs(1500, 1), torch.zeros(1500))
        x, curves = runs(1500, 2)
        assert found.conformal is not None
        held = found.scores(x, curves) <= found.conformal.radius(0.9)
        assert abs(float(held.double().mean()) - 0.9) < 0.03, kind
        assert float((found.predict(x)[0] - curves).abs().max()) < 0.5


def test_residuals_that_grow_to_one_side_are_expected_there() -> None:
    x, _ = runs(400, 3)
    noise = torch.randn(400, generator=torch.Generator().manual_seed(4), dtype=torch.float64).abs()
    found = learn(x, noise * torch.exp(2.0 * x[:, 0]))
    at = torch.tensor([[-0.8, 0.0], [0.8, 0.0]], dtype=torch.float64)
    expected, _ = found.look(at)
    assert 8.0 < float(expected[1] / expected[0]) < 80.0  # exp(3.2) = 24.5


def test_the_distance_is_that_of_the_nearest_run() -> None:
    x = torch.tensor([[0.0, 0.0], [0.5, 0.5], [-0.5, 0.2]], dtype=torch.float64)
    found = learn(x, torch.tensor([1.0, 2.0, 1.5], dtype=torch.float64))
    _, apart = found.look(torch.tensor([[0.5, 0.6], [3.0, 0.0]], dtype=torch.float64))
    assert torch.allclose(apart, torch.tensor([0.1, (2.5**2 + 0.5**2) ** 0.5], dtype=torch.float64))
