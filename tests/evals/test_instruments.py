"""Each error of an instrument is what it says, alone, and drawn anew for every member."""

import pytest
import torch

from evals.instruments import Instrument, read

TIMES = torch.linspace(0.0, 10.0, 201, dtype=torch.float64)
MEMBERS = 2000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def flat(times):
    return torch.ones(MEMBERS, len(times), dtype=torch.float64)


def got(instrument, seed=0):
    return read(instrument, flat, TIMES, generator(seed))


def test_a_perfect_instrument_gives_the_truth():
    reading = got(Instrument(0.0))
    assert torch.equal(reading.values, flat(TIMES))
    assert bool(reading.there.all())
    assert not bool(reading.outlying.any())


def test_noise_is_white_and_seeded():
    values = got(Instrument(0.1)).values - 1
    assert float(values.std()) == pytest.approx(0.1, rel=0.01)
    assert abs(float((values[:, 1:] * values[:, :-1]).mean())) < 1e-4
    assert torch.equal(values, got(Instrument(0.1)).values - 1)
    assert not torch.equal(values, got(Instrument(0.1), seed=1).values - 1)


def test_drifts_grow_as_time_and_as_its_root():
    linear = got(Instrument(0.0, drift=0.2)).values.std(0)
    walk = got(Instrument(0.0, walk=0.2)).values.std(0)
    assert float(linear[-1]) == pytest.approx(0.2, rel=0.05)
    assert float(linear[100]) == pytest.approx(0.1, rel=0.05)
    assert float(walk[-1]) == pytest.approx(0.2, rel=0.05)
    assert float(walk[50]) == pytest.approx(0.1, rel=0.05)


def test_a_lag_is_that_of_a_first_order_response():
    ramp = read(Instrument(0.0, lag=1.5), lambda t: t[None], TIMES, generator()).values[0]
    assert torch.allclose(ramp, TIMES - 1.5 * (1 - torch.exp(-TIMES / 1.5)), atol=1e-12)
    wave = read(Instrument(0.0, lag=0.5), lambda t: torch.sin(t)[None], TIMES, generator()).values[0]
    exact = (torch.sin(TIMES) - 0.5 * torch.cos(TIMES) + 0.5 * torch.exp(-TIMES / 0.5)) / (1 + 0.5**2)
    assert torch.allclose(wave, exact, atol=1e-3)


def test_values_fall_on_steps():
    values = got(Instrument(0.1, step=0.05)).values / 0.05
    assert torch.allclose(values, values.round(), atol=1e-9)


def test_points_are_lost_and_far_off_as_often_as_asked_for():
    reading = got(Instrument(0.01, missing=0.1, outliers=0.05))
    assert 1 - float(reading.there.double().mean()) == pytest.approx(0.1, rel=0.05)
    assert float(reading.outlying.double().mean()) == pytest.approx(0.05, rel=0.05)
    off = (reading.values - 1).abs()
    assert float(off[reading.outlying].min()) > 0.003
    assert float(off[reading.outlying].median()) == pytest.approx(0.1, rel=0.1)
    assert float(off[~reading.outlying].median()) < 0.01
