"""The coarse solver as a peer: coarser is faster and less exact, and equal time picks the finest that fits."""

from evals.surrogate.coarse import Solved, at_equal_time, solved
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get


def test_a_coarser_grid_errs_more_and_the_reference_not_at_all():
    regime = get("klein_gordon")
    found = solved(regime, generate(regime, "test", 4, 0), 4, (1, 4))
    assert [each.coarse for each in found] == [1, 4]
    assert found[0].rollout < 1e-4 < found[1].rollout
    assert found[1].step <= found[1].rollout
    assert all(each.seconds > 0 for each in found)


def test_equal_time_takes_the_finest_that_fits_or_the_fastest():
    found = [Solved(1, 8.0, 0.0, 0.0), Solved(2, 2.0, 0.0, 0.0), Solved(4, 0.5, 0.0, 0.0)]
    assert at_equal_time(found, 3.0).coarse == 2
    assert at_equal_time(found, 100.0).coarse == 1
    assert at_equal_time(found, 0.1).coarse == 4
