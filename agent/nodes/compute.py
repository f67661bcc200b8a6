"""Compute: the solver and the design behind it, under the limits of the request and of the instruments."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.context import Context
from agent.ledger import Ledger
from agent.state import Bound, Brief, State
from tools.errors import ToolError
from tools.records import Check

MARGIN = 0.02  # by how much each repair draws the limits in
FINER = 0.1  # by what each repair multiplies the solver's tolerance


def compute(state: State, runtime: Runtime[Context]) -> Command[Literal["draft", "withhold"]]:
    """Design the experiment; after a failed check with limits drawn in and a finer run."""
    if state.brief is None:
        return Command(goto="withhold", update={"checks": [_failed("no request was understood")]})
    writer = get_stream_writer()
    writer({"progress": "computing"})
    start = perf_counter()
    settings = runtime.context.settings
    try:
        evidence = runtime.context.tools.design(
            request_for(state.brief, state.repairs, Ledger(state.evidence).data.get("past")),
            run=state.run,
            tolerance_factor=FINER**state.repairs,
            device=settings.device,
            surrogate=settings.surrogate,
            predictions=settings.predictions_path,
            progress=lambda share, what: writer({"progress": f"{what} ({share:.0%})"}),
        )
    except ToolError as error:
        seconds = {"solver": perf_counter() - start}
        return Command(goto="withhold", update={"checks": [_failed(str(error))], "seconds": seconds})
    seconds = {"solver": perf_counter() - start}
    if need := evidence.data.get("need"):
        missed = Check(name="target precision", kind="constraint", status="fail", detail=str(need))
        return Command(goto="withhold", update={"evidence": [evidence], "checks": [missed], "seconds": seconds})
    return Command(goto="draft", update={"evidence": [evidence], "seconds": seconds})


def request_for(brief: Brief, repairs: int, past: object = None) -> dict[str, Any]:
    """Write the brief as the design tool reads it, with each limit drawn in a little at every repair.

    `past` is what measured curves said, where the plan follows some.
    """
    wanted = (brief.target.aim or brief.target.precision) if brief.target else None
    return {
        "experiment": brief.experiment,
        "settings": dict(brief.settings),
        "bounds": [tightened(bound, repairs).model_dump() for bound in brief.bounds],
        "target": brief.target.name if brief.target else None,
        "choices": dict(brief.choices),
        "precision": wanted * (1 - MARGIN) ** repairs if wanted is not None else None,
        "asked": brief.target is not None and brief.target.aim is None,
        "past": past,
    }


def tightened(bound: Bound, repairs: int) -> Bound:
    """Draw a limit in by a small margin for every repair so far."""
    shrink = MARGIN * repairs
    lower = bound.lower * (1 + shrink) if bound.lower is not None else None
    upper = bound.upper * (1 - shrink) if bound.upper is not None else None
    return bound.model_copy(update={"lower": lower, "upper": upper})


def _failed(reason: str) -> Check:
    return Check(name="design", kind="constraint", status="fail", detail=reason)
