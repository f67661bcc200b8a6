import math

import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus
from physics.assimilation.system import Observations, march
from physics.assimilation.variational import four_d_var


def test_a_linear_system_has_the_posterior_of_the_closed_form(make, truth, closed):
    values = truth(rate=1.0)
    found = four_d_var(make(False), Observations(values, 0.05))
    mean, covariance = closed(0.05, values)
    assert torch.allclose(found.z, mean, atol=1e-9)
    assert torch.allclose(found.covariance, covariance, atol=1e-12)
    assert found.status is AnalysisStatus.CONVERGED
    assert found.points == 10
    assert found.signal == pytest.approx(2.0 - float(covariance.diagonal().sum()))


def test_start_and_rate_are_found_together(make, truth):
    covered = 0
    for seed in range(10):
        found = four_d_var(make(True), Observations(truth(seed), 0.05))
        assert found.status is AnalysisStatus.CONVERGED
        estimate = found.parameters["rate"]
        covered += estimate.lower <= 1.1 <= estimate.upper
        assert abs(float(found.start["y"].mean) + 0.6) < 4 * float(found.start["y"].deviation)
    assert covered >= 6  # 90 % of 10, less three deviations


def test_the_gradient_vanishes_at_the_end(make, truth):
    values = truth()
    system = make(True)
    found = four_d_var(system, Observations(values, 0.05), tolerance=1e-10, iterations=30)

    def cost(z):
        return float(0.5 * z @ z + 0.5 * ((values - march(system, z[None])[0][0]) / 0.05).square().sum())

    for k in range(3):
        h = 1e-5 * torch.eye(3, dtype=torch.float64)[k]
        assert abs(cost(found.z + h) - cost(found.z - h)) / 2e-5 < 1e-3
    assert found.chi_squared == pytest.approx(2.0 * cost(found.z), rel=1e-9)


def test_what_was_not_read_is_left_out(make, truth, closed):
    values = truth(rate=1.0)
    holed = values.clone()
    holed[3] = math.nan
    wild = values.clone()
    wild[3] = 50.0
    deviation = torch.full((10, 1), 0.05, dtype=torch.float64)
    deviation[3] = 1e9
    a, b = four_d_var(make(False), Observations(holed, 0.05)), four_d_var(make(False), Observations(wild, deviation))
    assert a.points == 9
    assert bool(a.residuals[3].isnan())
    assert torch.allclose(a.z, b.z, atol=1e-8)


def test_a_misfit_is_said(make, truth):
    found = four_d_var(make(False), Observations(truth(rate=1.6), 0.01), restarts=0)
    assert found.status is AnalysisStatus.MISFIT
    assert "times what noise and prior allow" in found.message


def test_a_blind_sensor_is_said(make, truth):
    found = four_d_var(make(True), Observations(truth(), 100.0))
    assert found.parameters["rate"].deviation == pytest.approx(0.2, rel=0.01)
    assert "rate is not determined" in found.warnings[0]
