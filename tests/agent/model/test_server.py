import json
import math

import httpx
import pytest

from agent.model import CutOffError, LanguageModel, ModelError, ModelUnavailable, Prompt
from agent.model.server import ServerModel

PROMPT = Prompt("system", (("a", "b"),)).with_user("x")


class Stub:
    """An OpenAI-compatible server in a function; `refuses` are fields that it does not know."""

    def __init__(self, text="A sentence.", top=None, refuses=(), finish="stop", status=200):
        self.text, self.top, self.refuses, self.finish, self.status = text, top, refuses, finish, status
        self.asked = []

    def __call__(self, request):
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "stub-7b"}]})
        body = json.loads(request.content)
        self.asked.append(body)
        if any(field in body for field in self.refuses):
            return httpx.Response(400, json={"error": {"message": "unknown field"}})
        choice = {"message": {"content": self.text}, "finish_reason": self.finish}
        if self.top and body.get("logprobs"):
            listed = [{"token": t, "logprob": math.log(p)} for t, p in self.top.items()]
            choice["logprobs"] = {"content": [{"top_logprobs": listed}]}
        return httpx.Response(self.status, json={"choices": [choice]})


def _model(stub, **options):
    return ServerModel("http://127.0.0.1:9/v1/", transport=httpx.MockTransport(stub), **options)


def test_it_names_the_first_model_and_completes():
    stub = Stub()
    model = _model(stub)
    assert isinstance(model, LanguageModel)
    assert model.complete(PROMPT, grammar="root ::= [a-z]") == "A sentence."
    (asked,) = stub.asked
    assert asked["model"] == "stub-7b"
    assert asked["temperature"] == 0.0
    assert asked["grammar"] == "root ::= [a-z]"
    assert [m["role"] for m in asked["messages"]] == ["system", "user", "assistant", "user"]
    assert model.name.startswith("stub-7b at ")


def test_refused_fields_are_left_out_and_stay_out():
    stub = Stub(refuses=("grammar", "structured_outputs"))
    model = _model(stub)
    assert model.complete(PROMPT, grammar="root ::= [a-z]") == "A sentence."
    assert model.complete(PROMPT, grammar="root ::= [a-z]") == "A sentence."
    assert len(stub.asked) == 4
    assert "grammar" not in stub.asked[-1]


def test_choices_are_scored():
    choice = _model(Stub(top={"plan": 0.6, "ask": 0.2, "x": 0.2})).choose(PROMPT, ["plan", "ask"])
    assert (choice.option, choice.probability, choice.margin) == pytest.approx(("plan", 0.75, 0.5))


def test_without_probabilities_the_lead_is_unknown():
    choice = _model(Stub(text="Ask.")).choose(PROMPT, ["plan", "ask"])
    assert (choice.option, choice.margin) == ("ask", 0.0)
    with pytest.raises(ModelError, match="was asked for"):
        _model(Stub(text="I cannot say")).choose(PROMPT, ["plan", "ask"])


def test_a_cut_off_or_refused_answer_is_an_error():
    with pytest.raises(CutOffError, match="cut off after 9 tokens") as cut:
        _model(Stub(finish="length")).complete(PROMPT, max_tokens=9)
    assert cut.value.text == "A sentence."
    with pytest.raises(ModelError, match="status 503"):
        _model(Stub(status=503)).complete(PROMPT)
    with pytest.raises(ModelError, match="sent no text"):
        _model(Stub(text=None)).complete(PROMPT)


def test_a_missing_server_is_one_line():
    with pytest.raises(ModelUnavailable, match="start it or correct the URL"):
        ServerModel("http://127.0.0.1:9").complete(PROMPT)


@pytest.mark.model
def test_against_the_server_of_llama_cpp(real_model):
    real_model.complete(Prompt("s").with_user("x"), max_tokens=4, grammar='root ::= "a"')
    with real_model.exposed() as (url, key):
        model = ServerModel(url, api_key=key)
        assert model.complete(PROMPT, grammar='root ::= "blue" | "green"') in {"blue", "green"}
        prompt = Prompt("Answer with one word: yes or no.").with_user("Is water wet?")
        assert model.choose(prompt, ["yes", "no"]).probability > 0.5
        model.close()
        with pytest.raises(ModelError, match="401"):
            ServerModel(url, model="m").complete(PROMPT)
