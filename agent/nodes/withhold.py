"""Withhold: nothing is shown, and the person learns why and what would help."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agent.context import Context
from agent.state import Answer, State


def withhold(state: State, runtime: Runtime[Context]) -> dict[str, Answer]:
    """Give the reason; neither a number nor a sentence of the failed draft leaves."""
    model = runtime.context.model
    failed = [check for check in state.checks if check.status == "fail"]
    reason = state.declined or "; ".join(
        f"{check.name}: {check.detail or f'{check.value:g} against {check.limit:g} {check.unit}'.strip()}"
        if check.detail or (check.value is not None and check.limit is not None)
        else check.name
        for check in failed
    )
    answer = Answer(
        status="declined" if state.declined else "withheld",
        request=state.asked,
        experiment=state.brief.experiment if state.brief else state.experiment,
        checks=state.checks,
        reason=reason or "no check could be made",
        run=state.run,
        model=model.name if model else "none",
        seconds=state.seconds,
    )
    return {"answer": answer}
