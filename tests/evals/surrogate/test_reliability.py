"""Coverage and risk of runs whose answers are known."""

import math

import pytest
import torch

from evals.surrogate.reliability import LEVELS, reliability, risk
from physics.surrogate.conformal import quantile


def test_conformal_radii_cover_fresh_runs_as_often_as_they_say():
    torch.manual_seed(0)
    calibration, fresh = torch.rand(2, 4000, dtype=torch.float64)
    radii = torch.tensor([quantile(calibration.sort().values, level) for level in LEVELS])
    found = reliability("burgers", "within", fresh, radii)
    for nominal, covered in zip(found.nominal, found.covered, strict=True):
        assert covered == pytest.approx(nominal, abs=4 * math.sqrt(nominal * (1 - nominal) / 2000))
    assert found.widths == ()


def test_radii_may_differ_by_run_and_lost_runs_are_not_covered():
    scores = torch.tensor([1.0, 1.0, math.nan])
    radii = torch.tensor([[0.5, 2.0], [2.0, 3.0], [9.0, 9.0]])
    found = reliability("burgers", "beyond", scores, radii, levels=(0.5, 0.9), widths=torch.arange(101.0))
    assert found.covered == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert found.widths[0] == 0.0
    assert found.widths[10] == 50.0
    assert found.widths[-1] == 100.0


def test_infinite_radii_cover_all_and_infinite_widths_are_kept_as_unknown():
    found = reliability("x", "within", torch.ones(3), torch.full((1,), math.inf), levels=(0.99,),
                        widths=torch.full((4,), math.inf))  # fmt: skip
    assert found.covered == (1.0,)
    assert found.widths[0] is None


def test_risk_is_the_mean_of_the_least_doubted():
    errors = torch.tensor([4.0, 1.0, 3.0, 2.0])
    doubts = torch.tensor([math.nan, 0.1, 0.2, 0.3])
    flagged = torch.tensor([True, False, True, False])
    found = risk("x", "beyond", errors, doubts, flagged, errors > 2.5)
    assert found.share == (0.25, 0.5, 0.75, 1.0)
    assert found.risk == (1.0, 2.0, 2.0, 2.5)
    assert found.best == (1.0, 1.5, 2.0, 2.5)
    assert (found.answered, found.error) == (0.5, 1.5)
    assert (found.exceeding, found.caught) == (2, 2)


def test_a_surrogate_that_never_answers_has_no_error():
    found = risk("x", "within", torch.ones(300), torch.rand(300), torch.ones(300, dtype=torch.bool), torch.zeros(300))
    assert found.answered == 0.0
    assert found.error is None
    assert len(found.share) <= 60
    assert found.share[-1] == 1.0
