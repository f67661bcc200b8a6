"""Retrieve: what the trusted corpus says about the request and about each decision of a plan."""

from __future__ import annotations

from time import perf_counter
from typing import Literal

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.brief import planning_of
from agent.context import Context
from agent.state import State


def retrieve(state: State, runtime: Runtime[Context]) -> Command[Literal["learn", "draft"]]:
    """Search once for the request and once for each topic of the plan; keep the best sentences, verbatim."""
    get_stream_writer()({"progress": "reading the trusted corpus"})
    start = perf_counter()
    tools = runtime.context.tools
    if state.intent == "ask" or state.brief is None:
        evidence = tools.search({"answer": state.request}, experiment=state.experiment, per_topic=5)
        target: Literal["learn", "draft"] = "draft"
    else:
        topics = {topic.name: topic.query for topic in planning_of(state.brief, tools.planning).topics}
        evidence = tools.search(topics, experiment=state.brief.experiment, per_topic=1)
        target = "learn"
    seconds = {"retrieve": perf_counter() - start - sum(evidence.seconds.values()), **evidence.seconds}
    return Command(goto=target, update={"evidence": [evidence], "seconds": seconds})
