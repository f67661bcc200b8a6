"""Any OpenAI-compatible server behind the same face: vLLM, llama.cpp's own, and others.

A grammar is sent in the spellings that these servers read (`grammar`, and vLLM's `structured_outputs`). A
server that refuses unknown fields gets a plain request; what it writes is checked by code all the same.
"""

import math
from typing import Any

import httpx

from agent.model.face import Choice, CutOffError, ModelError, ModelUnavailable, Prompt, messages, option_mass, scored

_MOST_ALTERNATIVES = 20
_REFUSED = frozenset({400, 404, 422})


class ServerModel:
    """A chat model at `base_url` (with or without `/v1`); `model` is the first that it lists if left out."""

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        root = base_url.rstrip("/")
        self._url = root if root.endswith("/v1") else f"{root}/v1"
        self._model = model
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        limits = httpx.Timeout(timeout, connect=5.0)
        # A server on this machine is spoken to directly, whatever proxy the environment names.
        self._http = httpx.Client(headers=headers, timeout=limits, transport=transport, trust_env=False)
        self._grammar_fields: tuple[str, ...] = ("grammar", "structured_outputs")

    @property
    def name(self) -> str:
        """Return the model's name and where it runs."""
        return f"{self._model or 'the model'} at {self._url}"

    def choose(self, prompt: Prompt, options: list[str]) -> Choice:
        """Score `options` by the server's probabilities of the first token of its reply.

        A server that gives no probabilities is asked to write one option, and its lead is then zero: unknown.
        """
        body = {"max_tokens": 1, "logprobs": True, "top_logprobs": _MOST_ALTERNATIVES}
        reply = self._chat(prompt, body)
        steps = (reply.get("logprobs") or {}).get("content") or []
        if steps:
            top = {t["token"]: math.exp(t["logprob"]) for t in steps[0].get("top_logprobs") or [steps[0]]}
            mass = option_mass(options, top)
            if any(mass.values()):
                return scored(options, mass)
        written = self._content(self._chat(prompt, {"max_tokens": 12})).strip().strip(".\"'").lower()
        named = [option for option in options if written.startswith(option.lower())]
        if len(named) != 1:
            raise ModelError(f"{self.name} answered {written[:40]!r}; one of {', '.join(options)} was asked for")
        return Choice(named[0], 1.0 / len(options), 0.0)

    def complete(self, prompt: Prompt, grammar: str | None = None, max_tokens: int = 256, seed: int = 0) -> str:
        """Continue `prompt` greedily; under `grammar` where the server takes one."""
        body: dict[str, Any] = {"max_tokens": max_tokens, "seed": seed}
        reply = self._chat(prompt, body, grammar)
        if reply.get("finish_reason") == "length":
            raise CutOffError(f"{self.name} was cut off after {max_tokens} tokens; ask for less", self._content(reply))
        return self._content(reply).strip()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _chat(self, prompt: Prompt, body: dict[str, Any], grammar: str | None = None) -> dict[str, Any]:
        """Ask once, leaving out the grammar's fields one by one while the server refuses them."""
        asked = {"model": self._named(), "messages": messages(prompt), "temperature": 0.0, **body}
        if prompt.answer:
            asked |= {"add_generation_prompt": False, "continue_final_message": True}
        while True:
            answer = self._post("/chat/completions", asked | self._spelled(grammar))
            if answer.status_code in _REFUSED and grammar is not None and self._grammar_fields:
                self._grammar_fields = self._grammar_fields[:-1]
                continue
            break
        if answer.status_code != httpx.codes.OK:
            raise ModelError(f"{self.name} refused the call with status {answer.status_code}")
        try:
            return dict(answer.json()["choices"][0])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelError(f"{self.name} sent an answer that is not a chat completion") from error

    def _spelled(self, grammar: str | None) -> dict[str, Any]:
        """Return the fields that carry the grammar, in the spellings not refused so far."""
        spellings: dict[str, Any] = {"grammar": grammar, "structured_outputs": {"grammar": grammar}}
        return {name: spellings[name] for name in self._grammar_fields} if grammar else {}

    def _named(self) -> str:
        """Return the model's name, asking the server for its first model once."""
        if self._model is None:
            answer = self._get("/models")
            try:
                self._model = str(answer.json()["data"][0]["id"])
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise ModelUnavailable(f"{self._url} lists no model (status {answer.status_code})") from error
        return self._model

    def _content(self, reply: dict[str, Any]) -> str:
        """Return the text of a reply."""
        content = (reply.get("message") or {}).get("content")
        if not isinstance(content, str):
            raise ModelError(f"{self.name} sent no text")
        return content

    def _get(self, route: str) -> httpx.Response:
        """Fetch, with one line for a server that is not there."""
        try:
            return self._http.get(self._url + route)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelUnavailable(self._unreachable(error)) from error

    def _post(self, route: str, body: dict[str, Any]) -> httpx.Response:
        """Send, with one line for a server that is not there."""
        try:
            return self._http.post(self._url + route, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelUnavailable(self._unreachable(error)) from error

    def _unreachable(self, error: Exception) -> str:
        """Return the sentence for a server that does not answer."""
        return f"no model server answers at {self._url} ({type(error).__name__}); start it or correct the URL"
