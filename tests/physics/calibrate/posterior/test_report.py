import math
import os
from pathlib import Path

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.calibrate.posterior import posterior
from physics.calibrate.posterior.batch import posteriors
from physics.calibrate.problem import DataSet, Free, Prior, Problem
from physics.calibrate.solve import solve
from physics.calibrate.start import start_column
from physics.data import read_measurement
from physics.errors import ParameterError

DATA = Path(os.environ.get("LABWRIGHT_DATA", Path(__file__).parents[5] / "shared" / "data")) / "column"
FREE = (Free("velocity", 2.2), Free("dispersion", 0.2))


def simulated(model, times, noise, seed=0, depth=11.0):
    truth = {"velocity": 2.5, "dispersion": 0.15, "position": depth}
    clean = model({name: torch.tensor([x], dtype=torch.float64) for name, x in truth.items()}, times)[0]
    generator = torch.Generator().manual_seed(seed)
    values = clean + noise * torch.randn(len(times), generator=generator, dtype=torch.float64)
    return DataSet("run", times, values, model, {"position": depth})


def evenly(first, last, count):
    return torch.linspace(first, last, count, dtype=torch.float64)


def test_measured_sand_is_described_by_laplace(model):
    path = DATA / "sand_step_11cm.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here; LABWRIGHT_DATA names the folder of the measured data")
    data = read_measurement(path)
    t, c = torch.as_tensor(data.time / 3600), torch.as_tensor(data.value)
    free = tuple(Free(name, value) for name, value in start_column(t, c, 11.0).items())
    found = posterior(solve(Problem((DataSet("11 cm", t, c, model, {"position": 11.0}),), free)))
    assert found.method == "laplace"
    assert found.agreement < 0.02
    assert not found.warnings
    for name, estimate in found.solved.fit.parameters.items():
        assert found.intervals[name].lower == pytest.approx(estimate.lower, rel=1e-9)
        assert found.intervals[name].method == "laplace"
    drawn = found.draws(2048)
    lower, upper = torch.quantile(drawn["velocity"], torch.tensor([0.05, 0.95], dtype=torch.float64)).tolist()
    assert upper - lower == pytest.approx(
        found.intervals["velocity"].upper - found.intervals["velocity"].lower, rel=0.05
    )


def test_few_and_noisy_points_are_profiled_and_sampled(model):
    found = posterior(solve(Problem((simulated(model, evenly(3.5, 5.5, 5), 0.1, 3),), FREE), checks=False))
    assert found.method == "profile"
    assert found.agreement > 0.1
    assert found.intervals["dispersion"].method == "profile"
    drawn = found.draws(1000)["dispersion"]
    assert found.method == "sampled"
    inside = (drawn > found.intervals["dispersion"].lower) & (drawn < found.intervals["dispersion"].upper)
    assert float(inside.double().mean()) == pytest.approx(0.9, abs=0.06)


def test_two_degrees_of_freedom_promise_nothing(model):
    found = posterior(solve(Problem((simulated(model, evenly(3.8, 5.2, 4), 0.01),), FREE), checks=False))
    assert "Only 2 degrees of freedom" in found.warnings[0]


def test_fewer_points_than_parameters_leave_everything_open(model):
    found = posterior(solve(Problem((simulated(model, evenly(4.2, 4.6, 2), 0.01),), FREE), checks=False))
    assert found.intervals["velocity"].lower == 0.0
    assert math.isinf(found.intervals["velocity"].upper)
    with pytest.raises(ParameterError, match=r"open|no more data points"):
        found.draws(8)


def test_known_noise_and_priors(model):
    one = simulated(model, evenly(2.5, 7.0, 20), 0.02)
    known = DataSet(one.name, one.times, one.values, model, one.fixed, deviation=0.02)
    free = (Free("velocity", 2.2, prior=Prior(2.5, 1e-3)), Free("dispersion", 0.2))
    found = posterior(solve(Problem((known,), free)))
    assert math.isinf(found.freedom)
    width = math.log(found.intervals["velocity"].upper / found.intervals["velocity"].lower) / 2
    assert width == pytest.approx(1.645 * 1e-3, rel=0.1)


def test_a_batch_gives_what_each_fit_gives_alone(model):
    times = evenly(2.8, 6.5, 9)
    sets = [simulated(model, times, 0.08, seed) for seed in range(4)]
    values = torch.stack([one.values for one in sets])
    fits = fit_batch(model, times, values, {"velocity": 2.2, "dispersion": 0.2}, fixed={"position": 11.0}, level=0.9)
    batch = posteriors(model, times, values, fits, fixed={"position": 11.0})
    for one, checked in zip(sets, batch, strict=True):
        alone = posterior(solve(Problem((one,), FREE), checks=False))
        assert checked.agreement == pytest.approx(alone.agreement, rel=0.05)
        assert checked.warnings == alone.warnings
        for name, interval in alone.intervals.items():
            assert checked.intervals[name].lower == pytest.approx(interval.lower, rel=1e-3)
            assert checked.intervals[name].upper == pytest.approx(interval.upper, rel=1e-3)


@pytest.mark.parametrize("loss", ["huber", "student"])
def test_robust_losses_keep_their_covariance(model, loss):
    found = posterior(solve(Problem((simulated(model, evenly(2.5, 7.0, 40), 0.01),), FREE, loss=loss), checks=False))
    assert found.agreement < 0.1
    estimate = found.solved.fit.parameters["velocity"]
    assert found.intervals["velocity"].upper == pytest.approx(estimate.upper, rel=1e-3)


def test_arguments_that_cannot_be(model):
    solved = solve(Problem((simulated(model, evenly(2.5, 7.0, 10), 0.01),), FREE), checks=False)
    with pytest.raises(ParameterError, match="level"):
        posterior(solved, level=1.5)
    with pytest.raises(ParameterError, match="numerical_error"):
        posterior(solved, numerical_error=-1.0)
