"""Curves that no fit can mend: what is said of them."""

from dataclasses import replace

import pytest
import torch

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.problem import DataSet, Free, Nuisance, Prior, Problem
from physics.calibrate.solve import solve
from physics.experiments import get
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, measured, noise

CM, HOUR = 0.01, 3600.0
V, D, X = 2.5 * CM / HOUR, 0.15 * CM**2 / HOUR, 11 * CM
HOURS = torch.linspace(2.5, 7.0, 35, dtype=torch.float64)
VELOCITY = Free("velocity", 2 * CM / HOUR, unit="cm/h", size=CM / HOUR)
DISPERSION = Free("dispersion", 0.3 * CM**2 / HOUR)


def column(hours, free=("velocity", "dispersion")):
    """Return the model of a column, what is fixed, and its true curve."""
    experiment = get("column")
    given = {"length": X, "outlet": "semi-infinite", "velocity": V, "dispersion": D}
    model = model_of(experiment, given, hours * HOUR, 1e-7)
    at = {k: torch.tensor([v], dtype=torch.float64) for k, v in fixed_of(experiment, given, ()).items()}
    return model, fixed_of(experiment, given, free), model(at, hours * HOUR)[0]


def told(change=lambda curve: curve, hours=HOURS, free=(VELOCITY, DISPERSION), sigma=0.01, seed=0, **more):
    model, fixed, curve = column(hours, tuple(one.name for one in free))
    values = change(curve) + noise(seed, sigma, hours.shape)
    times = more.pop("times", hours * HOUR)
    solved = solve(Problem((DataSet("a.csv", times, values, model, fixed),), free, **more))
    return solved, " ".join(solved.warnings)


def test_a_good_curve_needs_no_word():
    solved, words = told()
    assert solved.fit.status is FitStatus.CONVERGED
    assert words == ""


def test_values_beyond_the_model():
    solved, words = told(lambda curve: 3 * curve)
    assert not solved.fit.status.ok
    assert "values lie beyond what the model can produce" in words
    assert "at point 15 (t = 4.35 h)" in words
    gain, words = told(lambda curve: 3 * curve, nuisance=(Nuisance("gain"),))
    assert gain.fit.parameters["gain"].value == pytest.approx(3.0, rel=0.01)
    assert words == ""


def test_percent():
    _, words = told(lambda curve: 100 * curve)
    assert "look like percent where fractions are expected: divide by 100" in words


def test_the_wrong_direction():
    _, words = told(lambda curve: 1 - curve)
    assert "a.csv: the measured curve falls where the model rises: check which input" in words


def test_all_points_before_or_after_the_front():
    early = torch.linspace(0.2, 3.0, 20, dtype=torch.float64)
    solved, words = told(lambda curve: 0 * curve, hours=early)
    assert not solved.fit.status.ok
    assert "all points lie before the front: the last is at 3 h" in words
    assert "the front is expected at 5." in words
    solved, words = told(lambda curve: 0 * curve + 1, hours=early + 20)
    assert "all points lie after the front: the first is at 20.2 h" in words


@pytest.mark.parametrize(
    ("factor", "words"),
    [(60.0, "divided by 60"), (3600.0, "divided by 3600"), (1 / 60, "multiplied by 60"), (1 / 3600, "by 3600")],
)
def test_times_in_another_unit(factor, words):
    free = (replace(VELOCITY, start=V, prior=Prior(V, 0.05)), DISPERSION)
    _, said = told(free=free, times=HOURS * HOUR * factor)
    assert words in said
    assert "may have been given as" in said


def test_residuals_that_keep_their_sign():
    _, words = told(lambda curve: curve + 0.03 * torch.sin(HOURS * 2), sigma=0.002)
    assert "a.csv: the residuals are systematic" in words
    assert "intervals are too narrow" in words
    quiet, words = told(sigma=0.0)
    assert quiet.fit.status is FitStatus.CONVERGED
    assert words == ""


def test_systematic_misfit_is_rarely_seen_where_there_is_none():
    problem = [Problem((measured("one", seed),), (RATE, SIZE)) for seed in range(150)]
    assert sum(bool(solve(each).warnings) for each in problem) <= 6


def test_a_front_between_two_points():
    hours = torch.tensor([1.0, 2.0, 3.0, 3.3, 5.9, 6.0, 7.0, 8.0], dtype=torch.float64)
    _, words = told(hours=hours, sigma=0.001)
    assert "between points 4 and 5" in words
    assert "Read more often there" in words


def test_velocity_and_retardation_are_said_to_be_one_and_how_to_part_them():
    solved, _ = told(free=(VELOCITY, DISPERSION, Free("retardation", 1.0)))
    assert solved.fit.status is FitStatus.NOT_IDENTIFIABLE
    assert "only velocity/retardation and dispersion/retardation are determined by these data" in solved.fit.message
    assert "fix retardation" in solved.fit.message
    assert "Add a tracer that does not sorb" in solved.fit.message


def test_the_same_file_twice():
    solved = solve(Problem((measured("a"), measured("b")), (RATE, SIZE)))
    assert "a and b hold the same readings" in " ".join(solved.warnings)


def test_a_set_that_drowns_the_other():
    problem = Problem((measured("a", 1, 0.001), measured("b", 2, 0.1)), (RATE, SIZE), noise="separate")
    assert "The noise of b was estimated" in " ".join(solve(problem).warnings)


def test_a_delay_that_the_grid_cannot_follow():
    def edge(parameters, times):
        return torch.tanh((times - parameters["rate"][:, None]) / 1e-4)

    one = DataSet("edge", TIMES, edge({"rate": torch.tensor([1.51])}, TIMES)[0] + noise(1, 1e-4), edge, {})
    free = Free("rate", 1.51, prior=Prior(1.51, 1e-3))
    solved = solve(Problem((one,), (free,), (Nuisance("delay", Prior(0.0, 1e-3)),)))
    assert "the delayed curve is interpolated" in " ".join(solved.warnings)


def test_few_points_for_a_robust_loss():
    few = measured(times=TIMES[::3])
    assert "with 9 points the intervals of a robust loss" in " ".join(
        solve(Problem((few,), (RATE, SIZE), loss="huber")).warnings
    )
    assert solve(Problem((few,), (RATE, SIZE))).warnings == ()
