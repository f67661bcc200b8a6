"""Withhold: nothing is shown, and the person learns why and what would help."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agent.brief import planning_of
from agent.context import Context
from agent.ledger import Ledger
from agent.present import render
from agent.state import Answer, State
from tools.records import Check


def withhold(state: State, runtime: Runtime[Context]) -> dict[str, Answer]:
    """Give the reason; neither a number nor a sentence of the failed draft leaves."""
    model = runtime.context.model
    failed = [check for check in state.checks if check.status == "fail"]
    reason = state.declined or "; ".join(map(_told, failed))
    answer = Answer(
        status="declined" if state.declined else "withheld",
        request=state.asked,
        experiment=state.brief.experiment if state.brief else state.experiment,
        checks=state.checks,
        reason=f"{reason}{_taken(state, reason, runtime.context)}" if reason else "no check could be made",
        run=state.run,
        model=model.name if model else "none",
        seconds=state.seconds,
    )
    return {"answer": answer}


def _told(check: Check) -> str:
    """Say what failed, with the numbers that were compared."""
    if check.value is None or check.limit is None:
        return f"{check.name}: {check.detail}" if check.detail else check.name
    numbers = f"{check.value:.4g} against {check.limit:.4g} {check.unit}".strip()
    return f"{check.name}: {numbers} ({check.detail})" if check.detail else f"{check.name}: {numbers}"


def _taken(state: State, reason: str, context: Context) -> str:
    """Return the assumptions that the reason speaks of: a person can settle them otherwise."""
    if state.brief is None or state.declined:
        return ""
    ledger = Ledger(state.evidence)
    planning = planning_of(state.brief, context.tools.planning)
    told = reason.lower().replace("_", " ")
    sentences = [
        render(assumption.sentence, ledger.facts, ledger.citations).text
        for assumption in planning.assumptions
        if assumption.sentence in state.brief.assumptions and assumption.name.replace("_", " ") in told
    ]
    return f" (not said in the request: {' '.join(sentences)})" if sentences else ""
