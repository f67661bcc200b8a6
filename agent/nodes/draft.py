"""Draft: the model writes why, code decides what each sentence stands on; a template where no draft holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime

from agent import grammar
from agent.compose import compose_answer, compose_plan, serving
from agent.context import Context
from agent.ledger import Ledger
from agent.model.face import ModelError, Prompt, as_data
from agent.model.none import describe
from agent.present import fact_text
from agent.state import Draft, State
from agent.support import support
from tools.records import Citation, Fact

ATTEMPTS = 2
FEWEST = 2  # sentences that must stand for a draft to be used
MOST_TOKENS = 150
PROMPTS = Path(__file__).parent.parent / "prompts"
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "plan": (
        (
            "<passage>Air left in the pores takes part of the pore volume.</passage>\n"
            "<passage>Small specimens dry faster than large ones.</passage>\n"
            "{oven} = temperature of the oven, 105 °C\n{drying} = drying time, 16 h",
            "Keep the oven temperature at {oven} so that the pore water leaves without changing the sand. "
            "A drying time of {drying} is enough because small specimens dry faster than large ones.",
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

# The facts that a plan's reasons may speak of, and words of which one must stand beside each of them.
ALIASES: dict[str, tuple[str, ...]] = {
    "flow": ("flow", "pump", "rate"),
    "velocity": ("velocity",),
    "duration": ("run", "lasts", "duration"),
    "residence_time": ("residence",),
    "samples": ("samples", "readings", "fractions"),
    "first_sample": ("first", "start", "begin", "from", "earliest"),
    "last_sample": ("last", "until", "end", "final"),
    "pulse_duration": ("pulse",),
    "injected_volume": ("tracer", "volume"),
    "precision_dispersion": ("dispersion", "precision", "within"),
}


def draft(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the sentences, then compose the text that the gate will read."""
    get_stream_writer()({"progress": "writing"})
    start = perf_counter()
    context = runtime.context
    ledger = Ledger(state.evidence)
    facts = {key: fact for key, fact in ledger.facts.items() if key in ALIASES} if state.intent == "plan" else {}
    planned = state.intent == "plan" and state.brief is not None
    citations = dict(ledger.citations)
    if planned and state.brief is not None:
        citations = serving(ledger, context.tools.planning(state.brief.experiment))
    candidates = list(citations.values())
    written, in_model = Draft(), 0.0
    if context.model is not None and candidates and state.repairs == 0:
        written, in_model = _write(state.intent, state.request, facts, candidates, context)
    colophon = _colophon(context, written)
    if planned and state.brief is not None:
        shown, cited = compose_plan(state.brief, ledger, citations, written.sentences, colophon)
    else:
        shown, cited = compose_answer(ledger, written.sentences, colophon)
    seconds = {"draft": perf_counter() - start - in_model, "model": in_model}
    return {"draft": written, "shown": shown, "cited": cited, "seconds": seconds}


def _write(
    intent: str, request: str, facts: dict[str, Fact], candidates: Sequence[Citation], context: Context
) -> tuple[Draft, float]:
    """Ask for a draft at most twice; return the first that holds, else the empty one with what was rejected."""
    rejected: list[str] = []
    in_model = 0.0
    for attempt in range(ATTEMPTS):
        start = perf_counter()
        try:
            text = _ask_model(intent, request, facts, candidates, context, attempt)
            sentences = [sentence.text for sentence in grammar.read_prose(text, facts)]
        except (ModelError, grammar.DraftError) as error:
            rejected.append(str(error))
            continue
        finally:
            in_model += perf_counter() - start
        verdicts = support(sentences, facts, ALIASES, candidates, context.tools.embed)
        rejected += [f"{verdict.sentence} ({verdict.reason})" for verdict in verdicts if verdict.reason]
        kept = [f"{v.sentence} [{v.citation}]" if v.citation else v.sentence for v in verdicts if not v.reason]
        if len(kept) >= (FEWEST if intent == "plan" else 1):
            writer = context.model.name if context.model else "template"
            return Draft(sentences=tuple(kept), writer=writer, rejected=tuple(rejected)), in_model
    return Draft(rejected=tuple(rejected)), in_model


def _ask_model(
    intent: str,
    request: str,
    facts: dict[str, Fact],
    candidates: Sequence[Citation],
    context: Context,
    attempt: int,
) -> str:
    if context.model is None:
        raise ModelError("there is no language model")
    listed = "\n".join(f"{{{key}}} = {fact.name}, {fact_text(fact)}" for key, fact in facts.items())
    # A passage with numbers of its own tempts the model to put facts in their place.
    wordy = [c.quote for c in candidates if not grammar.find_digits_and_number_words(c.quote)]
    quoted = "\n".join(as_data(quote, "passage") for quote in wordy)
    system = (PROMPTS / f"draft_{intent if intent == 'ask' else 'plan'}.md").read_text(encoding="utf-8")
    asked = as_data(request, "request") if intent == "ask" else listed
    prompt = Prompt(system, EXAMPLES[intent], user=f"{quoted}\n{asked}")
    sentences = (2, 4 - attempt)
    return context.model.complete(
        prompt, grammar=grammar.prose(list(facts), sentences, words=28), max_tokens=MOST_TOKENS + 50 * attempt
    )


def _colophon(context: Context, written: Draft) -> str:
    """Say who wrote; a model's name may hold digits, so the text speaks of it without naming it."""
    if context.model is None:
        return f"*{describe(None).capitalize()}: rules read the request and a template wrote this.*"
    if written.sentences:
        return "*A local language model wrote the reasons; code computed, cited and checked everything.*"
    return "*A template wrote this, since no sentence of the language model stood the checks.*"
