import numpy as np
import pytest

from physics.assimilation.climatology import climatology, combined
from physics.assimilation.sensors import across
from physics.equations.boussinesq.layer import Layer


@pytest.fixture(scope="module")
def climate():
    layer = Layer(16, 8, 2.0, stretch=2.0)
    return climatology(layer, 1e4, 0.2, 1.0, members=12, share=0.99, most=60, seed=0)


def divergence(layer, u, w):
    return (np.roll(u, -1, -1) - u) / layer.h + np.diff(w, axis=1) / layer.dz[:, None]


def test_no_mode_has_a_divergence_on_either_grid(climate):
    fine = climate.on(Layer(32, 16, 2.0, stretch=2.0))
    for found in (climate, fine):
        u, w, _ = found.modes
        assert np.abs(divergence(found.layer, u, w)).max() < 1e-10 * np.abs(w).max() / found.layer.h
        assert np.abs(w[:, [0, -1]]).max() < 1e-10
    assert climate.share >= 0.99
    assert len(climate.labels) == len(climate.modes[0]) <= 60


def test_the_finer_grid_holds_the_same_fields(climate):
    fine = climate.on(Layer(48, 24, 2.0, stretch=2.0))  # cells of the coarse grid are three by three of these
    back, bottom, _ = across(fine.layer.z_centres, climate.layer.z_centres)
    for mode in range(6):
        t = back @ fine.modes[2][mode][:, 1::3]
        assert np.abs(t - climate.modes[2][mode]).max() < 0.01 * np.abs(t).max()
        w = fine.modes[1][mode][::3].reshape(9, 16, 3).mean(2)
        assert np.abs(w - climate.modes[1][mode]).max() < 0.02 * np.abs(w).max() + 1e-12
    assert np.allclose(back @ fine.mean[2][0, :, 0] + bottom, climate.mean[2][0, :, 0], atol=0.01)


def test_examples_come_back_from_their_amplitudes(climate):
    """States move with their amplitudes, and what the modes leave out of them is small."""
    whole = combined(climate, climate.examples)[2]
    assert len(climate.examples) == len(climate.rayleigh) == 12 * 12
    quarter = combined(climate, climate.shifted(climate.examples, np.full(len(whole), 0.25)))[2]
    assert np.allclose(quarter, np.roll(whole, 4, -1), atol=1e-12)
    variance = (climate.examples**2).mean()
    assert 0.8 < variance < 1.05


def test_every_place_is_alike(climate):
    _, w, t = climate.modes
    for part in (w, t):
        variance = (part**2).sum(0)
        assert np.abs(variance - variance.mean(-1, keepdims=True)).max() < 1e-10 * variance.max()
    one = combined(climate, np.zeros((1, len(t))))
    assert np.array_equal(one[2][0], climate.mean[2][0])
