"""Where baseline, gain and drift begin."""

import pytest
import torch

from physics.calibrate.forward import Forward
from physics.calibrate.layout import arrange
from physics.calibrate.linear_start import linear_start
from physics.calibrate.problem import DataSet, Free, Nuisance, Prior, Problem
from physics.calibrate.solve import solve

TIMES = torch.linspace(0.0, 5.0, 30, dtype=torch.float64)


def decline(parameters, times):
    return torch.exp(-parameters["rate"][:, None] * times)


def problem(*nuisance, values=None, names=("a",)):
    clean = 7.0 + 300.0 * torch.exp(-0.8 * TIMES) - 2.0 * TIMES
    sets = tuple(DataSet(name, TIMES, clean if values is None else values, decline, {}) for name in names)
    return Problem(sets, (Free("rate", 0.8),), nuisance)


def begun(asked):
    layout = arrange(asked)
    u = linear_start(asked, layout, Forward(asked, layout), layout.start[None])
    return dict(zip(layout.names, layout.space.outward(u)[0].tolist(), strict=True))


def test_they_begin_at_their_least_squares():
    found = begun(problem(Nuisance("baseline"), Nuisance("gain"), Nuisance("drift")))
    assert found == pytest.approx({"rate": 0.8, "baseline": 7.0, "gain": 300.0, "drift": -2.0})
    each = begun(problem(Nuisance("baseline"), Nuisance("gain"), Nuisance("drift"), names=("a", "b")))
    assert each["gain[b]"] == pytest.approx(300.0)


def test_what_is_shared_or_has_a_prior_stays_and_so_does_a_curve_upside_down():
    assert begun(problem(Nuisance("gain", shared=True), names=("a", "b")))["gain"] == 1.0
    assert begun(problem(Nuisance("gain", Prior(2.0, 0.5))))["gain"] == 1.0
    upside = problem(Nuisance("baseline"), Nuisance("gain"), values=-torch.exp(-TIMES))
    assert begun(upside) == pytest.approx({"rate": 0.8, "baseline": 0.0, "gain": 1.0})


def test_a_signal_of_any_size_is_fitted_in_spite_of_an_outlier():
    values = 7.0 + 300.0 * torch.exp(-0.8 * TIMES) + torch.sin(31.0 * TIMES)
    values[4] += 150.0
    asked = problem(Nuisance("baseline"), Nuisance("gain"), values=values)
    solved = solve(Problem(asked.sets, (Free("rate", 1.5),), asked.nuisance, loss="student"))
    assert solved.fit.parameters["rate"].value == pytest.approx(0.8, rel=0.02)
    assert solved.outliers == {"a": (4,)}
