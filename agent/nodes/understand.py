"""Understand: which experiment is meant, which quantity belongs to which parameter, and what is missing.

The model routes and assigns; code finds the quantities, converts and checks them, and fills what is assumed. Measured
curves say themselves of which experiment they are; those of earlier turns stay with their thread.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.brief import read_brief
from agent.classify import NONE, route_by_rules
from agent.context import Context
from agent.errors import BadRequest
from agent.route import Routed, changes_a_plan, route, route_after, which_experiment
from agent.state import State
from tools.errors import Retry
from tools.planning import Planning
from tools.records import Curve

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
    curves = measured(state, context)
    earlier = _earlier(state, context, known, curves)
    routed = Routed(experiment=state.bench.experiment) if earlier else _route(state, context, known, curves)
    seconds = {**opened, **routed.seconds, "model": context.model_seconds() - before}
    if routed.declined:
        return _go("withhold", start, seconds, declined=DECLINED.format(known=", ".join(known)))
    if routed.question is not None:
        return _go("ask", start, seconds, question=routed.question)
    if state.intent == "ask":
        return _go("retrieve", start, seconds, experiment=_asked_about(state, routed, known))
    planning = context.tools.planning(routed.experiment or "")
    how = _plan_of(planning, curves, state, context)
    brief, question, evidence = read_brief(state.request, state.replies, *how, earlier=earlier)
    seconds["model"] = context.model_seconds() - before
    update: dict[str, Any] = {
        "experiment": planning.experiment,
        "brief": brief,
        "evidence": [evidence],
        "earlier": earlier,
    }
    if question is not None:
        return _go("ask", start, seconds, **update, question=question)
    return _go("retrieve", start, seconds, **update)


def measured(state: State, context: Context) -> tuple[Curve, ...]:
    """Return the curves that the turn follows: those handed over now, after those of earlier turns.

    What was planned before on this thread is taken as the run in which a new curve was measured.

    Raises:
        BadRequest: a file cannot be used; the message says which and why.
    """
    if state.intent == "ask":
        return ()
    if not state.data:
        return state.bench.curves
    try:
        new = context.tools.look(state.data, state.experiment)
    except Retry as error:
        raise BadRequest(str(error)) from error
    if new[0].experiment != state.bench.experiment:
        return new
    planned = state.bench.planned
    earlier = {curve.sha256: curve for curve in state.bench.curves}
    added = [
        curve.model_copy(
            update={"settings": {**planned, **curve.settings}, "input": planned.get("input") or curve.input}
        )
        for curve in new
        if curve.sha256 not in earlier
    ]
    return (*earlier.values(), *added)


def _earlier(state: State, context: Context, known: list[str], curves: tuple[Curve, ...]) -> tuple[str, ...]:
    """Return the requests of the plan before, where a message only changes a number of it."""
    bench = state.bench
    if state.intent != "plan" or not bench.requests or curves or not changes_a_plan(state.request):
        return ()
    named = {state.experiment or bench.experiment, route_by_rules(state.request, known).experiment}
    return bench.requests if named <= {bench.experiment, NONE} else ()


def _plan_of(
    planning: Planning, curves: tuple[Curve, ...], state: State, context: Context
) -> tuple[Planning, Context, tuple[Curve, ...]]:
    """Return how to plan: after the curves, unless they are of earlier turns and the request is of another apparatus.

    Raises:
        BadRequest: curves of this experiment cannot be followed.
    """
    if not curves or curves[0].experiment != planning.experiment:
        return planning, context, ()
    try:
        after = planning.after()
    except Retry as error:
        raise BadRequest(str(error)) from error
    if not state.data and planning.measured is not None:
        named = read_brief(state.request, (), planning, context)[2]
        said = {fact.name.replace(" ", "_") for fact in named.facts if fact.source.tool == "request"}
        if said & set(planning.measured.apparatus):
            return planning, context, ()
    return after, context, curves


def _route(state: State, context: Context, known: list[str], curves: tuple[Curve, ...]) -> Routed:
    """Take what the person said outright, or what a curve is of; ask the model and the classifier about the rest."""
    reply = next((text.strip().lower() for name, text in reversed(state.replies) if name == "experiment"), None)
    if reply is not None:
        named = [name for name in known if name in reply]
        return Routed(experiment=named[0]) if len(named) == 1 else Routed(question=which_experiment(known))
    if state.experiment is not None:
        return Routed(experiment=state.experiment)
    if curves:
        return route_after(state.request, curves[0].experiment, bool(state.data), known, context)
    return route(state.request, state.intent, state.assume, known, context)


def _asked_about(state: State, routed: Routed, known: list[str]) -> str | None:
    """Return what a question is about: on a thread with a plan that is the plan's, unless it speaks of another."""
    spoken_of = route_by_rules(state.request, known).experiment
    return state.bench.experiment if state.bench.experiment and spoken_of == NONE else routed.experiment


def _go(target: Any, start: float, seconds: dict[str, float], **update: Any) -> Command[Any]:
    spent = perf_counter() - start - sum(seconds.values())
    return Command(goto=target, update={**update, "seconds": {"understand": spent, **seconds}})
