"""The shipped double: a language model that answers from a script and remembers what it was asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.model.face import Choice, ModelError, Prompt, scored

Script = Iterable[str] | Callable[[str, Prompt], str]


@dataclass(frozen=True)
class Asked:
    """One call: `kind` is "choose" or "complete"; `options` and `grammar` are what came with it."""

    kind: str
    prompt: Prompt
    options: tuple[str, ...] = ()
    grammar: str | None = None


class ScriptedModel:
    """Answers from `script`: a list taken in order, or a callable of (kind, prompt).

    `probability` is what it claims for each choice. The grammar is recorded, not obeyed: a script may
    write what no grammar admits, since what stands behind the model must hold without it.
    """

    def __init__(self, script: Script, probability: float = 0.99, name: str = "scripted") -> None:
        self._answer = script if callable(script) else _in_order(list(script))
        self._probability = probability
        self._name = name
        self.asked: list[Asked] = []
        self.closed = False

    @property
    def name(self) -> str:
        """Return the name given."""
        return self._name

    def choose(self, prompt: Prompt, options: list[str]) -> Choice:
        """Return the option that the script names.

        Raises:
            ModelError: the script names none of the options, or has ended.
        """
        self.asked.append(Asked("choose", prompt, tuple(options)))
        option = self._answer("choose", prompt)
        if option not in options:
            raise ModelError(f"the script chose {option!r}, which is not among {', '.join(options)}")
        rest = (1.0 - self._probability) / max(1, len(options) - 1)
        return scored(options, {o: self._probability if o == option else rest for o in options})

    def complete(self, prompt: Prompt, grammar: str | None = None, max_tokens: int = 256, seed: int = 0) -> str:
        """Return the script's next text, whole.

        Raises:
            ModelError: the script has ended.
        """
        self.asked.append(Asked("complete", prompt, (), grammar))
        return self._answer("complete", prompt)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def _in_order(texts: list[str]) -> Callable[[str, Prompt], str]:
    """Return a callable that gives `texts` one by one."""
    remaining = iter(texts)

    def answer(kind: str, prompt: Prompt) -> str:
        try:
            return next(remaining)
        except StopIteration:
            raise ModelError(f"the script has no answer left for a call to {kind}; add one") from None

    return answer
