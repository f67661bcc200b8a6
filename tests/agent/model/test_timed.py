import time

import pytest

from agent.model.face import LanguageModel, ModelError, Prompt
from agent.model.scripted import ScriptedModel
from agent.model.timed import TimedModel

PROMPT = Prompt("You answer with one word.")


def test_only_the_calls_are_counted() -> None:
    def slow(kind: str, prompt: Prompt) -> str:
        time.sleep(0.02)
        return "yes"

    model = TimedModel(ScriptedModel(slow, name="double"))
    assert isinstance(model, LanguageModel)
    assert model.name == "double"
    time.sleep(0.02)
    assert model.seconds == 0
    assert model.choose(PROMPT, ["yes", "no"]).option == "yes"
    assert model.complete(PROMPT) == "yes"
    assert model.seconds >= 0.04


def test_a_call_that_fails_is_counted_too() -> None:
    model = TimedModel(ScriptedModel([]))
    with pytest.raises(ModelError):
        model.complete(PROMPT)
    assert model.seconds > 0
