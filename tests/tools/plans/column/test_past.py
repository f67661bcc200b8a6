"""The run that follows measured ones: it narrows what the data leave open, keeps the limits, and keeps its promise."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.experiments.column import EXPERIMENT, model
from tests.curves import column_file
from tools.design import design
from tools.errors import Retry
from tools.experiments import validate
from tools.learn import learn
from tools.look import look
from tools.records import Evidence

TRUTHS = 300


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = column_file(tmp_path_factory.mktemp("past") / "run.csv", seed=3)
    return learn("column", look([str(path)]), "dispersion").data["past"]


def planned(past: dict[str, Any], precision: float | None = None, asked: bool = False, **more: Any) -> Evidence:
    bounds = [bound(name, **ends) for name, ends in more.pop("bounds", {}).items()]
    bounds += [bound("samples", upper=35.0), bound("shortest_interval", lower=4.0, unit="min")]
    aim = 50 * past["half_width"]["dispersion"]
    request = {
        "experiment": "column",
        "settings": more,
        "bounds": bounds,
        "target": "dispersion",
        "choices": {},
        "precision": aim if precision is None else precision,
        "asked": asked,
        "past": past,
    }
    return design(request, device="cpu")


def bound(name: str, *, lower: float | None = None, upper: float | None = None, unit: str = "") -> dict[str, Any]:
    return {"name": name, "lower": lower, "upper": upper, "unit": unit, "source": "request" if unit == "h" else ""}


def facts(evidence: Evidence) -> dict[str, float]:
    return {fact.id: fact.value for fact in evidence.facts}


@pytest.fixture(scope="module")
def plan(past: dict[str, Any]) -> Evidence:
    return planned(past)


def test_it_narrows_the_interval_more_than_the_past_run_made_again(past: dict[str, Any], plan: Evidence) -> None:
    found = facts(plan)
    before = 100 * past["half_width"]["dispersion"]
    assert found["precision_dispersion"] < found["repeated_precision_dispersion"] < before
    assert found["repeated_precision_dispersion"] == pytest.approx(before / math.sqrt(2), rel=0.05)


def test_it_keeps_the_limits_and_can_be_run(plan: Evidence) -> None:
    times = [fact.value for fact in plan.facts if fact.id.startswith("time_")]
    assert len(times) <= 35
    assert all(b - a >= 4 - 1e-9 for a, b in pairwise(times))
    assert validate("column", plan.data["settings"]) is None
    assert all(check.status == "pass" for check in plan.checks)


def test_the_promised_precision_is_that_of_fits(past: dict[str, Any], plan: Evidence) -> None:
    """Truths from the posterior, the run with noise, and both fitted together: the error is what was promised."""
    torch.manual_seed(0)
    covariance = torch.tensor(past["covariance"], dtype=torch.float64)
    centre = torch.tensor(past["median"], dtype=torch.float64).log()
    truths = (centre + torch.randn(TRUTHS, 2, dtype=torch.float64) @ torch.linalg.cholesky(covariance).T).exp()
    given = EXPERIMENT.read(plan.data["settings"])
    times = torch.tensor([60 * f.value for f in plan.facts if f.id.startswith("time_")], dtype=torch.float64)
    curves = model(given, times, 1e-6)
    fixed = {name: float(given[name]) for name in ("length", "retardation", "decay", "pulse_duration") if name in given}
    fixed = {name: value for name, value in fixed.items() if value is not None}
    free = {"velocity": truths[:, 0], "dispersion": truths[:, 1]}
    whole = {**{name: torch.full((TRUTHS,), value, dtype=torch.float64) for name, value in fixed.items()}, **free}
    measured = curves(whole, times)
    measured = measured + past["noise"] * torch.randn_like(measured)
    start = dict(zip(past["names"], past["median"], strict=True))
    fits = fit_batch(curves, times, measured, start, fixed=fixed)
    prior = torch.linalg.inv(covariance)
    errors = []
    for truth, one in zip(truths.log(), fits, strict=True):
        new = torch.linalg.inv(one.u_covariance * past["noise"] ** 2 * (len(times) - 2) / one.sse)
        both = torch.linalg.inv(prior + new) @ (prior @ centre + new @ one.u)
        errors.append(float((both - truth)[1]))
    half_width = 196 * torch.tensor(errors).square().mean().sqrt()
    # A hundred and fifty degrees of freedom and more: the deviation is known within a tenth.
    assert float(half_width) == pytest.approx(facts(plan)["precision_dispersion"], rel=0.12)


def test_a_precision_beyond_one_run_is_reached_by_several(past: dict[str, Any]) -> None:
    plan = planned(past, precision=20 * past["half_width"]["dispersion"], asked=True)
    found = facts(plan)
    assert 2 <= found["runs"] <= 8
    assert found["precision_dispersion"] <= 20 * past["half_width"]["dispersion"]
    assert plan.data["need"] == ""


def test_a_precision_out_of_reach_says_what_would_help(past: dict[str, Any]) -> None:
    need = planned(past, precision=1 * past["half_width"]["dispersion"], asked=True).data["need"]
    assert "such runs" in need
    assert "scatter" in need


def test_another_place_of_the_sensor_and_another_pump(past: dict[str, Any]) -> None:
    moved = planned(past, position="20 cm")
    assert facts(moved)["sensor"] == 20
    assert not moved.data["same_place"]
    faster = planned(
        past, diameter="5 cm", porosity="0.38", bounds={"flow": {"lower": 0.5, "upper": 10.0, "unit": "mL/min"}}
    )
    assert facts(faster)["flow"] == pytest.approx(0.5)
    assert not faster.data["same_velocity"]


def test_too_little_time_is_told(past: dict[str, Any]) -> None:
    with pytest.raises(Retry, match="before the front"):
        planned(past, bounds={"duration": {"upper": 1.0, "unit": "h"}})
