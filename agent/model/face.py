"""The seam to the language model: what the agent may ask of it, whoever answers.

A model does two things for the agent. It *chooses* one of a few options, with a probability, and it
*completes* a text under a grammar. It never sees a tool and never decides what is shown.
"""

import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class ModelError(Exception):
    """The language model gave no usable answer; the message says why and what to do."""


class ModelUnavailable(ModelError):
    """No channel brings the model, or the server cannot be reached."""


class CutOffError(ModelError):
    """The answer reached its longest length; `text` is what stood by then, for a caller who can use a part."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


@dataclass(frozen=True)
class Prompt:
    """What is sent: a stable prefix, which is cached, and a tail that differs at each call.

    `system` holds the instruction and `examples` (user, assistant) pairs; together they are the prefix.
    `user` is the request of this call, and `answer` the beginning of the assistant's reply, if any.
    """

    system: str
    examples: tuple[tuple[str, str], ...] = ()
    user: str = ""
    answer: str = ""

    def with_user(self, user: str, answer: str = "") -> "Prompt":
        """Return the same prefix with another tail."""
        return Prompt(self.system, self.examples, user, answer)


@dataclass(frozen=True)
class Choice:
    """The option taken, its probability among the options, and its lead over the second best."""

    option: str
    probability: float
    margin: float
    scores: tuple[tuple[str, float], ...] = ()


@runtime_checkable
class LanguageModel(Protocol):
    """Anything that can choose among options and complete a text."""

    @property
    def name(self) -> str:
        """Return what to call the model in an answer's record."""
        ...

    def choose(self, prompt: Prompt, options: list[str]) -> Choice:
        """Score `options` as the continuation of `prompt` and return the best.

        Raises:
            ModelError: there was no usable answer.
        """
        ...

    def complete(self, prompt: Prompt, grammar: str | None = None, max_tokens: int = 256, seed: int = 0) -> str:
        """Continue `prompt` greedily; under `grammar` (GBNF) the text is a word of that grammar.

        Raises:
            CutOffError: the answer was not complete after `max_tokens`; it carries the text so far.
            ModelError: there was no usable answer.
        """
        ...

    def close(self) -> None:
        """Free what the model holds; calling twice does no harm."""
        ...


_CONTROL = re.compile(r"<(\s*\|)|(\|\s*)>")
_TAGS = re.compile(
    r"<(\s*/?\s*(?:(?:data|request|passage|fact)s?|s|bos|eos|pad|unk|think|tool_call|tool_response"
    r"|start_of_turn|end_of_turn)\b)",
    re.IGNORECASE,
)


def defuse(text: str) -> str:
    """Make text of others safe to place in a prompt: no control token and no delimiter can be formed.

    `<|im_start|>` becomes `< |im_start| >`, and a closing `</data>` becomes `< /data>`; control characters
    other than line breaks are dropped. The words stay readable.
    """
    printable = "".join(c for c in text if c in "\n\t" or c.isprintable())
    return _TAGS.sub(r"< \1", _without_control_tokens(printable))


def _without_control_tokens(text: str) -> str:
    """Break every `<|` and `|>` apart."""
    return _CONTROL.sub(lambda m: "< |" if m[1] else "| >", text)


def as_data(text: str, tag: str = "data") -> str:
    """Delimit text of others inside a prompt, with its control tokens and delimiters defused."""
    return f"<{tag}>{defuse(text)}</{tag}>"


def scored(options: list[str], mass: dict[str, float]) -> Choice:
    """Return the choice that unnormalised probabilities `mass` (option -> mass) make.

    Raises:
        ModelError: no option has any mass.
    """
    total = sum(mass.get(option, 0.0) for option in options)
    if total <= 0:
        raise ModelError(f"the model gave none of the options {', '.join(options)}; use another model")
    ranked = sorted(((mass.get(o, 0.0) / total, -i, o) for i, o in enumerate(options)), reverse=True)
    second = ranked[1][0] if len(ranked) > 1 else 0.0
    scores = tuple((option, probability) for probability, _, option in ranked)
    return Choice(ranked[0][2], ranked[0][0], ranked[0][0] - second, scores)


def option_mass(options: list[str], tokens: dict[str, float]) -> dict[str, float]:
    """Gather next-token probabilities (token text -> probability) into a mass for each option.

    A token counts for an option that begins with it; one that several options share is divided evenly.
    """
    mass = dict.fromkeys(options, 0.0)
    for text, probability in tokens.items():
        piece = text.strip()
        fits = [o for o in options if piece and (o.startswith(piece) or (piece.startswith(o)))]
        for option in fits:
            mass[option] += probability / len(fits)
    return mass


def chatml(prompt: Prompt) -> tuple[str, str]:
    """Spell `prompt` in the ChatML template as (prefix, tail); the prefix ends on a token boundary.

    The system text and the examples are the project's own; the tail is escaped here.
    """
    prefix = f"<|im_start|>system\n{prompt.system.strip()}<|im_end|>\n"
    for user, assistant in prompt.examples:
        prefix += f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n{assistant}<|im_end|>\n"
    tail = f"\n{_without_control_tokens(prompt.user)}<|im_end|>\n<|im_start|>assistant\n{prompt.answer}"
    return prefix + "<|im_start|>user", tail


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Spell `prompt` as chat messages, the way an OpenAI-compatible server takes them."""
    spelled = [{"role": "system", "content": prompt.system.strip()}]
    for user, assistant in prompt.examples:
        spelled += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    spelled.append({"role": "user", "content": prompt.user})
    if prompt.answer:
        spelled.append({"role": "assistant", "content": prompt.answer})
    return spelled
