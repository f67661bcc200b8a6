import math
import os
from pathlib import Path

import pytest
import torch

from physics.calibrate.fit import fit, fit_batch
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.start import start_column
from physics.data import read_measurement
from physics.errors import DataError, ParameterError

DATA = Path(os.environ.get("LABWRIGHT_DATA", Path(__file__).parents[4] / "shared" / "data")) / "column"
TRUTH = {"velocity": 2.5, "dispersion": 0.15}
X = {"position": 11.0}


def tensors(numbers):
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in numbers.items()}


def times(n=35):
    return torch.linspace(2.5, 7.0, n, dtype=torch.float64)


@pytest.mark.parametrize(
    ("file", "depth", "velocity", "dispersion", "sse"),
    [
        ("sand_step_11cm.csv", 11.0, 2.4515, 0.1540, 1.702e-3),
        ("sand_step_17cm.csv", 17.0, 2.5134, 0.1264, 2.714e-3),
    ],
)
def test_measured_sand_column(model, file, depth, velocity, dispersion, sse):
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not here; LABWRIGHT_DATA names the folder of the measured data")
    data = read_measurement(path)
    t, c = torch.as_tensor(data.time / 3600), torch.as_tensor(data.value)
    result = fit(model, t, c, start_column(t, c, depth), fixed={"position": depth})
    assert result.status is FitStatus.CONVERGED
    assert result.n == 35
    assert result.parameters["velocity"].value == pytest.approx(velocity, rel=5e-3)
    assert result.parameters["dispersion"].value == pytest.approx(dispersion, rel=5e-3)
    assert result.sse == pytest.approx(sse, rel=1e-3)
    assert 0 < result.parameters["dispersion"].std < 0.1 * dispersion


def test_recovers_the_truth_from_far_away(model):
    y = model(tensors({**TRUTH, **X}), times())[0]
    for velocity, dispersion in ((1.2, 1.0), (5.0, 0.02), (2.0, 5.0)):
        result = fit(model, times(), y, {"velocity": velocity, "dispersion": dispersion}, fixed=X)
        assert result.status is FitStatus.CONVERGED
        assert result.parameters["velocity"].value == pytest.approx(2.5, rel=1e-7)
        assert result.parameters["dispersion"].value == pytest.approx(0.15, rel=1e-6)


def test_gradient_of_the_misfit(model):
    y = model(tensors({**TRUTH, **X}), times())[0] + 0.01
    at = {"velocity": 2.4, "dispersion": 0.2}
    result = fit(model, times(), y, at, fixed=X, iterations=0)
    gradient = -2 * (result.residuals[:, None] * result.jacobian).sum(0)
    for j, name in enumerate(at):
        h = 1e-6 * at[name]
        ends = [model(tensors({**at, **X, name: at[name] + sign * h}), times())[0] for sign in (1, -1)]
        difference = (((y - ends[0]) ** 2).sum() - ((y - ends[1]) ** 2).sum()) / (2 * h)
        assert float(gradient[j]) == pytest.approx(float(difference), rel=1e-6)


def test_intervals_cover_as_often_as_they_say(model):
    sets, level = 400, 0.9
    generator = torch.Generator().manual_seed(5)
    clean = model(tensors({**TRUTH, **X}), times(20))
    noise = 0.02 * torch.randn(sets, 20, generator=generator, dtype=torch.float64)
    fits = fit_batch(model, times(20), clean + noise, {"velocity": 2.0, "dispersion": 0.3}, fixed=X, level=level)
    assert all(one.status is FitStatus.CONVERGED for one in fits)
    for name, value in TRUTH.items():
        inside = sum(one.parameters[name].lower <= value <= one.parameters[name].upper for one in fits) / sets
        assert abs(inside - level) < 4 * math.sqrt(level * (1 - level) / sets)
    spread = torch.tensor([math.log(one.parameters["dispersion"].value) for one in fits]).std()
    stated = torch.tensor([float(one.u_covariance[1, 1]) for one in fits]).mean().sqrt()
    assert float(stated) == pytest.approx(float(spread), rel=0.15)


def test_velocity_and_retardation_together_are_not_identifiable(model):
    generator = torch.Generator().manual_seed(1)
    clean = model(tensors({**TRUTH, **X}), times())[0]
    start = {"velocity": 2.0, "dispersion": 0.3, "retardation": 1.5}
    for noise in (0.0, 0.01):
        y = clean + noise * torch.randn(35, generator=generator, dtype=torch.float64)
        result = fit(model, times(), y, start, fixed=X)
        assert result.status is FitStatus.NOT_IDENTIFIABLE
        assert not result.identifiable
        assert "only velocity/retardation and dispersion/retardation are determined" in result.message
        assert all(math.isinf(one.upper) and math.isinf(one.std) for one in result.parameters.values())
    assert fit(model, times(), clean, start | {"retardation": 1.0}, fixed=X).parameters["velocity"].value > 0
    known = fit(model, times(), clean, {"velocity": 2.0, "dispersion": 0.3}, fixed={**X, "retardation": 1.5})
    assert known.identifiable
    assert known.parameters["velocity"].value == pytest.approx(3.75, rel=1e-6)


def test_no_tracer_yet_determines_nothing(model):
    early = torch.linspace(0.1, 0.5, 20, dtype=torch.float64)
    noise = 0.01 * torch.randn(20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    result = fit(model, early, noise, {"velocity": 2.5, "dispersion": 0.15}, fixed=X)
    assert result.status is FitStatus.NOT_IDENTIFIABLE


def test_few_points(model):
    t = torch.tensor([4.2, 4.6], dtype=torch.float64)
    y = model(tensors({**TRUTH, **X}), t)[0]
    result = fit(model, t, y, {"velocity": 2.4, "dispersion": 0.2}, fixed=X)
    assert result.status is FitStatus.TOO_FEW
    assert all(math.isinf(one.std) for one in result.parameters.values())


def test_bounds_hold_and_are_said(model):
    y = model(tensors({**TRUTH, **X}), times())[0]
    bounds = {"dispersion": (0.2, 1.0)}
    result = fit(model, times(), y, {"velocity": 2.4, "dispersion": 0.5}, fixed=X, bounds=bounds)
    assert result.parameters["dispersion"].value == pytest.approx(0.2, rel=1e-12)
    assert result.parameters["dispersion"].at_bound
    assert "dispersion stands at its lower bound." in result.warnings
    assert math.isfinite(result.parameters["velocity"].std)


def test_weights_leave_points_out(model):
    y = model(tensors({**TRUTH, **X}), times())[0]
    y[10] = 5.0
    weights = torch.ones_like(y)
    weights[10] = 0.0
    result = fit(model, times(), y, {"velocity": 2.4, "dispersion": 0.5}, fixed=X, weights=weights)
    assert result.n == 34
    assert result.parameters["dispersion"].value == pytest.approx(0.15, rel=1e-6)


def test_a_failing_model_is_a_status_not_a_traceback():
    result = fit(
        lambda p, t: p["a"][:, None] * t * math.nan,
        times(),
        times(),
        {"a": 1.0},
    )
    assert not result.status.ok


def test_bad_input_is_named(model):
    good = {"velocity": 2.4, "dispersion": 0.5}
    with pytest.raises(DataError, match="do not fit"):
        fit(model, times(), times(7), good, fixed=X)
    with pytest.raises(DataError, match="finite"):
        fit(model, times(), times() * math.nan, good, fixed=X)
    with pytest.raises(ParameterError, match="velocity: its lower bound"):
        fit(model, times(), times(), good, fixed=X, bounds={"velocity": (2.0, 1.0)})
    with pytest.raises(ParameterError, match="dispersion: the starting value"):
        fit(model, times(), times(), good | {"dispersion": 0.0}, fixed=X)
