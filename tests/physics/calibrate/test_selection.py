import math

import pytest
import torch

from physics.calibrate.nested import Nesting
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.selection import compare, simulated_test
from physics.calibrate.solve import solve
from physics.errors import ParameterError

TIMES = torch.linspace(0.1, 3.0, 24, dtype=torch.float64)
NOISE = 0.05
BOUND, INSIDE = Nesting({"loss": 0.0}), Nesting({"slope": 0.0})


def level(parameters, times):
    return parameters["height"][:, None] * torch.ones_like(times)


def lossy(parameters, times):
    return parameters["height"][:, None] - parameters["loss"][:, None] * times


def sloping(parameters, times):
    return parameters["height"][:, None] + parameters["slope"][:, None] * times


def both(loss, seed, *, model=lossy, free=None, deviation=None):
    noise = NOISE * torch.randn(len(TIMES), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    y = 1.0 - loss * TIMES + noise
    free = Free("loss", 0.05) if free is None else free
    one = Problem((DataSet("a", TIMES, y, level, {}, deviation=deviation),), (Free("height", 0.9),))
    two = Problem((DataSet("a", TIMES, y, model, {}, deviation=deviation),), (Free("height", 0.9), free))
    return solve(one, checks=False), solve(two, checks=False)


@pytest.mark.parametrize("deviation", [None, NOISE])
def test_on_a_bound_a_true_model_is_rejected_in_a_twentieth(deviation):
    sets = 120
    found = [compare(*both(0.0, seed, deviation=deviation), nesting=BOUND) for seed in range(sets)]
    assert {one.method for one in found} == {"half f" if deviation is None else "half chi-squared"}
    share = sum(one.p < 0.05 for one in found) / sets
    assert abs(share - 0.05) < 3 * math.sqrt(0.05 * 0.95 / sets)
    assert 0.35 < sum(one.p == 1.0 for one in found) / sets < 0.65


def test_a_loss_that_is_there_is_seen():
    found = compare(*both(0.06, 1), nesting=BOUND, labels=("lossless", "lossy"))
    assert found.preferred == "lossy"
    assert found.p < 1e-3
    assert found.aicc[1] < found.aicc[0]
    assert found.bic[1] < found.bic[0]
    assert "The data ask for the lossy model (loss = 0.04763)" in found.sentence
    assert found.likelihood_ratio == pytest.approx(24 * math.log(found.sse[0] / found.sse[1]))


def test_inside_it_is_the_f_test_of_a_regression():
    free = Free("slope", 0.1, lower=-9.0, upper=9.0)
    found = compare(*both(0.0, 3, model=sloping, free=free), nesting=INSIDE, labels=("level", "sloping"))
    assert found.method == "f"
    rise = (found.sse[0] - found.sse[1]) / (found.sse[1] / 22)
    assert found.statistic == pytest.approx(rise, rel=1e-9)
    assert found.preferred == "level"
    assert "do not tell the sloping model from the level one" in found.sentence


def test_criteria_of_known_noise():
    found = compare(*both(0.03, 4, deviation=NOISE), nesting=BOUND)
    chi = [sse / NOISE**2 for sse in found.sse]
    assert found.aicc[0] == pytest.approx(chi[0] + 2 + 4 / 22)
    assert found.bic[1] == pytest.approx(chi[1] + 2 * math.log(24))
    assert found.likelihood_ratio == pytest.approx(chi[0] - chi[1])


def test_where_a_table_says_it_nothing_is_simulated():
    assert simulated_test(*both(0.0, 6), nesting=BOUND) is None


def test_the_simulated_test_does_not_wait_for_the_fit_of_the_full_model():
    def two(parameters, times):
        return lossy(parameters, times) + parameters["share"][:, None] * torch.exp(-times)

    def asked(iterations):
        more = (Free("height", 0.9), Free("loss", 0.05), Free("share", 0.05))
        problem = Problem((DataSet("a", TIMES, one.values, two, {}),), more)
        return solve(problem, checks=False, iterations=iterations)

    one, _ = both(0.06, 7)
    corner = Nesting({"loss": 0.0, "share": 0.0})
    early = simulated_test(one, asked(0), nesting=corner, draws=999)
    found = compare(one, asked(60), nesting=corner, draws=999)
    assert (found.statistic, found.p) == pytest.approx(early)
    assert compare(one, asked(60), nesting=corner, simulated=early).p == early[1]


def test_what_cannot_be_compared():
    one, two = both(0.0, 5)
    with pytest.raises(ParameterError, match="alpha"):
        compare(one, two, nesting=BOUND, alpha=0.0)
    with pytest.raises(ParameterError, match="does not speak of loss"):
        compare(one, two, nesting=INSIDE)
    with pytest.raises(ParameterError, match="at which value of loss"):
        compare(one, two)
