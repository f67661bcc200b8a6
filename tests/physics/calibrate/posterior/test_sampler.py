import pytest
import torch

from physics.calibrate.posterior.sampler import sample, walkers_for


def banana(w):
    return -0.5 * (w[:, 0] ** 2 + ((w[:, 1] - w[:, 0] ** 2) / 0.5) ** 2)


def start(seed=0):
    return torch.randn(walkers_for(2), 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_bent_density_is_sampled():
    chain = sample(banana, start(), seed=1)
    assert not chain.warnings
    assert chain.steps > 30 * chain.autocorrelation
    x, y = chain.draws.unbind(-1)
    assert float(x.mean()) == pytest.approx(0.0, abs=0.08)
    assert float(x.std()) == pytest.approx(1.0, abs=0.08)
    assert float(y.mean()) == pytest.approx(1.0, abs=0.15)
    assert float((y - x**2).std()) == pytest.approx(0.5, abs=0.05)


def test_a_short_chain_is_told_and_the_seed_decides():
    chain = sample(banana, start(), seed=1, longest=200)
    assert "its draws are few" in chain.warnings[0]
    assert torch.equal(chain.draws, sample(banana, start(), seed=1, longest=200).draws)


def test_walkers_that_begin_nowhere_are_moved():
    def positive(w):
        return torch.where((w > 0).all(-1), -w.sum(-1), -torch.inf)

    chain = sample(positive, start(), seed=2, longest=400)
    assert bool((chain.draws > 0).all())
    assert float(chain.draws.mean()) == pytest.approx(1.0, abs=0.1)
    with pytest.raises(ValueError, match="no walker begins"):
        sample(positive, -start().abs(), seed=2)
