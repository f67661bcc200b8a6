"""A third depth of the sand column from the other two, and sets that agree."""

import math
import os
from pathlib import Path

import pytest
import torch

from physics.calibrate.posterior import between, further, hierarchy, posterior, predict
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import solve
from physics.data import read_measurement
from physics.errors import ParameterError

DATA = Path(os.environ.get("LABWRIGHT_DATA", Path(__file__).parents[5] / "shared" / "data")) / "column"
FREE = (Free("velocity", 2.4), Free("dispersion", 0.15))


def curve(model, velocity, dispersion, position, times):
    given = {"velocity": velocity, "dispersion": dispersion, "position": position}
    return model({name: torch.tensor([x], dtype=torch.float64) for name, x in given.items()}, times)[0]


def simulated(model, name, depth, velocity, seed):
    times = depth / 2.5 * torch.linspace(0.7, 1.3, 30, dtype=torch.float64)
    noise = torch.randn(30, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values = curve(model, velocity, 0.15, depth, times) + 0.005 * noise
    return DataSet(name, times, values, model, {"position": depth})


@pytest.fixture
def sand(model):
    sets = []
    for depth in (11, 17):
        path = DATA / f"sand_step_{depth}cm.csv"
        if not path.exists():
            pytest.skip(f"{path} is not here; LABWRIGHT_DATA names the folder of the measured data")
        data = read_measurement(path)
        t, c = torch.as_tensor(data.time / 3600), torch.as_tensor(data.value)
        sets.append(DataSet(path.name, t, c, model, {"position": float(depth)}))
    return posterior(solve(Problem(tuple(sets), FREE)))


@pytest.mark.parametrize(("depth", "apparent"), [(14.0, 2.489), (20.0, 2.531), (23.0, 2.544)])
def test_a_third_depth_lies_within_a_band_that_says_something(sand, model, depth, apparent):
    """The velocity may be that of both depths, or it may have risen on the way, as the two depths suggest."""
    arrival = depth / 2.482
    times = arrival * torch.linspace(0.75, 1.25, 101, dtype=torch.float64)
    band = predict(sand, model, {"position": depth}, times)
    front = (band.median > 0.02) & (band.median < 0.98)
    for velocity in (2.482, apparent):
        known = curve(model, velocity, 0.14, depth, times)
        inside = (known >= band.lower) & (known <= band.upper)
        assert bool(inside[front].all())
    far = curve(model, 1.1 * 2.482, 0.14, depth, times)
    assert not bool(((far >= band.lower) & (far <= band.upper))[front].all())
    arrivals = depth / further(sand, 4096)["velocity"]
    ends = torch.quantile(arrivals, torch.tensor([0.05, 0.95], dtype=torch.float64))
    assert 0.03 < float(ends[1] - ends[0]) / 2 / arrival < 0.06
    assert float((band.upper - band.lower)[front].mean()) < 0.45


def test_the_scatter_of_the_sand(sand):
    found = between(sand.solved)
    assert found.agreement < 1e-6
    assert 0.01 < found.deviation["velocity"] < 0.04
    assert 0.005 < found.noise < 0.01


def test_sets_that_agree_do_not_scatter(model):
    sets = (simulated(model, "a", 11.0, 2.5, 1), simulated(model, "b", 17.0, 2.5, 2))
    found = posterior(solve(Problem(sets, FREE)))
    alike = between(found.solved)
    assert alike.agreement > 0.7
    times = 8.0 * torch.linspace(0.7, 1.3, 41, dtype=torch.float64)
    band = predict(found, model, {"position": 20.0}, times, noise=0.0)
    assert float((band.upper - band.lower).mean()) < 0.03


def test_sets_that_differ_by_a_scale_give_it_back(model):
    """Five sets whose velocities scatter by 3 %."""
    z = torch.tensor([-1.2, -0.6, 0.1, 0.5, 1.2], dtype=torch.float64)
    sets = tuple(simulated(model, str(k), 11.0, float(2.5 * (0.03 * x).exp()), k) for k, x in enumerate(z))
    found = between(solve(Problem(sets, FREE), checks=False))
    assert found.agreement < 1e-6
    assert found.deviation["velocity"] == pytest.approx(0.03, rel=0.4)
    drawn = found.draws(4096)["velocity"].log()
    assert float(drawn.mean()) == pytest.approx(float(torch.tensor(2.5).log()), abs=0.01)


def test_one_set_carries_parameters_noise_and_the_error_of_the_solver(model):
    found = posterior(solve(Problem((simulated(model, "a", 11.0, 2.5, 4),), FREE), checks=False))
    times = torch.linspace(3.0, 6.0, 31, dtype=torch.float64)
    true, read = (predict(found, model, {"position": 11.0}, times, noise=noise) for noise in (0.0, None))
    assert bool((read.upper - read.lower > true.upper - true.lower).all())
    off = predict(found, model, {"position": 11.0}, times, noise=0.0, numerical_error=0.01)
    assert torch.allclose(off.upper - off.lower, true.upper - true.lower + 0.02)
    covered = curve(model, 2.5, 0.15, 11.0, times)
    assert float(((covered >= true.lower) & (covered <= true.upper)).double().mean()) > 0.6
    with pytest.raises(ValueError, match="one data set alone"):
        between(found.solved)
    with pytest.raises(ParameterError, match="noise"):
        predict(found, model, {"position": 11.0}, times, noise=-1.0)


def test_a_scatter_that_few_draws_of_the_prior_hit(monkeypatch):
    """Twenty sets settle tau; draws about its likely values must give what many draws of the prior give."""
    generator = torch.Generator().manual_seed(2)
    u = torch.tensor([0.9, -1.9]) + torch.tensor([0.01, 0.2]) * torch.randn(20, 2, generator=generator)
    covariance = torch.diag(torch.tensor([1e-6, 1e-4], dtype=torch.float64)).expand(20, 2, 2)
    width = torch.tensor([0.02, 0.3], dtype=torch.float64)
    means = []
    for enough in (0.0, math.inf):
        monkeypatch.setattr(hierarchy, "_EFFECTIVE", enough)
        tau, share = hierarchy._scatter(u.double(), covariance, width, 0)
        assert float(share[0]) < 1e-9
        means.append((share[:, None] * tau).sum(0).tolist())
    assert means[1] == pytest.approx(means[0], rel=0.05)
