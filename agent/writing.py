"""Writing: the model drafts sentences with references, and only those that stand on something are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import grammar
from agent.context import Context
from agent.model.face import CutOffError, ModelError, Prompt, as_data
from agent.state import Draft
from agent.support import support
from tools.records import Citation, Fact

ATTEMPTS = 2
SENTENCES, WORDS, TOKENS = (2, 2), 22, 70  # a local model on two cores writes about ten tokens a second
PASSAGES = 3

PROMPTS = Path(__file__).parent / "prompts"
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "plan": (
        (
            "<passage>Water leaves small specimens faster than large ones.</passage>\n"
            "{oven}: temperature of the oven\n{drying}: drying time",
            "Set the oven to {oven}, so that the water leaves without changing the sand. "
            "A drying time of {drying} is enough, because water leaves small specimens faster than large ones.",
        ),
    ),
    "ask": (
        (
            "<passage>Air left in the pores takes part of the pore volume and makes the front arrive early.</passage>\n"
            "<request>Why should I saturate from below?</request>",
            "Air left in the pores takes part of the pore volume. It makes the front arrive early.",
        ),
    ),
}


def write(
    intent: str,
    request: str,
    facts: Mapping[str, Fact],
    words: Mapping[str, Sequence[str]],
    citations: Sequence[Citation],
    context: Context,
) -> Draft:
    """Ask for a draft at most twice; return the first with a sentence that stands.

    `words` are those of which one must stand beside each fact that may be spoken of; other facts are not offered.
    Where no sentence stands, the draft is empty and says what was rejected.
    """
    offered = {key: fact for key, fact in facts.items() if key in words}
    rejected: list[str] = []
    for _ in range(ATTEMPTS):
        try:
            text = _ask_model(intent, request, offered, citations, rejected, context)
            sentences = [sentence.text for sentence in grammar.read_prose(text, offered)]
        except (ModelError, grammar.DraftError) as error:
            rejected.append(str(error))
            continue
        verdicts = support(sentences, offered, words, citations, context.tools.embed)
        rejected += [f"{verdict.sentence} ({verdict.reason})" for verdict in verdicts if verdict.reason]
        kept = [f"{v.sentence} [{v.citation}]" if v.citation else v.sentence for v in verdicts if not v.reason]
        if kept and context.model is not None:
            return Draft(sentences=tuple(kept), writer=context.model.name, rejected=tuple(rejected))
    return Draft(rejected=tuple(rejected))


def _ask_model(
    intent: str,
    request: str,
    facts: Mapping[str, Fact],
    citations: Sequence[Citation],
    rejected: Sequence[str],
    context: Context,
) -> str:
    """Return the model's text; one that was cut off ends with its last whole sentence."""
    if context.model is None:
        raise ModelError("there is no language model")
    # A passage with numbers of its own tempts the model to put facts in their place.
    plain = [c.quote for c in citations if not grammar.find_digits_and_number_words(c.quote)]
    parts = [as_data(quote, "passage") for quote in plain[:PASSAGES]]
    parts += [f"{{{key}}}: {fact.name}" for key, fact in facts.items()] if intent == "plan" else []
    parts += [as_data(request, "request")] if intent == "ask" else []
    parts += [f"Not again: {as_data(rejected[-1], 'data')}"] if rejected else []
    system = (PROMPTS / f"draft_{intent}.md").read_text(encoding="utf-8")
    prompt = Prompt(system, EXAMPLES[intent], user="\n".join(parts))
    try:
        return context.model.complete(prompt, grammar.prose(list(facts), SENTENCES, WORDS), max_tokens=TOKENS)
    except CutOffError as error:
        whole = error.text.rpartition(".")[0]
        if not whole:
            raise
        return f"{whole}."
