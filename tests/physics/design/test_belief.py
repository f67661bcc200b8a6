"""Beliefs from priors, fits and draws."""

import math

import pytest
import torch

from physics.calibrate.fit import fit
from physics.design.belief import Belief, from_draws, from_fit, from_prior
from physics.design.candidate import Unknown
from physics.errors import ParameterError


def test_draws_have_the_median_and_spread_of_the_prior():
    belief = from_prior({"a": Unknown(2.0, 0.3), "b": Unknown(5.0, 0.0)})
    u = belief.draws(4096)
    assert float(u[:, 0].mean()) == pytest.approx(math.log(2.0), abs=5e-3)
    assert float(u[:, 0].std()) == pytest.approx(0.3, rel=0.02)
    assert bool((u[:, 1] == math.log(5.0)).all())
    assert torch.equal(belief.scenarios(5)[0], belief.centre)
    assert belief.scenarios(5).shape == (5, 2)


def test_a_fit_hands_on_its_covariance():
    times = torch.linspace(0.1, 3, 30, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)

    def model(p, t):
        return p["a"][:, None] * torch.exp(-p["k"][:, None] * t)

    values = 2 * torch.exp(-0.7 * times) + 0.01 * torch.randn(30, generator=generator, dtype=torch.float64)
    found = fit(model, times, values, {"a": 1.0, "k": 1.0})
    belief = from_fit(found)
    assert torch.allclose(belief.information @ found.u_covariance, torch.eye(2, dtype=torch.float64), atol=1e-6)
    assert belief.median["k"] == pytest.approx(found.parameters["k"].value)
    assert from_fit(found, ["k"]).names == ("k",)
    with pytest.raises(ParameterError, match="was not fitted"):
        from_fit(found, ["z"])


def test_scenarios_of_draws_cover_both_modes():
    low, high = torch.full((50,), 1.0, dtype=torch.float64), torch.full((50,), 9.0, dtype=torch.float64)
    jitter = 1 + 0.01 * torch.linspace(-1, 1, 100, dtype=torch.float64)
    u = from_draws({"a": torch.cat([low, high]) * jitter}).scenarios(5)
    assert float(u.min()) < math.log(2)
    assert float(u.max()) > math.log(8)


def test_what_is_open_or_not_positive_is_refused():
    with pytest.raises(ParameterError, match="not finite"):
        Belief(("a",), torch.zeros(1).double(), torch.full((1, 1), math.inf).double())
    with pytest.raises(ParameterError, match="above zero"):
        from_draws({"a": torch.linspace(-1, 1, 20, dtype=torch.float64)})
    with pytest.raises(ParameterError, match="at least 16"):
        from_draws({"a": torch.ones(3, dtype=torch.float64)})
