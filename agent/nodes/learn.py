"""Learn: what the measured curves say, before the run that follows them is designed."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.context import Context
from agent.errors import BadRequest
from agent.state import Bound, Brief, State, Target
from tools.errors import Retry, ToolError
from tools.quantities import convert
from tools.records import Check, Evidence


def learn(state: State, runtime: Runtime[Context]) -> Command[Literal["compute", "withhold"]]:
    """Fit the curves of the brief, and take from them what the request leaves open; without curves go on.

    Raises:
        BadRequest: a file or a setting cannot be used.
    """
    brief = state.brief
    if brief is None or not brief.curves:
        return Command(goto="compute")
    writer = get_stream_writer()
    writer({"progress": "fitting the measured curves"})
    start = perf_counter()
    try:
        evidence = runtime.context.tools.learn(
            brief.experiment,
            brief.curves,
            brief.target.name if brief.target else None,
            run=state.run,
            progress=lambda share, what: writer({"progress": f"{what} ({share:.0%})"}),
        )
    except Retry as error:
        raise BadRequest(str(error)) from error
    except ToolError as error:
        told = Check(name="what the data say", kind="constraint", status="fail", detail=str(error))
        seconds = {"solver": perf_counter() - start}
        return Command(goto="withhold", update={"checks": [told], "seconds": seconds})
    seconds = {"solver": perf_counter() - start}
    update: dict[str, Any] = {"evidence": [evidence], "brief": completed(brief, evidence), "seconds": seconds}
    return Command(goto="compute", update=update)


def completed(brief: Brief, evidence: Evidence) -> Brief:
    """Take limits, assumptions and the precision to reach from the data where the request says none."""
    bounds = [Bound.model_validate(row) for row in evidence.data.get("bounds", ())]
    # A limit of the request counts in place of the one that the past run would set.
    open_bounds = [bound for bound in bounds if not any(bound.name == other.name for other in brief.bounds)]
    taken = {bound.name for bound in bounds} - {bound.name for bound in open_bounds}
    assumed = evidence.data.get("assumed", ())
    said = tuple(str(row["sentence"]) for row in assumed if row["bound"] not in taken)
    target, aiming = _target(brief.target, evidence)
    return brief.model_copy(
        update={
            "bounds": (*brief.bounds, *open_bounds),
            "assumptions": (*brief.assumptions, *said, *aiming),
            "target": target,
        }
    )


def _target(target: Target | None, evidence: Evidence) -> tuple[Target | None, tuple[str, ...]]:
    """Where no precision was asked, the next run must leave less open than the data do, and aims at a set share."""
    if target is None or target.precision is not None:
        return target, ()
    facts = {fact.id: fact for fact in evidence.facts}
    now, aim = facts.get(f"past_precision_{target.name}"), facts.get(f"aim_{target.name}")
    if now is None or aim is None:
        return target, ()
    percent = [convert(fact.value, fact.unit, "percent") for fact in (now, aim)]
    sentence = (
        f"No precision was asked: the run aims at {{aim_{target.name}}} of the {target.name}, and must at least narrow "
        "what the data leave open."
    )
    return target.model_copy(update={"precision": percent[0], "aim": percent[1]}), (sentence,)
