"""Intervals near a bound, and those that a solver's error widens, on a model that is linear."""

import math

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.calibrate.posterior.batch import posteriors

TIMES = torch.linspace(0.1, 3.0, 12, dtype=torch.float64)
NOISE = 0.05


def loss(parameters, times):
    """A height, and a loss that cannot be negative."""
    return parameters["height"][:, None] - parameters["loss"][:, None] * times


def checked(truth, sets, seed=3, **options):
    clean = loss({"height": torch.ones(1, dtype=torch.float64), "loss": torch.tensor([truth])}, TIMES)
    generator = torch.Generator().manual_seed(seed)
    y = clean + NOISE * torch.randn(sets, len(TIMES), generator=generator, dtype=torch.float64)
    fits = fit_batch(loss, TIMES, y, {"height": 0.9, "loss": 0.02}, level=0.9, iterations=40)
    return fits, posteriors(loss, TIMES, y, fits, level=0.9, **options)


@pytest.mark.parametrize("deviations", [0.0, 0.5, 1.2, 4.0])
def test_coverage_near_a_bound(deviations):
    sets, spread = 600, NOISE / float(((TIMES - TIMES.mean()) ** 2).sum().sqrt())
    truth = deviations * spread + 1e-12
    _, found = checked(truth, sets)
    held = sum(one.intervals["loss"].lower <= truth <= one.intervals["loss"].upper for one in found) / sets
    assert abs(held - 0.9) < 3.5 * math.sqrt(0.9 * 0.1 / sets)
    if deviations < 1:
        assert sum(one.intervals["loss"].lower < 1e-6 * spread for one in found) > 0.3 * sets
        assert any("loss stands within two standard deviations of a bound" in one.warnings[0] for one in found)


def test_the_other_parameter_keeps_its_coverage_far_from_the_bound():
    _, found = checked(0.2, 600)
    held = sum(one.intervals["height"].lower <= 1.0 <= one.intervals["height"].upper for one in found) / 600
    assert abs(held - 0.9) < 3.5 * math.sqrt(0.9 * 0.1 / 600)
    assert not any(one.warnings for one in found)


def test_the_error_of_the_solver_moves_the_ends_out_by_what_it_can_do():
    """The mean of 12 readings that are all off by e is off by e; the fit's level may be off by more."""
    _, plain = checked(0.2, 1)
    _, wide = checked(0.2, 1, numerical_error=0.01)
    for name in ("height", "loss"):
        assert wide[0].intervals[name].lower < plain[0].intervals[name].lower
        assert wide[0].intervals[name].upper > plain[0].intervals[name].upper
    design = torch.stack([torch.ones_like(TIMES), -TIMES], -1)
    pull = torch.linalg.inv(design.T @ design) @ design.T
    moved = wide[0].intervals["loss"].upper - plain[0].intervals["loss"].upper
    # Laplace's end is in the logarithm, the shift one of theta.
    assert moved == pytest.approx(0.01 * float(pull[1].abs().sum()), rel=0.3)


def test_a_coarse_solver_is_told():
    _, found = checked(0.2, 1, numerical_error=0.05)
    assert "may move the estimates by" in " ".join(found[0].warnings)


def test_without_the_check_laplace_stands():
    fits, found = checked(0.2, 2, check=False)
    assert found[0].intervals["loss"].lower == pytest.approx(fits[0].parameters["loss"].lower, rel=1e-9)
    assert math.isnan(found[0].agreement)
