"""How finely curves are computed follows the noise."""

import math

import pytest

from physics.calibrate.posterior import posterior
from physics.calibrate.problem import Problem
from physics.calibrate.resolution import SHARE, precision_of, tolerance_for
from physics.calibrate.solve import solve
from tests.physics.calibrate.decay import RATE, SIZE, measured


@pytest.mark.parametrize(
    ("noise", "expected"), [(1e-2, 1e-7), (1e-5, SHARE * 1e-5 / math.sqrt(200)), (1e-9, 1e-9), (math.inf, 1e-7)]
)
def test_the_tolerance_follows_the_noise_between_the_usual_and_the_finest(noise, expected):
    assert tolerance_for(200 / noise**2, 1e-7, 100.0) == pytest.approx(expected)


def test_at_that_tolerance_the_solver_moves_no_estimate_by_more_than_its_share():
    solved = solve(Problem((measured("a.csv", 0), measured("b.csv", 1, deviation=0.02)), (RATE, SIZE)))
    finest = tolerance_for(precision_of(solved), 1.0, math.inf)
    moved = posterior(solved, numerical_error=finest).judged.bias.max()
    assert 0.5 * SHARE < moved <= SHARE


def test_sets_add_up_and_weights_count():
    alone = solve(Problem((measured("a.csv", 0, deviation=0.02),), (RATE, SIZE)))
    both = solve(Problem((measured("a.csv", 0, deviation=0.02), measured("b.csv", 1, deviation=0.01)), (RATE, SIZE)))
    n = len(alone.values)
    assert precision_of(alone) == pytest.approx(n / 0.02**2)
    assert precision_of(both) == pytest.approx(n / 0.02**2 + n / 0.01**2)
