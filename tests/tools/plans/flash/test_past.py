"""The next shots after a measured curve: data and shots together, and the thickness that neither averages away."""

from pathlib import Path
from typing import Any

import pytest

from agent.state import Answer, Request
from agent.threads import converse
from tests.agent import doubles
from tests.curves import flash_file
from tools import experiments
from tools.design import design
from tools.learn import learn
from tools.look import look

TOOLS: dict[str, Any] = {"look": look, "learn": learn, "design": design, "experiments": experiments.names}


def plan(home: Path, request: str) -> Answer:
    payload = Request(request=request, data=[str(flash_file(home / "shot.csv", seed=1))])
    return converse(doubles.context(**TOOLS), "t", payload, path=home / "threads.sqlite")


def facts(answer: Answer) -> dict[str, float]:
    return {fact.id: fact.value for fact in answer.facts}


def test_the_next_shots_narrow_what_the_curve_left(tmp_path: Path) -> None:
    answer = plan(tmp_path, "This is my carbon steel disc; what should I measure next to pin down the diffusivity?")
    assert answer.status == "recommended", answer.reason
    found = facts(answer)
    assert found["past_diffusivity"] == pytest.approx(4.0, rel=0.02)
    assert found["precision_diffusivity"] < found["past_precision_diffusivity"]
    assert found["precision_diffusivity"] <= found["shots_precision"]
    assert found["precision_diffusivity"] >= 2 * 1.95996 * 100 * 5e-6 / 2e-3 - 1e-6
    assert "What the data say" in answer.text


def test_a_precision_that_the_thickness_forbids_is_withheld(tmp_path: Path) -> None:
    answer = plan(tmp_path, "My copper disc: how do I get the diffusivity to 0.5 %?")
    assert answer.status == "withheld"
    assert "thickness" in (answer.reason or "")
