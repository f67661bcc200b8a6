"""Several starts: drawn within priors and bounds, and led to every minimum there is."""

from dataclasses import replace

import pytest
import torch

from physics.calibrate.layout import arrange
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.multistart import spread
from physics.calibrate.problem import DataSet, Free, Nuisance, Prior, Problem
from physics.calibrate.solve import solve
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, measured, noise


def wave(parameters, times):
    return torch.sin(parameters["pitch"][:, None] * times)


def test_starts_lie_where_they_may():
    free = (replace(RATE, lower=0.4, upper=0.7), replace(SIZE, prior=Prior(2.0, 0.1)), Free("pitch", 1.0))
    problem = Problem((measured(),), free, (Nuisance("baseline"),))
    layout = arrange(problem)
    found = spread(layout, [3], 64, 0)
    assert found.shape == (64, 4)
    assert torch.equal(found[0], layout.start)
    theta = layout.space.outward(found)
    assert float(theta[:, 0].min()) >= 0.4
    assert float(theta[:, 0].max()) <= 0.7
    assert float(theta[1:, 1].log().std()) == pytest.approx(0.1, rel=0.2)
    assert 20 < float(theta[:, 2].max()) <= 30.0001
    assert not found[:, 3].any()
    assert torch.equal(found, spread(layout, [3], 64, 0))
    assert not torch.equal(found, spread(layout, [3], 64, 1))


def test_the_best_of_several_minima_is_found_and_the_others_are_told():
    one = DataSet("wave", TIMES, torch.sin(7.0 * TIMES) + noise(0), wave, {})
    pitch = Free("pitch", 2.0, lower=1.0, upper=12.0, unit="rad/s")
    alone = solve(Problem((one,), (pitch,)))
    assert alone.fit.parameters["pitch"].value != pytest.approx(7.0, rel=0.05)
    solved = solve(Problem((one,), (pitch,)), starts=16)
    assert solved.fit.status is FitStatus.CONVERGED
    assert solved.fit.parameters["pitch"].value == pytest.approx(7.0, rel=0.01)
    assert len(solved.basins) > 2
    assert solved.basins[0].rise == 0.0
    assert solved.basins[0].sse == pytest.approx(solved.fit.sse, rel=1e-6)
    assert all(a.rise <= b.rise for a, b in zip(solved.basins, solved.basins[1:], strict=False))
    assert not any("second minimum" in each for each in solved.warnings)


def test_a_second_minimum_that_fits_as_well_is_told_with_its_place():
    def mirrored(parameters, times):
        return (parameters["place"][:, None] - 1.0) ** 2 * times

    one = DataSet("parabola", TIMES, 0.25 * TIMES + noise(1), mirrored, {})
    solved = solve(Problem((one,), (Free("place", 0.7, lower=0.1, upper=4.0, unit="m"),)), starts=8)
    sentence = next(each for each in solved.warnings if each.startswith("A second minimum"))
    places = sorted(float(basin.u.exp()) for basin in solved.basins[:2])
    assert places == pytest.approx([0.5, 1.5], abs=0.02)
    other = next(place for place in places if abs(place - solved.fit.parameters["place"].value) > 0.5)
    assert f"place = {other:.4g} m" in sentence


def test_a_valley_without_an_end_is_no_second_minimum():
    def ratio(parameters, times):
        return torch.exp(-(parameters["rate"] / parameters["size"])[:, None] * times)

    one = DataSet("ratio", TIMES, torch.exp(-0.8 * TIMES) + noise(2), ratio, {})
    solved = solve(Problem((one,), (RATE, SIZE)), starts=8)
    assert solved.fit.status is FitStatus.NOT_IDENTIFIABLE
    assert not any("second minimum" in each for each in solved.warnings)


@pytest.mark.parametrize("loss", ["squares", "student"])
def test_starts_with_a_robust_loss_and_a_prior(loss):
    values = torch.sin(7.0 * TIMES) + noise(3)
    values[4] += 2.0
    pitch = Free("pitch", 2.0, lower=1.0, upper=12.0, prior=Prior(5.0, 0.6))
    solved = solve(Problem((DataSet("wave", TIMES, values, wave, {}),), (pitch,), loss=loss), starts=16)
    assert solved.fit.parameters["pitch"].value == pytest.approx(7.0, rel=0.01)
