"""Several data sets together: against independent least squares, a linear model and the fit of one."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.stats import t as student

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.fit import fit
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.problem import DataSet, Free, Prior, Problem
from physics.calibrate.solve import solve
from physics.data import read_measurement
from physics.equations.advection_dispersion.exact import step_response
from physics.errors import DataError, ParameterError
from physics.experiments import get
from tests.physics.calibrate.decay import RATE, SIZE, TIMES, curve, measured, model

DATA = Path(os.environ.get("LABWRIGHT_DATA", Path(__file__).parents[4] / "shared" / "data")) / "column"
CM, HOUR = 0.01, 3600.0
DEPTHS = {"sand_step_11cm.csv": 11.0, "sand_step_17cm.csv": 17.0}


@cache
def read(file):
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here; LABWRIGHT_DATA names the folder of the measured data")
    return read_measurement(path)


def column(file):
    data, depth = read(file), DEPTHS[file] * CM
    times, experiment = torch.as_tensor(data.time), get("column")
    given = {"length": depth, "outlet": "semi-infinite", "velocity": 2e-2 / HOUR, "dispersion": 2e-5 / HOUR}
    fixed = fixed_of(experiment, given, ("velocity", "dispersion"))
    return DataSet(file, times, torch.as_tensor(data.value), model_of(experiment, given, times, 1e-7), fixed)


COLUMN = (
    Free("velocity", 2 * CM / HOUR, unit="cm/h", size=CM / HOUR),
    Free("dispersion", 0.3 * CM**2 / HOUR, unit="cm**2/h", size=CM**2 / HOUR),
)


@cache
def independent(*files):
    """Return v (cm/h), D (cm2/h) and the sum of squares of SciPy on the exact solution by its Laplace inversion."""

    def residuals(log):
        v, D = np.exp(log)
        parts = []
        for file in files:
            data, x = read(file), DEPTHS[file]
            time = torch.as_tensor(data.time / HOUR * v / x)
            exact = step_response(torch.tensor(v * x / D, dtype=torch.float64), time, closed=False)
            parts.append(exact.numpy() - data.value)
        return np.concatenate(parts)

    found = least_squares(residuals, np.log([2.0, 0.3]), xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return (*np.exp(found.x), 2 * found.cost)


@pytest.mark.parametrize("files", [tuple(DEPTHS)[:1], tuple(DEPTHS)[1:], tuple(DEPTHS)], ids=["11cm", "17cm", "both"])
def test_measured_columns_as_independent_least_squares_has_them(files):
    solved = solve(Problem(tuple(column(file) for file in files), COLUMN), checks=False)
    v, D, sse = independent(*files)
    assert solved.fit.status is FitStatus.CONVERGED
    assert solved.fit.parameters["velocity"].value * HOUR / CM == pytest.approx(v, rel=1e-5)
    assert solved.fit.parameters["dispersion"].value * HOUR / CM**2 == pytest.approx(D, rel=1e-4)
    assert solved.fit.sse == pytest.approx(sse, rel=1e-5)
    assert sum(solved.sse_by_set.values()) == pytest.approx(solved.fit.sse, rel=1e-12)


def test_the_two_depths_contradict_each_other_in_words():
    solved = solve(Problem(tuple(map(column, DEPTHS)), COLUMN))
    assert solved.fit.status is FitStatus.CONVERGED
    assert solved.contradiction.contradicts
    assert solved.contradiction.p < 1e-6
    sentence = next(each for each in solved.warnings if "contradict" in each)
    assert sentence.startswith("sand_step_11cm.csv and sand_step_17cm.csv contradict each other")
    assert "velocity is 2.451 cm/h from sand_step_11cm.csv against 2.513 cm/h from sand_step_17cm.csv" in sentence
    assert "0.154 cm**2/h" in sentence
    assert "separate value" in sentence


def test_one_set_is_the_fit_of_one():
    one = measured()
    alone = fit(model, TIMES, one.values, {"rate": 0.5, "size": 1.0}, level=0.9)
    together = solve(Problem((one,), (RATE, SIZE)))
    assert together.fit.status is FitStatus.CONVERGED
    for name, estimate in alone.parameters.items():
        for part in ("value", "std", "lower", "upper"):
            assert getattr(together.fit.parameters[name], part) == pytest.approx(getattr(estimate, part), rel=1e-6)
    assert torch.allclose(together.fit.correlation, alone.correlation, rtol=1e-6)
    assert together.freedom.tolist() == pytest.approx([23.0, 23.0])
    assert not together.warnings


def test_shared_and_separate_parameters():
    sets = (measured("a", 1, size=2.0), measured("b", 2, size=3.0))
    solved = solve(Problem(sets, (RATE, replace(SIZE, separate=True))))
    assert list(solved.fit.parameters) == ["rate", "size[a]", "size[b]"]
    assert solved.fit.parameters["size[a]"].value == pytest.approx(2.0, rel=0.02)
    assert solved.fit.parameters["size[b]"].value == pytest.approx(3.0, rel=0.02)
    assert solved.fit.parameters["rate"].value == pytest.approx(0.8, rel=0.02)
    assert not solved.contradiction.contradicts
    everything = solve(Problem(sets, (replace(RATE, separate=True), replace(SIZE, separate=True))), checks=False)
    for one in sets:
        alone = solve(Problem((one,), (RATE, SIZE)), checks=False)
        assert everything.fit.parameters[f"rate[{one.name}]"].value == pytest.approx(
            alone.fit.parameters["rate"].value, rel=1e-6
        )


def line(parameters, times):
    return parameters["offset"][:, None] + parameters["slope"][:, None] * times


LINE = (Free("offset", 0.1, lower=-torch.inf), Free("slope", 0.1, lower=-torch.inf))
DESIGN = torch.stack([torch.ones_like(TIMES), TIMES], -1)


def straight(seed, sigma=0.1, **more):
    generator = torch.Generator().manual_seed(seed)
    values = 1.0 - 0.5 * TIMES + sigma * torch.randn(25, generator=generator, dtype=torch.float64)
    return DataSet(f"line {seed}", TIMES, values, line, {}, **more)


def test_a_linear_model_with_known_noise_and_a_prior_is_solved_exactly():
    one = straight(1, deviation=0.1)
    prior = Prior(-0.3, 0.05)
    solved = solve(Problem((one,), (LINE[0], replace(LINE[1], prior=prior))), level=0.9, tolerance=1e-11)
    information = DESIGN.T @ DESIGN / 0.01 + torch.diag(torch.tensor([0.0, 0.05**-2], dtype=torch.float64))
    right = DESIGN.T @ one.values / 0.01 + torch.tensor([0.0, -0.3 * 0.05**-2], dtype=torch.float64)
    truth, covariance = torch.linalg.solve(information, right), torch.linalg.inv(information)
    for j, name in enumerate(("offset", "slope")):
        estimate = solved.fit.parameters[name]
        assert estimate.value == pytest.approx(float(truth[j]), rel=1e-7)
        assert estimate.std == pytest.approx(float(covariance[j, j].sqrt()), rel=1e-7)
        assert estimate.upper - estimate.value == pytest.approx(1.6448536 * estimate.std, rel=1e-5)
    away = solved.u + torch.tensor([[0.01, 0.0], [0.0, -0.02]], dtype=torch.float64)
    scale = solved.layout.space.scale
    drop = solved.log_posterior(away) - solved.log_posterior(solved.u[None])
    step = (away - solved.u) * scale
    assert drop.tolist() == pytest.approx((-0.5 * (step @ information * step).sum(-1)).tolist(), rel=1e-6)


def test_the_density_of_a_linear_model_is_students():
    one = straight(2)
    solved = solve(Problem((one,), LINE), tolerance=1e-11)
    width = solved.fit.u_covariance.diagonal().sqrt()
    inverse = torch.linalg.inv(solved.fit.u_covariance)
    for shift in (0.5, 2.0, 4.0):
        step = torch.tensor([shift, -shift], dtype=torch.float64) * width
        drop = float(solved.log_posterior((solved.u + step)[None]) - solved.log_posterior(solved.u[None]))
        assert drop == pytest.approx(-12.5 * np.log1p(float(step @ inverse @ step) / 23), rel=1e-6)
    assert float(solved.log_posterior(torch.tensor([[torch.nan, 0.0]], dtype=torch.float64))) == -torch.inf


def test_noise_of_each_set_is_its_own():
    sets = (straight(3, 0.01), straight(4, 0.2))
    solved = solve(Problem(sets, LINE, noise="separate"))
    found = [solved.deviation[one.name] for one in sets]
    assert found == pytest.approx([0.01, 0.2], rel=0.35)
    # Restricted maximum likelihood: the parameters are paid for by the set that determines them.
    assert [scatter.freedom for scatter in solved.scatters] == pytest.approx([23.0, 25.0], abs=0.1)
    weights = torch.cat([torch.full((25,), s**-2, dtype=torch.float64) for s in found])
    design = torch.cat([DESIGN, DESIGN])
    covariance = torch.linalg.inv(design.T @ (weights[:, None] * design))
    assert solved.fit.parameters["slope"].std == pytest.approx(float(covariance[1, 1].sqrt()), rel=1e-3)
    assert float(solved.freedom.min()) > 22.9
    common = solve(Problem(sets, LINE))
    assert common.deviation[sets[0].name] == common.deviation[sets[1].name]


def test_known_noise_is_judged():
    right = solve(Problem((straight(5, 0.1, deviation=0.1),), LINE))
    assert not right.warnings
    small = solve(Problem((straight(5, 0.1, deviation=0.02),), LINE))
    assert "times the noise that was told" in " ".join(small.warnings)
    large = solve(Problem((straight(5, 0.1, deviation=0.4),), LINE))
    assert "only 0.23 times the noise" in " ".join(large.warnings)
    assert small.fit.parameters["slope"].std == pytest.approx(0.2 * right.fit.parameters["slope"].std, rel=1e-6)


def test_intervals_are_of_the_level():
    one = straight(6)
    for level in (0.5, 0.9, 0.99):
        estimate = solve(Problem((one,), LINE), level=level).fit.parameters["slope"]
        factor = (estimate.upper - estimate.value) / estimate.std
        assert factor == pytest.approx(student.ppf(0.5 + level / 2, 23), rel=1e-6)


def test_bounds_hold_and_weights_leave_out():
    weights = torch.ones_like(TIMES)
    weights[3] = 0.0
    values = curve() + 0.0
    values[3] = 50.0
    solved = solve(Problem((measured(values=values, weights=weights),), (replace(RATE, upper=0.6, start=0.5), SIZE)))
    assert solved.fit.n == 24
    assert solved.fit.parameters["rate"].value == pytest.approx(0.6)
    assert "rate stands at its upper bound." in solved.warnings
    outside = solved.u + torch.tensor([0.1, 0.0], dtype=torch.float64)
    assert float(solved.log_posterior(outside[None])) == -torch.inf


def test_a_prior_that_speaks_alone_is_named():
    same = replace(measured(), model=lambda p, t: model({"rate": p["rate"], "size": p["size"] * p["gain"]}, t))
    solved = solve(Problem((same,), (RATE, SIZE, Free("gain", 1.0, prior=Prior(1.0, 0.1)))))
    assert solved.fit.status is FitStatus.CONVERGED
    assert any(each.startswith("gain: this interval is the prior's") for each in solved.warnings)
    width = solved.fit.parameters["gain"].std / solved.fit.parameters["gain"].value
    assert width == pytest.approx(0.1, rel=0.01)
    open_ = solve(Problem((same,), (RATE, SIZE, Free("gain", 1.0))))
    assert open_.fit.status is FitStatus.NOT_IDENTIFIABLE
    assert "size*gain" in open_.fit.message


def test_too_few_points_are_counted():
    solved = solve(Problem((measured(times=TIMES[:2]),), (RATE, SIZE)))
    assert solved.fit.status is FitStatus.TOO_FEW
    assert "2 points and 2 parameters" in solved.warnings[0]
    assert solved.fit.parameters["rate"].upper == torch.inf


@pytest.mark.parametrize(
    ("problem", "error", "words"),
    [
        (Problem((), (RATE,)), DataError, "no data set"),
        (Problem((measured(), measured()), (RATE,)), DataError, "two data sets are called one"),
        (Problem((measured(),), ()), ParameterError, "nothing to fit"),
        (Problem((measured(),), (RATE, RATE)), ParameterError, "rate is to be fitted twice"),
        (Problem((measured(),), (replace(RATE, start=0.0),)), ParameterError, "rate: the starting value"),
        (Problem((measured(),), (replace(RATE, lower=2.0, upper=1.0),)), ParameterError, "rate: its lower bound"),
        (Problem((measured(),), (replace(RATE, prior=Prior(-1.0, 1.0)),)), ParameterError, "rate: the centre"),
        (Problem((measured(deviation=0.0),), (RATE,)), DataError, "one: the standard deviation"),
        (Problem((measured(weights=TIMES - 1),), (RATE,)), DataError, "one: weights"),
        (Problem((measured(weights=0 * TIMES),), (RATE,)), DataError, "one: every point"),
        (Problem((measured(values=curve()[:5]),), (RATE,)), DataError, "one: times"),
        (Problem((measured(values=curve() / (TIMES - TIMES[4])),), (RATE,)), DataError, "one, point 5: the value"),
    ],
)
def test_bad_input_is_named(problem, error, words):
    with pytest.raises(error, match=words):
        solve(problem)


@pytest.mark.parametrize("more", [{}, {"starts": 4}], ids=["one start", "several"])
@pytest.mark.parametrize("loss", ["squares", "huber"])
def test_a_failing_model_is_a_status_not_a_traceback(loss, more):
    def failing(parameters, times):
        return parameters["rate"][:, None] * times * torch.nan

    sets = tuple(replace(measured(name), model=failing) for name in ("a", "b"))
    solved = solve(Problem(sets, (RATE,), loss=loss), **more)
    assert not solved.fit.status.ok
    assert "a: the model gives no number" in " ".join(solved.warnings)


def test_a_model_that_does_not_depend_on_the_parameters():
    flat = replace(measured(), model=lambda p, t: torch.ones(len(p["rate"]), len(t), dtype=torch.float64))
    solved = solve(Problem((flat, replace(flat, name="two")), (RATE, SIZE)))
    assert solved.fit.status is FitStatus.NOT_IDENTIFIABLE
    assert "none of rate and size" in solved.fit.message


@pytest.mark.parametrize("loss", ["squares", "huber", "student"])
@pytest.mark.parametrize("noise", ["common", "separate"])
def test_curves_without_noise(loss, noise):
    sets = (measured("a", sigma=0.0), measured("b", sigma=0.0))
    solved = solve(Problem(sets, (RATE, SIZE), loss=loss, noise=noise))
    assert solved.fit.status is FitStatus.CONVERGED
    assert solved.fit.parameters["rate"].value == pytest.approx(0.8, rel=1e-6)
    assert solved.fit.parameters["rate"].std < 1e-6


def test_as_many_points_as_parameters_where_the_noise_is_known():
    solved = solve(Problem((measured(times=TIMES[[0, 12]], deviation=0.02),), (RATE, SIZE)))
    assert solved.fit.status is FitStatus.CONVERGED
    assert solved.fit.parameters["size"].std == pytest.approx(0.02, rel=1e-3)
    assert solved.warnings == ()
