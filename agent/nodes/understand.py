"""Understand: which experiment is meant, which quantity belongs to which parameter, and what is missing.

The model routes and assigns; code finds the quantities, converts and checks them, and fills what is assumed.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.brief import read_brief
from agent.context import Context
from agent.route import Routed, route, which_experiment
from agent.state import State

DECLINED = "the request lies outside what can be planned or answered here ({known})"


def understand(state: State, runtime: Runtime[Context]) -> Command[Literal["ask", "retrieve", "withhold"]]:
    """Turn the request and the replies so far into a brief, or into the one question that is open."""
    get_stream_writer()({"progress": "understanding the request"})
    start = perf_counter()
    context = runtime.context
    before = context.model_seconds()
    known = context.tools.experiments()
    # The first look at the experiments brings the solver's libraries.
    opened = {"solver": perf_counter() - start}
    routed = _route(state, context, known)
    seconds = {**opened, **routed.seconds, "model": context.model_seconds() - before}
    if routed.declined:
        return _go("withhold", start, seconds, declined=DECLINED.format(known=", ".join(known)))
    if routed.question is not None:
        return _go("ask", start, seconds, question=routed.question)
    if state.intent == "ask":
        return _go("retrieve", start, seconds, experiment=routed.experiment)
    planning = context.tools.planning(routed.experiment or "")
    brief, question, evidence = read_brief(state.request, state.replies, planning, context)
    seconds["model"] = context.model_seconds() - before
    update: dict[str, Any] = {"experiment": planning.experiment, "brief": brief, "evidence": [evidence]}
    if question is not None:
        return _go("ask", start, seconds, **update, question=question)
    return _go("retrieve", start, seconds, **update)


def _route(state: State, context: Context, known: list[str]) -> Routed:
    """Take what the person said outright; ask the model and the classifier about the rest."""
    reply = next((text.strip().lower() for name, text in reversed(state.replies) if name == "experiment"), None)
    if reply is not None:
        named = [name for name in known if name in reply]
        return Routed(experiment=named[0]) if len(named) == 1 else Routed(question=which_experiment(known))
    if state.experiment is not None:
        return Routed(experiment=state.experiment)
    return route(state.request, state.intent, state.assume, known, context)


def _go(target: Any, start: float, seconds: dict[str, float], **update: Any) -> Command[Any]:
    spent = perf_counter() - start - sum(seconds.values())
    return Command(goto=target, update={**update, "seconds": {"understand": spent, **seconds}})
