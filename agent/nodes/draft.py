"""Draft: the model writes why, code decides what each sentence stands on; a template where no draft holds."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime

from agent.brief import planning_of
from agent.compose import compose_answer, compose_plan, serving
from agent.context import Context
from agent.ledger import Ledger
from agent.model.none import describe
from agent.state import Draft, State
from agent.writing import write


def draft(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Write the sentences, then compose the text that the gate will read; a repair takes the template alone."""
    get_stream_writer()({"progress": "writing"})
    start = perf_counter()
    context = runtime.context
    ledger = Ledger(state.evidence)
    brief = state.brief if state.intent == "plan" else None
    planning = planning_of(brief, context.tools.planning) if brief else None
    citations = serving(ledger, planning) if planning else dict(ledger.citations)
    words = planning.reasons if planning else {}
    before, written = context.model_seconds(), Draft()
    if context.model is not None and citations and state.repairs == 0:
        written = write(state.intent, state.request, ledger.facts, words, list(citations.values()), context)
    colophon = _colophon(context, written)
    if brief is not None:
        shown, cited = compose_plan(brief, ledger, citations, written.sentences, colophon)
    else:
        shown, cited = compose_answer(ledger, written.sentences, colophon)
    in_model = context.model_seconds() - before
    seconds = {"draft": perf_counter() - start - in_model, "model": in_model}
    return {"draft": written, "shown": shown, "cited": cited, "seconds": seconds}


def _colophon(context: Context, written: Draft) -> str:
    """Say who wrote; a model's name may hold digits, so the text speaks of it without naming it."""
    if context.model is None:
        return f"*{describe(None).capitalize()}: rules read the request and a template wrote this.*"
    if written.sentences:
        return "*A local language model wrote the reasons; code computed, cited and checked everything.*"
    return "*A template wrote this, since no sentence of the language model stood the checks.*"
