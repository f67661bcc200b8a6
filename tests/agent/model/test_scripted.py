import pytest

from agent.model import LanguageModel, ModelError, Prompt, ScriptedModel
from agent.model.none import describe

PROMPT = Prompt("system").with_user("x")


def test_it_answers_in_order_and_remembers():
    model = ScriptedModel(["plan", "A sentence."])
    assert isinstance(model, LanguageModel)
    assert model.choose(PROMPT, ["plan", "ask"]).option == "plan"
    assert model.complete(PROMPT, grammar="root ::= [a-z]") == "A sentence."
    assert [a.kind for a in model.asked] == ["choose", "complete"]
    with pytest.raises(ModelError, match="no answer left"):
        model.complete(PROMPT)


def test_a_callable_sees_the_prompt():
    model = ScriptedModel(lambda kind, prompt: f"{kind} {prompt.user}")
    assert model.complete(PROMPT) == "complete x"


def test_a_choice_outside_the_options_is_an_error():
    with pytest.raises(ModelError, match="not among"):
        ScriptedModel(["sing"]).choose(PROMPT, ["plan", "ask"])


def test_absence_has_a_sentence():
    assert describe(None) == "no language model took part"
    assert describe(ScriptedModel([])) == "scripted"
