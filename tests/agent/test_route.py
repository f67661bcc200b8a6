"""Where a request goes, and when the person is asked."""

import pytest

from agent.classify import Vote
from agent.model.face import Choice, ModelError, Prompt
from agent.model.scripted import ScriptedModel
from agent.route import Routed, changes_a_plan, route
from tests.agent import doubles

PLAN = "Plan a tracer test in my sand column so that dispersion is known within 5 %."


def routed(request: str, answers: list[str] | None, *, intent: str = "plan", assume: bool = False) -> Routed:
    model = None if answers is None else ScriptedModel(answers)
    return route(request, intent, assume, ["column"], doubles.context(model))


def test_readers_that_agree_settle_the_experiment() -> None:
    assert routed(PLAN, ["plan", "column"]).experiment == "column"
    assert routed(PLAN, None).experiment == "column"


def test_a_request_outside_the_field_is_declined() -> None:
    assert routed("What is the capital of France?", ["other"]).declined
    assert routed("What is the capital of France?", ["other"], intent="ask").declined


def test_an_experiment_that_no_word_speaks_of_is_asked_for() -> None:
    found = routed("I want to measure something precisely, plan it.", ["plan", "column"])
    assert found.experiment is None
    assert found.question is not None
    assert "column" in found.question.text


def test_disagreement_goes_to_the_person_unless_they_said_not_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Vote("plan", "none", 0.5, "embedding")
    monkeypatch.setattr("agent.route.route_by_embedding", lambda *arguments: other)
    asked = routed(PLAN, ["plan", "none"])
    assert asked.experiment is None
    assert asked.question is not None
    monkeypatch.undo()
    assert routed(PLAN.replace("sand column", "thing"), ["plan", "column"], assume=True).experiment == "column"


def test_a_model_that_fails_leaves_the_others_to_it() -> None:
    class Broken(ScriptedModel):
        def choose(self, prompt: Prompt, options: list[str]) -> Choice:
            raise ModelError("no answer")

    found = route(PLAN, "plan", False, ["column"], doubles.context(Broken([])))
    assert found.experiment == "column"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("and with 2 %?", True),
        ("I have only 4 hours", True),
        ("what if the column is 20 cm long?", True),
        ("Why does a reading err by 2 %?", False),
        ("What is a pulse of 30 min good for?", False),
        ("What is the capital of France?", False),
        (f"{PLAN} The column is 30 cm long and 5 cm wide.", False),
    ],
)
def test_a_short_message_with_a_number_changes_the_plan_before(text: str, changes: bool) -> None:
    assert changes_a_plan(text) is changes
