"""The precision that a design promises is the one that fits to such data have."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from physics.calibrate.fit import fit_batch
from physics.design.propose import Proposal, propose
from physics.design.tracer import TIME_POWERS
from tools.design import design
from tools.errors import Retry
from tools.plans.column import runs
from tools.plans.column.design import ROBUST
from tools.plans.column.facts import LEVEL
from tools.predictions import Tally
from tools.records import Evidence

SETTINGS = {
    "length": "30 cm",
    "diameter": "5 cm",
    "porosity": "0.38",
    "reading_error": "2 percent",
    "dispersivity": "0.1 cm",
}
BOUNDS: list[dict[str, Any]] = [
    {"name": "flow", "lower": 0.5, "upper": 10.0, "unit": "mL/min"},
    {"name": "duration", "lower": None, "upper": 8.0, "unit": "h"},
    {"name": "shortest_interval", "lower": 2.0, "upper": None, "unit": "min"},
    {"name": "sample_volume", "lower": 1.0, "upper": None, "unit": "mL"},
    {"name": "samples", "lower": None, "upper": 96.0, "unit": ""},
]


def request(**changes: Any) -> dict[str, Any]:
    whole = {"experiment": "column", "settings": SETTINGS, "bounds": BOUNDS, "target": "dispersion", "precision": 5.0}
    return {**whole, **changes}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return design(request(), run="run")


def values(evidence: Evidence) -> dict[str, float]:
    return {fact.id: fact.value for fact in evidence.facts}


def test_every_limit_is_kept(evidence: Evidence) -> None:
    found = values(evidence)
    assert 0.5 <= found["flow"] <= 10
    assert found["duration"] <= 8
    assert found["shortest_interval"] >= 2
    assert found["sample_volume"] >= 1
    assert found["samples"] <= 96
    assert evidence.data["met"]
    assert found["precision_dispersion"] <= 5
    assert found["precision_dispersion"] <= found["worst_precision_dispersion"]
    times = [fact.value for fact in evidence.facts if fact.id.startswith("time_")]
    assert times[-1] == pytest.approx(60 * found["duration"])
    assert all(b - a >= 2 - 1e-9 for a, b in pairwise(times))
    assert all(time == round(time) for time in times)


def test_the_balance_of_the_run_stands_with_it(evidence: Evidence) -> None:
    (balance,) = evidence.checks
    assert balance.status == "pass"
    assert balance.value is not None
    assert balance.value <= 1e-10


def test_the_promised_precision_is_that_of_fits() -> None:
    space = runs.space(SETTINGS, BOUNDS)
    run = _proposed(space).recommended
    candidate = run.candidate
    truth = {name: prior.median for name, prior in candidate.unknown.items()}
    known = {name: torch.full((400,), value, dtype=torch.float64) for name, value in candidate.known.items()}
    curve = space.models[candidate.model](
        {**known, **{name: torch.full((400,), value, dtype=torch.float64) for name, value in truth.items()}}, run.times
    )
    noise = torch.randn(curve.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fits = fit_batch(
        space.models[candidate.model], run.times, curve + space.noise.absolute * noise, truth, fixed=candidate.known
    )
    logs = torch.tensor([math.log(f.parameters["dispersion"].value / truth["dispersion"]) for f in fits])
    half_width = 1.959964 * float(logs.std())
    assert half_width == pytest.approx(run.nominal["dispersion"], rel=0.1)
    assert abs(float(logs.mean())) < 0.3 * half_width


def _proposed(space: runs.Space) -> Proposal:
    return propose(
        space.models,
        space.candidates,
        space.limits,
        {"dispersion": 0.05},
        space.noise,
        time_powers=TIME_POWERS,
        level=LEVEL,
        robust=ROBUST,
        prior_level=runs.PRIOR_LEVEL,
    )


def test_a_target_out_of_reach_says_what_would_help() -> None:
    found = design(request(precision=0.5), run="run")
    assert not found.data["met"]
    assert "samples" in found.data["need"]
    assert "reading error" in found.data["need"]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ([{"name": "flow", "lower": 5.0, "upper": 1.0, "unit": "mL/min"}], "exclude each other"),
        ([], "pump"),
        ([{"name": "flow", "lower": 0.5, "upper": 10.0, "unit": "cm"}], "cm"),
    ],
)
def test_limits_that_leave_nothing_are_named(bounds: list[dict[str, Any]], told: str) -> None:
    rest = [bound for bound in BOUNDS if bound["name"] != "flow"]
    with pytest.raises(Retry, match=told):
        design(request(bounds=[*bounds, *rest]), run="run")


def test_a_pulse_is_set_in_whole_minutes() -> None:
    space = runs.space(SETTINGS, BOUNDS)
    pulses = [runs.rounded(c) for c in space.candidates if c.model == "pulse"]
    assert pulses
    assert all(pulse.input_duration % 60 == 0 for pulse in pulses)
    assert all(pulse.known["pulse_duration"] == pulse.input_duration for pulse in pulses)


def test_a_dispersion_that_is_told_takes_the_place_of_the_assumed_one() -> None:
    space = runs.space({**SETTINGS, "dispersion": "0.36 cm**2/h"}, BOUNDS)
    assert {round(c.unknown["dispersion"].median * 1e8, 6) for c in space.candidates} == {1.0}


def test_the_surrogate_changes_no_number_and_its_reason_is_kept(evidence: Evidence, tmp_path: Path) -> None:
    aided = design(request(), run="run", surrogate=True, predictions=tmp_path / "predictions.jsonl")
    assert aided.facts == evidence.facts
    assert aided.data["schedule"] == evidence.data["schedule"]
    assert (aided.data["surrogate"]["kind"], aided.data["surrogate"]["source"]) == ("speed", "solver")
    (row,) = Tally(tmp_path / "predictions.jsonl").rows()
    assert (row["experiment"], row["source"], row["kinds"]) == ("column", "solver", ["speed"])
    assert "surrogate" not in evidence.data
