import math

import pytest
import torch
from scipy.optimize import brentq, minimize_scalar

from physics.calibrate.fit import fit
from physics.calibrate.posterior import posterior
from physics.calibrate.posterior.batch import posteriors
from physics.calibrate.posterior.bounded import quantile
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import solve

TIMES = torch.linspace(0.0, 3.0, 9, dtype=torch.float64)


def decay(parameters, times):
    return parameters["height"][:, None] * torch.exp(-parameters["rate"][:, None] * times)


def straight(parameters, times):
    return parameters["slope"][:, None] * times + parameters["offset"][:, None]


def noisy(model, truth, deviation, seed, times=TIMES):
    clean = model({name: torch.tensor([x], dtype=torch.float64) for name, x in truth.items()}, times)[0]
    generator = torch.Generator().manual_seed(seed)
    return clean + deviation * torch.randn(len(times), generator=generator, dtype=torch.float64)


def test_a_linear_model_gives_students_interval():
    y = noisy(straight, {"slope": 2.0, "offset": 1.0}, 0.3, 1)
    free = (Free("slope", 1.0, lower=-9.0, upper=9.0), Free("offset", 0.5, lower=-9.0, upper=9.0))
    found = posterior(solve(Problem((DataSet("a", TIMES, y, straight, {}),), free)))
    assert found.method == "laplace"
    assert found.agreement < 1e-3
    design = torch.stack([TIMES, torch.ones_like(TIMES)], -1)
    theta = torch.linalg.lstsq(design, y[:, None]).solution[:, 0]
    variance = float(((y - design @ theta) ** 2).sum()) / 7
    half = quantile(0.9, 7) * (variance * torch.linalg.inv(design.T @ design).diagonal()).sqrt()
    for j, name in enumerate(("slope", "offset")):
        assert found.intervals[name].lower == pytest.approx(float(theta[j] - half[j]), rel=1e-4)
        assert found.intervals[name].upper == pytest.approx(float(theta[j] + half[j]), rel=1e-4)


def exact_ends(y, rate, level=0.9):
    """The rate's profile by one-dimensional searches: its best height is linear."""

    def misfit(k):
        shape = torch.exp(-k * TIMES)
        height = float((shape * y).sum() / (shape**2).sum())
        return float(((y - height * shape) ** 2).sum())

    least = misfit(rate)
    freedom = len(TIMES) - 2
    limit = least * (1 + quantile(level, freedom) ** 2 / freedom)
    return brentq(lambda k: misfit(k) - limit, 1e-6, rate), brentq(lambda k: misfit(k) - limit, rate, 100.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_curved_model_gives_the_ends_of_its_profile(seed):
    y = noisy(decay, {"rate": 1.0, "height": 1.0}, 0.2, seed)
    best = minimize_scalar(lambda k: _misfit(k, y), bounds=(0.01, 50), method="bounded", options={"xatol": 1e-10}).x
    lower, upper = exact_ends(y, best)
    found = fit(decay, TIMES, y, {"rate": 0.7, "height": 0.8}, level=0.9)
    checked = posteriors(decay, TIMES, y[None], [found])[0]
    assert checked.agreement > 0.05
    assert checked.intervals["rate"].method == "profile"
    assert checked.intervals["rate"].lower == pytest.approx(lower, rel=5e-3)
    assert checked.intervals["rate"].upper == pytest.approx(upper, rel=5e-3)


def _misfit(k, y):
    shape = torch.exp(-k * TIMES)
    return float(((y - shape * (shape * y).sum() / (shape**2).sum()) ** 2).sum())


def test_what_the_data_leave_open_has_an_open_end():
    """Only the product of height and gain is seen."""

    def both(parameters, times):
        return parameters["gain"][:, None] * decay(parameters, times)

    y = noisy(decay, {"rate": 1.0, "height": 1.0}, 0.02, 4)
    free = (Free("rate", 0.8), Free("height", 1.0), Free("gain", 1.0))
    found = posterior(solve(Problem((DataSet("a", TIMES, y, both, {}),), free)))
    assert found.intervals["gain"].lower == 0.0
    assert math.isinf(found.intervals["gain"].upper)
    alone = posterior(solve(Problem((DataSet("a", TIMES, y, decay, {}),), free[:2])))
    assert found.intervals["rate"].lower == pytest.approx(alone.intervals["rate"].lower, rel=0.02)
    assert found.intervals["rate"].upper == pytest.approx(alone.intervals["rate"].upper, rel=0.02)


def test_a_bound_of_another_parameter_is_kept():
    """The height may not go where the upper end of the rate would take it."""
    y = noisy(decay, {"rate": 1.0, "height": 1.0}, 0.1, 6)
    wide = posterior(solve(Problem((DataSet("a", TIMES, y, decay, {}),), (Free("rate", 0.8), Free("height", 0.9)))))
    bound = 0.5 * (wide.solved.fit.parameters["height"].value + wide.intervals["height"].upper)
    bounded = (Free("rate", 0.8), Free("height", 0.9 * bound, upper=bound))
    found = posterior(solve(Problem((DataSet("a", TIMES, y, decay, {}),), bounded)))
    assert found.intervals["height"].upper <= bound * (1 + 1e-9)
    assert found.intervals["rate"].upper < wide.intervals["rate"].upper
