import pytest
import torch

from physics.assimilation.analysis import AnalysisStatus, agreement
from physics.assimilation.smoother import draws_of, ensemble_smoother
from physics.assimilation.system import Observations
from physics.assimilation.variational import four_d_var
from physics.errors import ParameterError


def test_draws_have_exactly_their_moments():
    draws = draws_of(3, 30, 0)
    assert torch.allclose(draws.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-14)
    assert torch.allclose(torch.cov(draws.T), torch.eye(3, dtype=torch.float64))


def test_a_linear_system_has_the_posterior_of_the_closed_form(make, truth, closed):
    values = truth(rate=1.0)
    found = ensemble_smoother(make(False), Observations(values, 0.05))
    mean, covariance = closed(0.05, values)
    assert torch.allclose(found.z, mean, atol=1e-9)
    assert torch.allclose(found.covariance, covariance, atol=1e-9)
    assert found.status is AnalysisStatus.CONVERGED


def test_both_methods_agree(make, truth):
    observations = Observations(truth(), 0.05)
    one, other = four_d_var(make(True), observations), ensemble_smoother(make(True), observations)
    found = agreement(one, other)
    assert found.inside
    assert found.parameters["rate"] < 0.3
    assert set(found.fields.values()) == {1.0}
    assert other.parameters["rate"].deviation == pytest.approx(one.parameters["rate"].deviation, rel=0.1)
    apart = ensemble_smoother(make(True), Observations(truth(rate=1.5), 0.05))
    assert not agreement(one, apart).inside


def test_too_few_members_are_refused(make, truth):
    with pytest.raises(ParameterError, match="give 5 or more"):
        ensemble_smoother(make(True), Observations(truth(), 0.05), members=4)
