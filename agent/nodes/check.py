"""Check: the gate reads the finished text; what fails is repaired at most twice."""

from __future__ import annotations

from time import perf_counter
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent import gate
from agent.context import Context
from agent.ledger import Ledger
from agent.state import State

MOST_REPAIRS = 2


def check(state: State, runtime: Runtime[Context]) -> Command[Literal["show", "compute", "draft", "withhold"]]:
    """Run the gate and decide where to go: show, repair or withhold."""
    start = perf_counter()
    ledger = Ledger(state.evidence)
    candidate = gate.Candidate(
        intent=state.intent,
        brief=state.brief,
        settings=ledger.settings(),
        shown=state.shown,
        cited=state.cited,
    )
    tools = runtime.context.tools
    checks = gate.inspect(candidate, ledger, tools.verify, tools.validate)
    update = {"checks": checks, "seconds": {"check": perf_counter() - start}}
    if gate.passed(checks):
        return Command(goto="show", update=update)
    if state.repairs >= MOST_REPAIRS:
        return Command(goto="withhold", update=update)
    grounding_only = all(item.kind == "grounding" for item in checks if item.status == "fail")
    if grounding_only and state.draft.writer == "template":
        return Command(goto="withhold", update=update)
    target: Literal["compute", "draft"] = "draft" if grounding_only or state.intent == "ask" else "compute"
    return Command(goto=target, update={**update, "repairs": state.repairs + 1})
