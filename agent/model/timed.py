"""A stopwatch around a language model: the seconds inside its calls, whoever makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from agent.model.face import Choice, LanguageModel, Prompt


class TimedModel:
    """The model it is given, with the time spent in its calls counted in `seconds`."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.seconds = 0.0

    @property
    def name(self) -> str:
        """Return the model's own name."""
        return self._model.name

    def choose(self, prompt: Prompt, options: list[str]) -> Choice:
        """Choose as the model does."""
        with self._counted():
            return self._model.choose(prompt, options)

    def complete(self, prompt: Prompt, grammar: str | None = None, max_tokens: int = 256, seed: int = 0) -> str:
        """Complete as the model does."""
        with self._counted():
            return self._model.complete(prompt, grammar, max_tokens, seed)

    def close(self) -> None:
        """Free what the model holds."""
        self._model.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - start
