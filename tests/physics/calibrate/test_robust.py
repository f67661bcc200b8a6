"""Robust losses: derivatives, intervals where a twentieth of the readings is wrong, and the points they name."""

import pytest
import torch

from physics.calibrate.outliers import find_outliers
from physics.calibrate.problem import Problem
from physics.calibrate.robust import deviation, influence
from physics.calibrate.solve import solve
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, TRUTH, binomial, curve, inside, measured, noise


@pytest.mark.parametrize("loss", ["squares", "huber", "student"])
def test_influence_is_the_derivative_of_the_loss(loss):
    z = torch.linspace(-6, 6, 49, dtype=torch.float64) + 0.01
    found, h = influence(loss, z), 1e-6
    ends = [influence(loss, z + sign * h) for sign in (1, -1)]
    assert torch.allclose(found.psi, (ends[0].rho - ends[1].rho) / (2 * h), atol=1e-8)
    assert torch.allclose(found.slope, (ends[0].psi - ends[1].psi) / (2 * h), atol=1e-6)
    assert torch.allclose(found.psi, found.weight * z)


def test_the_scale_does_not_see_outliers():
    values = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert deviation(values, 2000.0) == pytest.approx(1.0, rel=0.05)
    values[:100] = 1e6
    assert deviation(values, 2000.0) == pytest.approx(1.0, rel=0.12)


def contaminated(seed, share=0.05):
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(TIMES.shape, generator=generator) < share
    far = 15 * 0.02 * torch.randn(TIMES.shape, generator=generator, dtype=torch.float64)
    return curve() + noise(1000 + seed) + wrong * far


@pytest.mark.parametrize("loss", ["huber", "student"])
def test_intervals_cover_with_outliers_and_are_narrow(loss):
    count, hits, widths = 100, dict.fromkeys(TRUTH, 0), []
    for seed in range(count):
        fit = solve(Problem((measured(values=contaminated(seed)),), (RATE, SIZE), loss=loss), checks=False).fit
        assert fit.status.ok
        widths.append(fit.parameters["rate"].std)
        for name, value in TRUTH.items():
            hits[name] += inside(fit.parameters[name], value)
    for name in TRUTH:
        assert abs(binomial(hits[name] / count, 0.9, count)) < 3
    clean = solve(Problem((measured(values=curve() + noise(0)),), (RATE, SIZE)), checks=False).fit
    assert sum(widths) / count < 1.4 * clean.parameters["rate"].std


def test_outliers_are_named_by_set_time_and_size():
    values = curve() + noise(7)
    values[[5, 20]] += torch.tensor([0.4, -0.3], dtype=torch.float64)
    sets = (measured("good", 8), measured("bad", values=values))
    plain = solve(Problem(sets, (RATE, SIZE)))
    robust = solve(Problem(sets, (RATE, SIZE), loss="student"))
    assert robust.outliers == {"bad": (5, 20)}
    sentence = next(each for each in robust.warnings if "apart from the fit" in each)
    assert sentence.startswith("bad: point 6 (t = 0.625 s) by +0.4")
    assert "count little" in sentence
    assert "use a robust loss" in " ".join(plain.warnings)
    truth = abs(robust.fit.parameters["rate"].value - 0.8)
    assert truth < abs(plain.fit.parameters["rate"].value - 0.8)


def test_good_data_have_outliers_once_in_a_hundred_fits():
    problem = Problem((measured(),), (RATE, SIZE))
    named = sum(bool(find_outliers(problem, noise(seed), (slice(0, 25),), 2)) for seed in range(1000))
    assert named <= 20


@pytest.mark.parametrize("loss", ["huber", "student"])
def test_the_density_of_a_robust_fit_has_the_covariance_as_its_curvature(loss):
    ratios = []
    for seed in range(8):
        solved = solve(Problem((measured(values=contaminated(seed)),), (RATE, SIZE), loss=loss), checks=False)
        width = solved.fit.u_covariance.diagonal().sqrt()
        inverse = torch.linalg.inv(solved.fit.u_covariance)
        steps = 0.5 * torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64) * width
        drop = solved.log_posterior(solved.u + steps) - solved.log_posterior(solved.u[None])
        assert bool((drop < 0).all())
        expected = -12.5 * torch.log1p((steps @ inverse * steps).sum(-1) / 23)
        ratios.append(float(drop.sum() / expected.sum()))
    assert sum(ratios) / len(ratios) == pytest.approx(1.0, abs=0.1)
