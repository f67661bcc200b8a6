"""What a person is told where nothing is shown."""

from typing import Any

from langgraph.runtime import Runtime

from agent.brief import read_brief
from agent.nodes.withhold import withhold
from agent.state import State
from tests.agent import doubles
from tools.plans import planning
from tools.records import Check


def told(request: str, **failed: Any) -> str:
    context = doubles.context()
    brief, _, read = read_brief(request, [], planning("flash"), context)
    check = Check.model_validate({"kind": "constraint", "status": "fail", **failed})
    state = State(request=request, brief=brief, evidence=[read], checks=[check])
    reason = withhold(state, Runtime(context=context))["answer"].reason
    assert reason is not None
    return reason


SLOW = {"name": "design", "detail": "sampling_rate: the detector is too slow; take a faster detector"}


def test_an_assumption_that_stands_in_the_way_is_told() -> None:
    assert "The detector is taken to be read at up to 100 kHz." in told("A copper disc 3 mm thick", **SLOW)


def test_what_the_request_said_is_no_assumption() -> None:
    assert "taken to be" not in told("A copper disc 3 mm thick, the detector reads at 5 kHz", **SLOW)


def test_the_numbers_that_were_compared_are_told_beside_their_meaning() -> None:
    found = told("A copper disc 3 mm thick", name="flatness", value=4.7244, limit=0.5, detail="thickness over spot")
    assert found == "flatness: 4.724 against 0.5 (thickness over spot)"
